"""The safetensors format as arrays: one file, or the shards that an index lists."""

import json
from typing import Any

import ml_dtypes
import numpy as np
import safetensors

_DTYPES: dict[str, Any] = {
    **{name: np.dtype(name) for name in ("float64", "float32", "float16", "int64", "int32", "int16", "int8")},
    **{name: np.dtype(name) for name in ("uint64", "uint32", "uint16", "uint8", "bool", "complex64")},
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float8_e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn),
    "float8_e5m2": np.dtype(ml_dtypes.float8_e5m2),
}
_SHORT = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool", "C64": "complex64"}
_SHORT |= {f"{s}{bits}": f"{long}{bits}" for s, long in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32, 64)}
_SHORT |= {"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}


def read(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of a `.safetensors` file's bytes, by name.

    Raises:
      ValueError: a dtype that NumPy lacks. safetensors.SafetensorError: damaged.
    """
    return {name: _array(name, entry) for name, entry in sorted(safetensors.deserialize(data), key=lambda item: item[0])}


def _array(name: str, entry: Any) -> np.ndarray:
    if entry["dtype"] not in _SHORT:
        raise ValueError(f"tensor {ascii(name)[:120]} is of type {entry['dtype']}, which is not read")
    dtype = _DTYPES[_SHORT[entry["dtype"]]]
    flat = np.frombuffer(entry["data"], dtype) if len(entry["data"]) else np.zeros(0, dtype)
    return flat.reshape(entry["shape"])


def shards(index: bytes) -> dict[str, tuple[str, ...]]:
    """Shard file -> the tensors in it, from the bytes of a `*.index.json`.

    Raises:
      ValueError: no index, or a shard that is not a plain file name beside it.
    """
    content = json.loads(index)
    names = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(names, dict) or not names:
        raise ValueError("JSON, but no index of shards (it has no 'weight_map')")
    files: dict[str, list[str]] = {}
    for name, file in names.items():
        if not isinstance(file, str) or not file or file.startswith(".") or any(c in file for c in "/\\:\0"):
            raise ValueError(f"the index puts {ascii(name)[:120]} into {ascii(file)[:120]}, which is no file name")
        files.setdefault(file, []).append(name)
    return {file: tuple(names) for file, names in sorted(files.items())}
