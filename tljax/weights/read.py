"""Weight files of any known format as named NumPy arrays, recognized by their content."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from tljax.weights import hub
from tljax.weights.formats import hdf5_file, npz_file, safetensors_file, torch_file, zip_file

SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".th", ".tar", ".ckpt", ".npz", ".h5", ".hdf5", ".keras")
FORMATS = "safetensors (also sharded), PyTorch (zip and legacy), npz, Keras (.h5, .keras)"
PREFERRED = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
"""In a folder that holds several weight files: the names that Hugging Face and timm give to the ones meant, best first."""

_OTHERS = {b"version https://git-lfs": "a Git LFS pointer, not the file itself", b"<": "a web page or XML"}

StrPath = str | os.PathLike[str]
T = TypeVar("T")


def read(path: StrPath, sha256: str = "") -> dict[str, np.ndarray]:
    """The tensors of a weight file: name -> array (may be read-only), in the file's order (safetensors: by name).

    The format is recognized by content, whatever the suffix: `.safetensors` (one file, a ``*.index.json`` with its shards), PyTorch
    (zip, and the legacy format before 1.6; see `torch_file.state_dict` for which part of a training checkpoint is taken), `.npz`, Keras
    (`.h5`, `.weights.h5`, `.keras`; see `hdf5_file.read` for the names).
    No pickle is executed: what is neither a tensor nor a plain container is refused by its name.

    Args:
      path: file, index, a folder that holds a file of `PREFERRED`, an index, or exactly one weight file, or ``hf://owner/name`` (see
        `hub.fetch`).
      sha256: the hash that `sha256(path)` must give; empty: not checked.

    Raises:
      FileNotFoundError: no such file, or a folder without weights.
      ValueError: several candidates in a folder, unknown format, a file that is empty, cut short, damaged or refused, another hash.
        All name the file.
    """
    return read_hashed(path, sha256)[0]


def sha256(path: StrPath) -> str:
    """The SHA-256 of a weight file, in hexadecimal; the same paths as in `read`.

    Of a sharded checkpoint it is the hash of the lines ``<hash>  <file>`` for the index and its shards, as `sha256sum` writes them.
    """
    return _digest(_blobs(locate(path)))


def read_hashed(path: StrPath, expected: str = "") -> tuple[dict[str, np.ndarray], str]:
    """`read` and `sha256` from one reading of the bytes; arguments and errors as `read`."""
    file = locate(path)
    blobs = _blobs(file)
    digest = _digest(blobs)
    if expected and digest != expected.lower():
        raise ValueError(f"{file}: its sha256 is {digest}, but {expected} was recorded: the file was changed, damaged or replaced")
    if len(blobs) == 1:
        return _parse(file, blobs[file.name]), digest
    return _join(file, blobs), digest


def locate(path: StrPath) -> Path:
    """The file (or index) that `path` means: itself, that of a folder or hub repository, or of a workdir's ``model/``. Raises as `read`."""
    path = hub.fetch(os.fspath(path)) if hub.is_remote(path) else Path(path)
    if path.is_file():
        return path
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such weight file or folder")
    if preferred := next((path / name for name in PREFERRED if (path / name).is_file()), None):
        return preferred
    files = sorted(f for f in path.iterdir() if f.is_file())
    found = [f for f in files if f.name.endswith(".index.json")] or [f for f in files if f.suffix in SUFFIXES]
    if not found and (path / "model").is_dir():
        return locate(path / "model")
    if not found:
        raise FileNotFoundError(f"{path}: no weight file in this folder (looked for *.index.json and *{', *'.join(SUFFIXES)})")
    if len(found) > 1:
        raise ValueError(f"{path}: several weight files, name one of them: {', '.join(f.name for f in found[:8])}")
    return found[0]


def _blobs(file: Path) -> dict[str, bytes]:
    blobs = {file.name: _bytes(file)}
    if _is_index(blobs[file.name]):
        for shard in _guarded(file, lambda: safetensors_file.shards(blobs[file.name])):
            if not (file.parent / shard).is_file():
                raise FileNotFoundError(f"{file}: the shard {shard} that it lists is not beside it")
            blobs[shard] = _bytes(file.parent / shard)
    return blobs


def _bytes(file: Path) -> bytes:
    try:
        data = file.read_bytes()
    except (OSError, MemoryError) as e:
        raise ValueError(f"{file}: cannot be read: {getattr(e, 'strerror', None) or type(e).__name__}") from e
    if not data:
        raise ValueError(f"{file}: the file is empty")
    return data


def _digest(blobs: dict[str, bytes]) -> str:
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in blobs.items()}
    if len(hashes) == 1:
        return next(iter(hashes.values()))
    return hashlib.sha256("".join(f"{h}  {name}\n" for name, h in hashes.items()).encode()).hexdigest()


def _join(file: Path, blobs: dict[str, bytes]) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for shard, listed in safetensors_file.shards(blobs[file.name]).items():
        part = _parse(file.parent / shard, blobs[shard])
        wrong = sorted(part.keys() ^ set(listed))
        if wrong:
            raise ValueError(f"{file.parent / shard}: its tensors are not those that {file.name} lists: {', '.join(map(ascii, wrong[:5]))}")
        arrays.update(part)
    return arrays


def _is_index(data: bytes) -> bool:
    return data.lstrip()[:1] == b"{" and int.from_bytes(data[:8], "little") > len(data)


def _parse(file: Path, data: bytes) -> dict[str, np.ndarray]:
    arrays = _guarded(file, lambda: _reader(data)(data))
    if not arrays:
        raise ValueError(f"{file}: holds no tensor")
    return arrays


def _guarded(file: Path, action: Callable[[], T]) -> T:
    # Whatever a damaged or hostile file provokes in a parser (struct.error, KeyError, zlib.error, MemoryError, ...) is that file's fault.
    try:
        return action()
    except Exception as e:
        text = str(e) if type(e) is ValueError and str(e) else f"damaged or cut short ({type(e).__name__}: {ascii(str(e)[:160])[1:-1]})"
        raise ValueError(f"{file}: {text}") from e


def _reader(data: bytes) -> Callable[[bytes], dict[str, np.ndarray]]:
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8:
        return safetensors_file.read  # first, as the length of its header may begin with any other format's bytes
    if data[:2] == b"PK":
        names = list(zip_file.entries(data))
        if hdf5_file.KERAS_ENTRY in names:
            return hdf5_file.read_keras
        return npz_file.read if names and all(n.endswith(".npy") for n in names) else torch_file.read_zip
    if data[:4] == b"\x89HDF":
        return hdf5_file.read
    if data[:1] == b"\x80":
        return torch_file.read_legacy
    if data[8:9] == b"{":
        return safetensors_file.read
    kind = next((text for magic, text in _OTHERS.items() if data.startswith(magic)), f"it begins with {data[:8]!a}")
    raise ValueError(f"not a weight file of a known format ({FORMATS}): {kind}")
