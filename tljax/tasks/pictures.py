"""Pictures of a task as data; `tljax.report` draws them."""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Matrix:
    """A confusion matrix `[C, C]` of counts, row = true class, with the class names."""

    counts: np.ndarray
    classes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """Images `[H, W, C]` (uint8 or float in [0, 1]) with a caption each, in rows of `columns`.

    `empty` is the text of a grid without images; `legend` names colors, ``(name, (red, green, blue))`` in 0..255.
    """

    images: Sequence[np.ndarray]
    captions: Sequence[str]
    title: str
    empty: str = "No example to show."
    columns: int = 5
    legend: tuple[tuple[str, tuple[int, int, int]], ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Scatter:
    """Predictions `[N]` against targets `[N]`."""

    targets: np.ndarray
    predictions: np.ndarray
    title: str


Picture = Matrix | Grid | Scatter
