"""Published weight files that fit the backbones: where they lie, what they were trained on, under which licence.

A licence is what the publisher says of the weights themselves; "not stated" means that only their code carries one. What the training
data's own terms imply for weights is another question, which no entry answers.
"""

from tljax.weights.sources import authors, hugging_face, keras, timm, torchvision
from tljax.weights.sources.entry import Known

KNOWN: tuple[Known, ...] = (*authors.SOURCES, *torchvision.SOURCES, *timm.SOURCES, *hugging_face.SOURCES, *keras.SOURCES)
"""What is known, by publisher."""
