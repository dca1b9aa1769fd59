"""The source ``idx``: the file format of MNIST and its relatives."""

import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tljax.data.source import Source, sources
from tljax.data.sources.arrays import from_arrays

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


@sources.register
def idx(
    images: str, labels: str = "", shape: Sequence[int] | None = None, classes: Sequence[str] | None = None, kind: str | None = None
) -> Source:
    """Two idx files, plain or ``.gz``: `images` [N, H, W] uint8 (or [N, ...]) and `labels` [N] or [N, K] (``""``: none).

    The other arguments are as in `from_arrays`.

    Raises:
      FileNotFoundError: a missing file. ValueError: a wrong magic number, a truncated file, files of different lengths; labels as in
        `from_arrays`.
    """
    where = f"{images} with {labels}" if labels else images
    return from_arrays(read_idx(images), read_idx(labels) if labels else None, classes, shape, where=where, kind=kind)


def read_idx(path: str | Path) -> np.ndarray:
    """One idx file as an array in native byte order.

    Format (Y. LeCun, C. Cortes, C. Burges, the MNIST page): two zero bytes, a type code, the number of dimensions, each dimension as a
    big-endian uint32, then the values big-endian in C order.

    Raises:
      FileNotFoundError: no such file. ValueError: not idx, shorter or longer than its header says, or a damaged gzip.
    """
    raw = _bytes(Path(path))
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _DTYPES or not raw[3]:
        raise ValueError(f"{path}: not an idx file (it starts with {raw[:4].hex() or 'nothing'})")
    start = 4 + 4 * raw[3]
    if len(raw) < start:
        raise ValueError(f"{path}: truncated inside its header")
    shape = tuple(int(n) for n in np.frombuffer(raw, ">u4", raw[3], 4))
    dtype = np.dtype(_DTYPES[raw[2]])
    size = start + math.prod(shape) * dtype.itemsize
    if len(raw) != size:
        fault = "truncated" if len(raw) < size else "too long"
        raise ValueError(f"{path}: {fault}: {list(shape)} {dtype.name} takes {size} bytes, the file holds {len(raw)}")
    return np.frombuffer(raw, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    raw = path.read_bytes()
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as e:
        raise ValueError(f"{path}: truncated or damaged gzip file: {e}") from None
