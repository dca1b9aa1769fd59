"""PyTorch checkpoints, both the zip format (torch >= 1.6) and the legacy one, as NumPy arrays; torch is not needed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tljax.weights.formats import torch_tensors, unpickle, zip_file

MAGIC = 0x1950A86A20F9469CFC6C
NESTED = ("state_dict", "model_state_dict", "model", "net", "params")
PREFIXES = ("module.", "_orig_mod.")


def read_zip(data: bytes) -> dict[str, np.ndarray]:
    """The state dict of a zip-format file's bytes. Raises ValueError: no such file, damaged, refused."""
    entries = zip_file.entries(data)
    pickles = [name for name in entries if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError(f"a zip archive, but neither npz nor PyTorch (it has {len(pickles)} data.pkl, not one)")
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}byteorder" in entries and entries[f"{root}byteorder"]() != b"little":
        raise ValueError("its tensors are not in little-endian byte order")
    value, _ = unpickle.load(entries[pickles[0]](), 0, torch_tensors.ADMITTED, torch_tensors.persistent)
    tensors = state_dict(value)
    raw: dict[str, memoryview] = {}
    for tensor in tensors.values():
        key = str(tensor.storage.key)
        if key not in raw:
            raw[key] = memoryview(entries[f"{root}data/{key}"]())
    return {name: torch_tensors.array(t, raw[str(t.storage.key)], len(data)) for name, t in tensors.items()}


def read_legacy(data: bytes) -> dict[str, np.ndarray]:
    """The state dict of a legacy file's bytes: pickles (magic number, version, system, object, storage keys), then raw storages.

    Raises:
      ValueError: no such file, damaged, refused, or bytes left after the last storage.
    """
    admitted = torch_tensors.ADMITTED
    magic, at = unpickle.load(data, 0, admitted, torch_tensors.persistent)
    if magic != MAGIC:
        raise ValueError("a pickle, but no PyTorch file (the magic number is missing)")
    _version, at = unpickle.load(data, at, admitted, torch_tensors.persistent)
    _system, at = unpickle.load(data, at, admitted, torch_tensors.persistent)
    seen: dict[Any, torch_tensors.Storage] = {}
    value, at = unpickle.load(data, at, admitted, lambda pid: torch_tensors.persistent(pid, seen))
    keys, at = unpickle.load(data, at, admitted, torch_tensors.persistent)
    raw = _storages(data, at, keys, seen)
    tensors = state_dict(value)
    absent = [name for name, t in tensors.items() if t.storage.key not in raw]
    if absent:
        raise ValueError(f"the values of {absent[0]!r} are not in the file")
    return {name: torch_tensors.array(t, raw[t.storage.key], len(data)) for name, t in tensors.items()}


def _storages(data: bytes, at: int, keys: Any, seen: Mapping[Any, torch_tensors.Storage]) -> dict[Any, memoryview]:
    if not isinstance(keys, list) or len(keys) != len(seen):
        raise ValueError("the list of storages does not fit the pickle")
    raw: dict[Any, memoryview] = {}
    for key in keys:
        storage = seen.get(unpickle.plain_key(key))
        if storage is None or key in raw:
            raise ValueError(f"the list of storages holds {ascii(key)[:80]}, which the pickle does not name, or twice")
        count = int.from_bytes(data[at : at + 8], "little")
        size = count * storage.itemsize
        if count != storage.size or at + 8 + size > len(data):
            raise ValueError(
                f"storage {ascii(key)[:80]} is cut short: {size:,} bytes are declared, {max(len(data) - at - 8, 0):,} are left"
            )
        raw[key] = memoryview(data)[at + 8 : at + 8 + size]
        at += 8 + size
    if at != len(data):
        raise ValueError(f"{len(data) - at:,} bytes are left after the last storage")
    return raw


def state_dict(value: Any, depth: int = 4) -> dict[str, torch_tensors.Tensor]:
    """The named tensors of a checkpoint.

    A nested dict under one of `NESTED` (in that order) that holds tensors wins; else the tensors of `value` itself. What is no tensor
    (epoch, optimizer, metrics) is left out, and a prefix of `PREFIXES` that all names share is taken off.

    Raises:
      ValueError: no named tensor there; names that are not text.
    """
    tensors = _named_tensors(value, depth)
    if not tensors:
        held = f"a dictionary with {', '.join(ascii(k)[:40] for k in list(value)[:8])}" if isinstance(value, dict) else type(value).__name__
        raise ValueError(f"no state dict with tensors in it: it holds {held}")
    if not all(isinstance(name, str) for name in tensors):
        raise ValueError("a tensor's name is no text")
    while prefix := next((p for p in PREFIXES if all(name.startswith(p) and name != p for name in tensors)), ""):
        tensors = {name.removeprefix(prefix): t for name, t in tensors.items()}
    return tensors


def _named_tensors(value: Any, depth: int) -> dict[Any, torch_tensors.Tensor]:
    if not isinstance(value, dict) or depth == 0:
        return {}
    for key in NESTED:
        if isinstance(value.get(key), dict) and (nested := _named_tensors(value[key], depth - 1)):
            return nested
    return {name: t for name, t in value.items() if isinstance(t, torch_tensors.Tensor)}
