"""Files of other frameworks, made from our own models: the names and layout of a family."""

from collections.abc import Mapping

import numpy as np

from tests.parity.drawn import draw
from tljax import models, trees
from tljax.weights.export import renamed
from tljax.weights.keymap import table


def named(family: str, leaves: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays by our paths as arrays by the names of `family`, in its layout."""
    return renamed(table(family), leaves)


def shapes(family: str, model: models.TransferModel, head: bool = True) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a file of `family` that fills `model`, or all of it but the head."""
    wanted = {path: leaf.shape for path, leaf in trees.flatten(models.shapes(model)).items() if head or not path.startswith("params/head/")}
    leaves = {path: np.broadcast_to(np.int8(0), shape) for path, shape in wanted.items()}
    return {name: a.shape for name, a in named(family, leaves).items()}


def drawn(family: str, model: models.TransferModel) -> dict[str, np.ndarray]:
    """Such a file, each of its arrays drawn from its name alone."""
    return {name: draw(name, shape) for name, shape in shapes(family, model).items()}
