"""A source of arrays that lie in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tljax.data.source import Source, digest, sources
from tljax.data.sources.labels import encode

_INPUT_KINDS = {1: "vector", 2: "series", 3: "image"}


@dataclass(frozen=True, eq=False)
class Arrays:
    """Examples in memory; build it with `from_arrays`, which checks them."""

    x: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...]
    fields: Mapping[str, str]
    where: str

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"x": self.x[index]} | ({} if self.labels is None else {"label": self.labels[index]})

    def name(self, index: int) -> str:
        """The file and the number of an example."""
        return f"{self.where}, example {index}"

    def fingerprint(self) -> str:
        """A hash of the arrays."""
        content = (self.x, self.labels, self.classes, self.fields)
        return digest("arrays", *content)


def from_arrays(
    x: np.ndarray,
    label: np.ndarray | None = None,
    classes: Sequence[str] | None = None,
    shape: Sequence[int] | None = None,
    where: str = "arrays",
    kind: str | None = None,
) -> Arrays:
    """A source of arrays in memory.

    Args:
      x: [N, ...]: uint8 (images; [N, H, W] gets a channel axis) or floats, stored as float32: images [N, H, W, C] in [0, 1], vectors [N,
        D], series [N, T, D].
      label: [N] or [N, K]: class ids, names, 0/1 flags, probabilities or float targets (see `tljax.data.sources.labels.encode`); None: the
        examples have no label.
      classes: class names in the order of their ids; by default the ids, or the sorted names.
      shape: the shape of one example, for an `x` that is stored flat.
      where: origin that errors quote, such as the file.
      kind: kind of the labels, ``class``, ``classes``, ``distribution`` or ``number``; by default it follows from their dtype and shape.

    Raises:
      ValueError: another dtype or shape, other lengths of x and label, values that are not finite, labels outside the classes or of another
        kind than `kind`.
    """
    x, label = np.asarray(x), None if label is None else np.asarray(label)
    if x.ndim < 2:
        raise ValueError(f"{where}: x {list(x.shape)} must be [N, ...], N examples of some shape")
    if label is not None and (label.ndim < 1 or len(x) != len(label)):
        raise ValueError(f"{where}: x {list(x.shape)} and label {list(label.shape)} must be [N, ...] and [N], with the same N")
    x = checked(shaped(x, (len(x), *example_shape(x.shape[1:], x.dtype, shape)), where), where)
    fields = {"x": input_kind(x.shape[1:], where)}
    if label is None:
        return Arrays(x, labels=None, classes=(), fields=fields, where=where)
    encoded = encode(label, classes, where, kind)
    fields |= {"label": encoded.kind}
    return Arrays(x, labels=encoded.values, classes=encoded.classes, fields=fields, where=where)


def input_kind(shape: tuple[int | None, ...], where: str) -> str:
    """The kind of an example's input by the number of its axes: [D] vector, [T, D] series, [H, W, C] image; ValueError for any other."""
    if len(shape) not in _INPUT_KINDS:
        raise ValueError(f"{where}: x of an example is {list(shape)}; expected [D], [T, D] or [H, W, C] (state it with shape=)")
    return _INPUT_KINDS[len(shape)]


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
    """Inputs in the form of sources: uint8 as it is, floats as finite float32.

    Args:
      x: inputs [N, ...].
      where: the file that errors quote.
      first: the number of the first example, for errors.

    Raises:
      ValueError: another dtype; a NaN or an infinity (names its example).
    """
    if x.dtype == np.uint8:
        return x
    if x.dtype.kind != "f":
        raise ValueError(f"{where}: x is {x.dtype}; expected uint8 (images, 0 to 255) or a float type: convert it with astype")
    x = np.asarray(x, np.float32)
    broken = np.flatnonzero(~np.isfinite(x).all(axis=tuple(range(1, x.ndim))))
    if broken.size:
        raise ValueError(f"{where}: x of example {first + broken[0]} is not finite ({broken.size} such examples); remove or repair them")
    return x


@sources.register
def npz(
    path: str,
    x: str = "x",
    label: str = "y",
    shape: Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    kind: str | None = None,
) -> Source:
    """A numpy ``.npz`` file with an array `x` [N, ...] and an array `label` [N] or [N, K] (``""``: none), read into memory.

    The file is never unpickled. The other arguments and errors are those of `from_arrays`.

    Raises:
      FileNotFoundError: no such file. ValueError: a damaged file, a missing key.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            missing = [key for key in (x, label) if key and key not in file.files]
            if missing:
                raise KeyError(f"no array {missing[0]!r}; there are {', '.join(file.files) or 'none'}")
            inputs, labels = file[x], file[label] if label else None
    except Exception as e:  # a damaged zip shows as many kinds of error
        raise ValueError(f"{path}: cannot be read as npz: {e.args[0] if e.args else e}") from None
    return from_arrays(inputs, labels, classes, shape, where=path, kind=kind)
