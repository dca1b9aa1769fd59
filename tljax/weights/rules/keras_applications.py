"""Parts that several models of keras.applications name alike: the first convolution, numbered blocks, the classifier."""

import re
from collections.abc import Sequence

from tljax.weights.keymap import Shapes
from tljax.weights.rules.keras import dense
from tljax.weights.rules.layers import Rules

CLASSIFIERS = ("predictions", "probs")
"""Names of the classifier in Keras and in the former package keras-applications."""


def classifier(names: Sequence[str] = CLASSIFIERS) -> Rules:
    """Rules of the classifier under any of `names`."""
    return {regex: target for name in names for regex, target in dense(name, "head").items()}


def num_classes(shapes: Shapes, names: Sequence[str] = CLASSIFIERS) -> int:
    """Returns the outputs of the classifier under one of `names`; 0 for a file without one."""
    kernels = (shapes.get(f"{name}/{leaf}") for name in names for leaf in ("kernel", "0"))
    return next((kernel[-1] for kernel in kernels if kernel), 0)


def stem(shapes: Shapes) -> tuple[int, int]:
    """Returns width and input channels of the 7x7 convolution ``conv1_conv``. Raises ValueError where it is absent or of another size."""
    kernel = shapes.get("conv1_conv/kernel", shapes.get("conv1_conv/0", ()))
    if len(kernel) != 4 or kernel[:2] != (7, 7):
        raise ValueError(f"its first convolution conv1_conv is {kernel}, not [7, 7, channels, width]")
    return kernel[3], kernel[2]


def block_counts(shapes: Shapes) -> tuple[int, ...]:
    """Returns how many blocks ``conv2_block1``, ... each of the four stages has."""
    return tuple(len({m[1] for name in shapes if (m := re.match(rf"conv{stage}_block(\d+)_", name))}) for stage in (2, 3, 4, 5))
