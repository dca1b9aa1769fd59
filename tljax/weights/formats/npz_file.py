"""NumPy's `.npz` as arrays; object arrays, which are pickles, are refused."""

import io
import math

import numpy as np
from numpy.lib import format as npy

from tljax.weights.formats import zip_file


def read(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file's bytes, compressed or not; read-only, in the machine's byte order.

    Raises:
      ValueError: an entry that is no array of numbers, or whose header does not fit its bytes.
    """
    return {name.removesuffix(".npy"): _array(name, unpack()) for name, unpack in zip_file.entries(data).items()}


def _array(name: str, content: bytes) -> np.ndarray:
    stream = io.BytesIO(content)
    try:
        header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(stream)]
        shape, fortran, dtype = header(stream)
    except Exception as e:
        raise ValueError(f"the header of array {ascii(name)[:120]} is damaged ({type(e).__name__}: {ascii(str(e)[:160])[1:-1]})") from e
    if dtype.kind not in "biufc":
        raise ValueError(f"refused: array {ascii(name)[:120]} is of type {ascii(dtype)[:80]}, which holds no plain numbers")
    at, count = stream.tell(), math.prod(shape)
    if min(shape, default=0) < 0 or at + count * dtype.itemsize != len(content):
        raise ValueError(f"array {ascii(name)[:120]} of shape {shape} does not fit its {len(content) - at:,} bytes")
    flat = np.frombuffer(content, dtype, count, at) if count else np.zeros(0, dtype)
    return flat.astype(dtype.newbyteorder("="), copy=False).reshape(shape, order="F" if fortran else "C")
