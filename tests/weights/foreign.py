"""Files of other frameworks, made from our own models: the names and layout of a family."""

from collections.abc import Mapping

import numpy as np

from tests.golden.drawn import draw
from tljax import models, trees
from tljax.weights.keymap import file_name, keymaps, translate


def named(family: str, leaves: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays by our paths as arrays by the names of `family`, in its layout."""
    keymap = keymaps[family]()
    known = translate(keymap, dict.fromkeys(file_name(keymap, path) for path in leaves)).known
    parts = {name: [transform.backward(leaves[path]) for path, transform in pairs] for name, pairs in known.items()}
    return {name: np.concatenate(arrays) if len(arrays) > 1 else arrays[0] for name, arrays in parts.items()}


def shapes(family: str, model: models.TransferModel) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a file of `family` that fills `model`."""
    leaves = {path: np.broadcast_to(np.int8(0), leaf.shape) for path, leaf in trees.flatten(models.shapes(model)).items()}
    return {name: a.shape for name, a in named(family, leaves).items()}


def drawn(family: str, model: models.TransferModel) -> dict[str, np.ndarray]:
    """Such a file, each of its arrays drawn from its name alone."""
    return {name: draw(name, shape) for name, shape in shapes(family, model).items()}
