"""`save`: variables and their config as a folder that `weights.open` reads."""

import contextlib
import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from tljax import trees
from tljax.weights.config import PretrainedConfig, to_json
from tljax.weights.read import StrPath, sha256


def save(folder: StrPath, variables: Mapping[str, Any], config: PretrainedConfig) -> PretrainedConfig:
    """Write ``model.safetensors`` (names are paths: ``params/backbone/...``, ``batch_stats/...``) and ``config.json`` with its hash.

    Both files are written beside their places and then renamed, so no half-written file is ever found under these names; between the two
    renames the old config's hash refuses the new weights.

    Args:
      folder: made if absent; files of the same names are replaced.
      variables: ``{"params": ..., "batch_stats": ...}``, all leaves finite arrays.
      config: what describes them; its `sha256` is filled in.

    Returns:
      The config as written.

    Raises:
      ValueError: no leaves, or a leaf that holds NaN or infinity (such a file would not load).
      OSError: the folder cannot be written (no space left, no permission); no half-written file is left.
    """
    folder = Path(folder)
    arrays = {path: np.ascontiguousarray(leaf).reshape(np.shape(leaf)) for path, leaf in trees.flatten(variables).items()}
    if not arrays:
        raise ValueError(f"{folder}: there are no variables to save")
    bad = [path for path, a in arrays.items() if a.dtype.kind in "fV" and not np.isfinite(a.astype(np.float32)).all()]
    if bad:
        raise ValueError(f"{folder}: not saved, {', '.join(bad[:5])} hold NaN or infinity")
    partial = [folder / f".{name}.{os.getpid()}.partial" for name in ("model.safetensors", "config.json")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(partial[0], safetensors.numpy.save(arrays, metadata={"format": "tljax"}))
        config = dataclasses.replace(config, sha256=sha256(partial[0]))
        _write(partial[1], to_json(config).encode())
        for source, name in zip(partial, ("model.safetensors", "config.json"), strict=True):
            source.replace(folder / name)
    except OSError as e:
        raise OSError(e.errno, f"the weights could not be written ({e.strerror}); no half-written file is left", str(folder)) from e
    finally:
        for source in partial:
            with contextlib.suppress(OSError):
                source.unlink()
    return config


def _write(file: Path, content: bytes) -> None:
    with open(file, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
