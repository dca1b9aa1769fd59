"""The workdir: ownership, provenance, atomic writes of small files."""

import importlib.metadata
import json
import os
import pathlib
import platform
import sys
from typing import Any

import jax

from tljax import __version__, weights
from tljax.runs import renamed, spec
from tljax.train import checkpoint, logger

RUN, RESULT, START = "run.json", "result.json", "start.json"


def check(entries: dict[str, Any], workdir: str | os.PathLike[str]) -> pathlib.Path:
    """Check that the folder is new or belongs to the run of this description; returns its path and writes nothing.

    Raises:
      ValueError: the folder holds another run; every field that differs is named.
    """
    root = pathlib.Path(workdir)
    if (root / "config.json").exists() and not (root / RUN).exists():
        raise ValueError(
            f"{root} holds a run of an earlier version (config.json); its model still opens, but take another workdir to train"
        )
    if (root / RUN).exists():
        before = read_json(root / RUN).get("run", {})
        if changed := spec.differences(renamed.entries(before), renamed.entries(entries)):
            raise ValueError(f"{root} holds another run: {'; '.join(changed)}. Use the old values, or take another workdir")
    return root


def claim(entries: dict[str, Any], workdir: str | os.PathLike[str], config: weights.PretrainedConfig | None = None) -> pathlib.Path:
    """`check` the folder, make it and write `run.json`; call this when the run is known to be valid."""
    root = check(entries, workdir)
    root.mkdir(parents=True, exist_ok=True)
    if jax.process_index() == 0:
        write_json(root / RUN, {"run": entries, "hash": spec.hashed(entries)} | _made_with())
        if config is not None:
            write_text(root / START, weights.to_json(config))
    return root


def finished(root: pathlib.Path) -> dict[str, Any] | None:
    """The content of the run's `result.json`, or None while it has not finished."""
    return read_json(root / RESULT) if (root / RESULT).exists() else None


def best_so_far(root: pathlib.Path, allowed: bool) -> weights.Pretrained:
    """The best weights so far of a run that has not finished.

    Raises:
      ValueError: `allowed` is false, or nothing is saved yet.
    """
    rows = [row["step"] for row in logger.read(root)]
    state = f"{root}: the run has not finished (step {max(rows, default=0)} of {read_json(root / RUN)['run'].get('steps', '?')})"
    if not allowed:
        raise ValueError(f"{state}; the command that started it resumes it, or take its best weights so far with best=True (--best)")
    if not (root / START).is_file():
        raise ValueError(f"{state}, and has saved nothing yet")
    config = weights.from_json((root / START).read_text(encoding="utf-8"), str(root / START))
    step, leaves = checkpoint.read_best(root)
    return weights.from_leaves(leaves, config, f"{root}/best/{step}")


def certificates(root: pathlib.Path) -> list[dict[str, Any]]:
    """The freeze certificates of the phases so far, in order."""
    path = root / "certificate.json"
    by_phase = read_json(path) if path.exists() else {}
    return [proof for _, proof in sorted(by_phase.items(), key=lambda item: int(item[0]))]


def write_text(path: pathlib.Path, text: str) -> None:
    """Write a temporary file and rename it, so that `path` is never half written. Raises OSError that names the file."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def write_json(path: pathlib.Path, value: Any) -> None:
    """Write a value as JSON, with `write_text`."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """The content of a JSON file of the run. Raises ValueError that names a damaged file."""
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return value
    except (json.JSONDecodeError, UnicodeDecodeError) as e:
        raise ValueError(f"{path} is damaged ({e}); delete the workdir to start again") from None


def _made_with() -> dict[str, Any]:
    packages = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")
    devices = jax.devices()
    return {
        "command": " ".join(sys.argv),
        "versions": {"tljax": __version__, "python": platform.python_version()} | {p: importlib.metadata.version(p) for p in packages},
        "device": {
            "kind": devices[0].device_kind,
            "platform": devices[0].platform,
            "count": len(devices),
            "processes": jax.process_count(),
        },
    }
