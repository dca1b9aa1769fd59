"""DistilBERT (Sanh et al. 2019): BERT with half as many blocks, no segments and no pooler."""

import functools

from tljax.models.create import backbones
from tljax.zoo.bert.model import bert

backbones.register("distilbert")(functools.partial(bert, width=768, depth=6, heads=12, segments=0, pool="mean"))
