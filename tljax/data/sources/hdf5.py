"""A source over two datasets of an HDF5 file, read one example at a time."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tljax.data.source import Source, digest, sources
from tljax.data.sources.arrays import checked, example_shape, input_kind, shaped
from tljax.data.sources.labels import Labels, encode

_CACHE_BYTES = 64 * 2**20  # a shuffled read that misses the cache unpacks a whole chunk for one example


class Hdf5:
    """An HDF5 file, opened on the first read in each process: a handle survives neither a fork nor pickling."""

    def __init__(self, path: str, key: str, stored: tuple[int, ...], shape: tuple[int, ...], labels: Labels | None):
        self.path, self.key, self.stored, self.shape = path, key, stored, shape
        self.labels: np.ndarray | None = labels.values if labels else None
        self.classes: tuple[str, ...] = labels.classes if labels else ()
        self.fields = {"x": input_kind(shape, f"{path}: {key}")} | ({"label": labels.kind} if labels else {})
        self._handle: tuple[int, h5py.Dataset] | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self.stored[0]

    def __getitem__(self, index: int) -> dict[str, Any]:
        label = {} if self.labels is None else {"label": self.labels[index]}
        x = np.asarray(self._open()[range(len(self))[index]])
        x = shaped(x, self.shape, self.name(index))
        return {"x": checked(x[None], f"{self.path}: {self.key}", index)[0], **label}

    def name(self, index: int) -> str:
        """The file, the dataset and the number of an example."""
        return f"{self.path}: {self.key}, example {index}"

    def fingerprint(self) -> str:
        """A hash of the file's size, of the inputs' dataset, its shape and its reading, and of the labels; no input is read."""
        size = Path(self.path).stat().st_size
        content = (self.key.strip("/"), self.stored, self.shape, self.labels, self.classes, self.fields)
        return digest("hdf5", size, *content)

    def _open(self) -> h5py.Dataset:
        """The dataset, kept open so that its cache of unpacked chunks lives as long as this object."""
        with self._lock:
            if self._handle is None or self._handle[0] != os.getpid():
                self._handle = os.getpid(), h5py.File(self.path, "r", rdcc_nbytes=_CACHE_BYTES, rdcc_nslots=10007)[self.key]
            return self._handle[1]

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_handle", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _handle=None, _lock=threading.Lock())


@sources.register
def hdf5(
    path: str,
    x: str = "x",
    label: str = "y",
    shape: Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    kind: str | None = None,
) -> Source:
    """The datasets `x` [N, ...] and `label` [N] of an HDF5 file, such as ``hdf5('usps.h5', x='train/data', label='train/target')``.

    Labels are read at once, inputs one by one, from any thread or process.

    Args:
      path: the file.
      x: key of the inputs: uint8 (images) or floats (read as float32).
      label: key of the labels: class ids, names, flags or float targets (see `tljax.data.sources.labels.encode`); ``""``: there are none.
      shape: the shape of one example, if it is stored flat.
      classes: class names in the order of their ids.
      kind: kind of the labels, ``class``, ``classes``, ``distribution`` or ``number``; by default it follows from their dtype and shape.

    Raises:
      FileNotFoundError: no such file. ValueError: not HDF5 or truncated, a missing dataset, wrong dtype, shape, length or labels; on
        reading an example, values that are not finite.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        file = h5py.File(path, "r")
    except OSError as e:
        raise ValueError(f"{path}: cannot be read as HDF5: {e}") from None
    with file:
        inputs, raw = _dataset(file, x, path), np.asarray(_dataset(file, label, path)) if label else None
        if inputs.ndim < 2:
            raise ValueError(f"{path}: {x} {list(inputs.shape)} must be [N, ...], N examples of some shape")
        if raw is not None and (raw.ndim < 1 or len(inputs) != len(raw)):
            raise ValueError(f"{path}: {x} {list(inputs.shape)} and {label} {list(raw.shape)} must be [N, ...] and [N], with the same N")
        one = example_shape(inputs.shape[1:], inputs.dtype, shape)
        shaped(np.empty(inputs.shape[1:], bool), one, f"{path}: {x}")
        checked(np.empty((0, 1), inputs.dtype), f"{path}: {x}")
        labels = None if raw is None else encode(raw, classes, f"{path}: {label}", kind)
        return Hdf5(str(path), x, stored=inputs.shape, shape=one, labels=labels)


def _dataset(file: h5py.File, key: str, path: str) -> h5py.Dataset:
    names: list[str] = []
    file.visititems(lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) else None)
    if key.strip("/") not in names:
        raise ValueError(f"{path}: no dataset {key!r}; there are {', '.join(names[:20]) or 'none'}")
    return file[key]
