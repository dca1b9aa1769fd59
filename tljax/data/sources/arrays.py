"""A source of arrays that lie in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tljax.data.source import Source, sources
from tljax.data.sources.labels import encode


@dataclass(frozen=True, eq=False)
class Arrays:
    """Examples in memory; build it with `from_arrays`, which checks what it is given."""

    x: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    where: str

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"x": self.x[index], "label": self.labels[index]}

    def name(self, index: int) -> str:
        """The file and the number of an example."""
        return f"{self.where}, example {index}"


def from_arrays(
    x: np.ndarray,
    label: np.ndarray,
    classes: Sequence[str] | None = None,
    shape: Sequence[int] | None = None,
    where: str = "arrays",
) -> Arrays:
    """A source of given arrays.

    Args:
      x: [N, ...]: uint8 (images; [N, H, W] gets a channel axis) or floats, stored as float32 ([N, H, W, C] in [0, 1], [N, D], ...).
      label: [N] or [N, K]: class ids, names, yes/no flags or float targets (see `tljax.data.sources.labels.encode`).
      classes: class names in the order of their ids; by default the ids, or the sorted names.
      shape: the shape of one example, where `x` is stored flat.
      where: what errors quote, say the file.

    Raises:
      ValueError: another dtype or shape, other lengths of x and label, values that are not finite, labels outside the classes.
    """
    x, label = np.asarray(x), np.asarray(label)
    if x.ndim < 2 or label.ndim < 1 or len(x) != len(label):
        raise ValueError(f"{where}: x {list(x.shape)} and label {list(label.shape)} must be [N, ...] and [N], with the same N")
    x = shaped(x, (len(x), *example_shape(x.shape[1:], x.dtype, shape)), where)
    labels, names = encode(label, classes, where)
    return Arrays(checked(x, where), labels, names, where)


def example_shape(stored: tuple[int, ...], dtype: np.dtype, shape: Sequence[int] | None) -> tuple[int, ...]:
    """The shape of one example: `shape` where given; uint8 [H, W] is an image of one channel; else as stored."""
    if shape is not None:
        return tuple(shape)
    return (*stored, 1) if dtype == np.uint8 and len(stored) == 2 else stored


def shaped(x: np.ndarray, shape: tuple[int, ...], where: str) -> np.ndarray:
    """`x` in `shape`. Raises ValueError naming `where` if the sizes differ."""
    try:
        return x.reshape(shape)
    except ValueError:
        raise ValueError(f"{where}: x is {list(x.shape)} and cannot be read as {list(shape)}") from None


def checked(x: np.ndarray, where: str, first: int = 0) -> np.ndarray:
    """Inputs as sources give them: uint8 as it is, floats as finite float32.

    Args:
      x: [N, ...].
      where: the file that errors quote.
      first: the number of the first example, for errors.

    Raises:
      ValueError: another dtype; a NaN or an infinity, with the number of its example.
    """
    if x.dtype == np.uint8:
        return x
    if x.dtype.kind != "f":
        raise ValueError(f"{where}: x is {x.dtype}; wanted is uint8 (images, 0 to 255) or a float type: convert it with astype")
    x = np.asarray(x, np.float32)
    wrong = np.flatnonzero(~np.isfinite(x).all(axis=tuple(range(1, x.ndim))))
    if wrong.size:
        raise ValueError(f"{where}: x of example {first + wrong[0]} is not finite ({wrong.size} such); clean the file")
    return x


@sources.register
def npz(path: str, x: str = "x", label: str = "y", shape: Sequence[int] | None = None, classes: Sequence[str] | None = None) -> Source:
    """A numpy ``.npz`` file with an array `x` [N, ...] and an array `label` [N] or [N, K]; read whole, never unpickled.

    Args and errors as in `from_arrays`; a missing file or key, and a damaged file, are named too.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            missing = [key for key in (x, label) if key not in file.files]
            if missing:
                raise KeyError(f"no array {missing[0]!r}; there are {', '.join(file.files) or 'none'}")
            inputs, labels = file[x], file[label]
    except Exception as e:  # a damaged zip shows as many kinds of error
        raise ValueError(f"{path}: cannot be read as npz: {e.args[0] if e.args else e}") from None
    return from_arrays(inputs, labels, classes, shape, where=path)
