"""Parameters and FLOPs of models, cached between runs: counting takes seconds for a large model and minutes for all."""

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import tqdm

from tljax import models, trees, zoo
from tljax.runs import workdirs
from tljax.train import program


def cost(name: str, classes: int = 0) -> dict[str, Any]:
    """``{parameters, flops, features, input, stages}`` of a forward pass of one example, without compiling or making arrays.

    Args:
      name: call expression of a backbone.
      classes: outputs of a linear head to count too; 0: the backbone alone.

    Returns:
      `flops` is XLA's count for the program before compilation; `input` maps each input to ``[shape, dtype]``.
    """
    model = models.create(name, num_classes=max(classes, 1))
    variables = models.shapes(model)
    batch = {key: jax.ShapeDtypeStruct((1, *spec.shape), spec.dtype) for key, spec in model.input_spec.items()}
    stop = None if classes else "head"

    def forward(variables: Any, batch: Any) -> Any:
        outputs: Any = model.apply(variables, batch, stop=stop)
        return outputs.features, outputs.logits

    traced = jax.jit(forward).trace(variables, batch)
    return {
        "parameters": trees.size(variables["params"] if classes else variables["params"]["backbone"]),
        "flops": program.flops(traced.lower()),
        "features": traced.out_info[0].shape[-1],
        "input": {key: [list(spec.shape), spec.dtype.name] for key, spec in model.input_spec.items()},
        "stages": list(model.stages),
    }


def costs(names: Sequence[str], classes: int = 0) -> dict[str, dict[str, Any]]:
    """`cost` of each name. Counts by the same version of the code come from `cache_file`, which may be deleted at any time."""
    file, version = cache_file(), _version()
    cached = _read(file).get(version, {})
    missing = [name for name in names if _key(name, classes) not in cached]
    try:
        for name in tqdm.tqdm(missing, desc="counting", unit="model", leave=False, disable=None):
            cached[_key(name, classes)] = cost(name, classes)
    finally:
        if missing:
            with contextlib.suppress(OSError):  # without a cache the next call counts again
                file.parent.mkdir(parents=True, exist_ok=True)
                workdirs.write_json(file, {version: cached})
    return {name: cached[_key(name, classes)] for name in names}


def cache_file() -> pathlib.Path:
    """``tljax/costs.json`` in the user's folder for caches: XDG_CACHE_HOME, by default ``~/.cache``."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "tljax" / "costs.json"


def _key(name: str, classes: int) -> str:
    return f"{name} {classes}"


def _read(file: pathlib.Path) -> dict[str, Any]:
    """The cache's content; ``{}`` if the file is missing or damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and all(isinstance(value, dict) for value in content.values()) else {}


@functools.cache
def _version() -> str:
    """A hash of the code that a cost depends on: the models, and the packages that trace and count."""
    packages = [f"{name} {importlib.metadata.version(name)}" for name in ("jax", "jaxlib", "flax")]
    return hashlib.sha256(b"\0".join([*(file.read_bytes() for file in _sources()), *(p.encode() for p in packages)])).hexdigest()


def _sources() -> list[pathlib.Path]:
    """The files that build models: those of `models` and of the zoo."""
    return sorted(file for room in (models, zoo) for file in pathlib.Path(room.__path__[0]).rglob("*.py"))
