"""`save` and `save_foreign`: variables and their config as a folder that `weights.open` reads."""

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from tljax import trees
from tljax.weights.config import PretrainedConfig, to_json
from tljax.weights.export import export
from tljax.weights.keymap import table
from tljax.weights.metadata import tokenizer_files
from tljax.weights.read import StrPath

WEIGHTS = "model.safetensors"


def save(folder: StrPath, variables: Mapping[str, Any], config: PretrainedConfig) -> PretrainedConfig:
    """Write ``model.safetensors`` (names are paths: ``params/backbone/...``, ``batch_stats/...``) and ``config.json`` with its hash.

    The files of a tokenizer are copied too. All files are written beside their places and then renamed, so no half-written file is ever
    found under these names; between two renames the old config's hash refuses the new weights.

    Args:
      folder: made if absent; files of the same names are replaced.
      variables: ``{"params": ..., "batch_stats": ...}``, all leaves finite arrays.
      config: what describes them; its `sha256` is filled in, and `tokenizer` becomes the name of the copy.

    Returns:
      The config as written.

    Raises:
      ValueError: no leaves, or a leaf that holds NaN or infinity (such a file would not load).
      OSError: the folder cannot be written (no space left, no permission); no half-written file is left.
    """
    written = _save(Path(folder), trees.flatten(variables), config, kind="tljax", described="config.json", others={})
    (Path(folder) / f"{WEIGHTS}.json").unlink(missing_ok=True)  # of weights in others' names that stood here: it would be read first
    return written


def save_foreign(folder: StrPath, variables: Mapping[str, Any], config: PretrainedConfig, family: str) -> PretrainedConfig:
    """Write ``model.safetensors`` in the names and layout of `family`, for the publisher's own code to load.

    The config lies beside it as ``model.safetensors.json``, where `weights.open` finds it; for families whose publisher reads a
    ``config.json`` that is written too (`Keymap.to_hf_config`), with the class names.

    Args:
      folder: as in `save`.
      variables: as in `save`.
      config: as in `save`.
      family: as in `export`.

    Returns:
      The config as written.

    Raises:
      KeyError, ValueError: as `export`, and as `save`. OSError: as `save`.
    """
    arrays = export(variables, config, family)
    published = table(family).to_hf_config(config, {name: a.shape for name, a in arrays.items()})
    # Hugging Face's transformers asks for the format "pt"
    return _save(Path(folder), arrays, config, kind="pt", described=f"{WEIGHTS}.json", others=published)


def _save(
    folder: Path, leaves: Mapping[str, Any], config: PretrainedConfig, kind: str, described: str, others: Mapping[str, Any]
) -> PretrainedConfig:
    arrays = {path: np.ascontiguousarray(leaf).reshape(np.shape(leaf)) for path, leaf in leaves.items()}
    if not arrays:
        raise ValueError(f"{folder}: there are no variables to save")
    bad = [path for path, a in arrays.items() if a.dtype.kind in "fV" and not np.isfinite(a.astype(np.float32)).all()]
    if bad:
        raise ValueError(f"{folder}: not saved, {', '.join(bad[:5])} hold NaN or infinity")
    data = safetensors.numpy.save(arrays, metadata={"format": kind})
    tokenizer = tokenizer_files.contents(config.tokenizer)
    config = dataclasses.replace(config, sha256=hashlib.sha256(data).hexdigest(), tokenizer=next(iter(tokenizer), ""))
    texts = {name: json.dumps(content, indent=1, ensure_ascii=False) + "\n" for name, content in others.items()}
    _publish(folder, {WEIGHTS: data, **tokenizer} | {name: text.encode() for name, text in {described: to_json(config), **texts}.items()})
    return config


def _publish(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files beside their places, then rename them in the order given."""
    partial = {name: folder / f".{name}.{os.getpid()}.partial" for name in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            _write(partial[name], content)
        for name, source in partial.items():
            source.replace(folder / name)
    except OSError as e:
        raise OSError(e.errno, f"the weights could not be written ({e.strerror}); no half-written file is left", str(folder)) from e
    finally:
        for source in partial.values():
            with contextlib.suppress(OSError):
                source.unlink()


def _write(file: Path, content: bytes) -> None:
    with open(file, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
