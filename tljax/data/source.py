"""What a source is: random access to examples as dicts of numpy arrays."""

from typing import Any, Protocol

import numpy as np

from tljax.registry import Registry

sources = Registry("source")


class Source(Protocol):
    """Random-access examples; workers pickle it, threads read it at the same time.

    `source[i]` is ``{"x": ..., "label": ...}``: images uint8 [H, W, C] in 0..255 or float32 [H, W, C] in [0, 1], vectors float32 [D].
    A source may also have ``name(i) -> str``, the file (or place) of example i, which errors then quote.
    """

    @property
    def labels(self) -> np.ndarray:
        """The class ids int32 [N] (or float32 [N] or [N, K]: regression, multi-label), readable without decoding an input."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in the order of their ids; empty for regression."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]: ...


def create(expression: str) -> Source:
    """The source that a call expression names, such as ``"digits"`` or ``"folder('images', split='train')"``.

    Raises:
      KeyError: unknown name. ValueError, FileNotFoundError: wrong arguments, missing or damaged files.
    """
    return sources.create(expression)


def name_of(source: Source, index: int) -> str:
    """Where example `index` comes from: its file if the source knows it, else ``"example 3"``."""
    name = getattr(source, "name", None)
    return name(index) if callable(name) else f"example {index}"


def class_ids(source: Source) -> np.ndarray:
    """`source.labels` as class ids, int32 [N]. Raises ValueError where an example has not exactly one class."""
    labels = np.asarray(source.labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or (labels.size and labels.min() < 0):
        raise ValueError(f"one class per example is needed; these labels are {labels.dtype} {list(labels.shape)} or hold negative ids")
    return labels


def class_counts(source: Source) -> np.ndarray:
    """The number of examples of each class: int64 [num_classes]. Raises ValueError for regression and multi-label."""
    return np.bincount(class_ids(source), minlength=len(source.classes))
