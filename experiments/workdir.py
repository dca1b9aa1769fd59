"""A run's folder: whose it is, with what it was made, and small files written whole."""

import dataclasses
import importlib.metadata
import json
import os
import pathlib
import platform
import sys
from typing import Any

import jax

from experiments.config import Config
from tljax import __version__, trees
from tljax.train.certificate import Certificate

MAY_DIFFER = frozenset({
    "data/workers", "data/eval_batch_size", "train/data", "train/fsdp", "train/log_every", "train/save_every", "train/keep",
    "train/certificate", "train/compilation_cache",
})  # fmt: skip


def check(config: Config, workdir: str | os.PathLike[str]) -> pathlib.Path:
    """The folder, if it is new or belongs to this config; nothing is written.

    Raises:
      ValueError: it holds a run of another config; every field that differs is named.
    """
    root = pathlib.Path(workdir)
    path, now = root / "config.json", _plain(config)
    if path.exists():
        was, fields = _fields(_plain(Config())) | _fields(read_json(path).get("config", {})), _fields(now)  # a later field had its default
        changed = [k for k in sorted(was.keys() | fields.keys()) if was.get(k) != fields.get(k) and not _may_differ(k)]
        if changed:
            lines = "; ".join(f"config.{k.replace('/', '.')} was {was.get(k)!r}, now {fields.get(k)!r}" for k in changed)
            raise ValueError(f"{root} holds a run of another config: {lines}. Go on with the old values, or take another workdir")
    return root


def claim(config: Config, workdir: str | os.PathLike[str]) -> pathlib.Path:
    """`check`, then make the folder and write `config.json`: call it once the config is known to be sound."""
    root = check(config, workdir)
    root.mkdir(parents=True, exist_ok=True)
    if jax.process_index() == 0:
        write_json(root / "config.json", {"config": _plain(config)} | _made_with())
    return root


def _plain(config: Config) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return value


def write_json(path: pathlib.Path, value: Any) -> None:
    """Write beside, then rename: the file is whole or absent. Raises OSError naming the file."""
    beside = path.with_name(path.name + ".tmp")
    beside.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(beside, path)


def finished(root: pathlib.Path) -> dict[str, Any] | None:
    """The run's `result.json`, or None while it is not done."""
    return read_json(root / "result.json") if (root / "result.json").exists() else None


def certificates(root: pathlib.Path) -> dict[str, Any]:
    """The freeze certificates of the phases so far, by the phase's number as text."""
    return read_json(root / "certificate.json") if (root / "certificate.json").exists() else {}


def keep_certificate(root: pathlib.Path, proof: Certificate) -> None:
    """Add a phase's certificate to `certificate.json`, on process 0."""
    if jax.process_index() == 0:
        entry = dataclasses.asdict(proof) | {"problems": list(proof.problems), "ratio": proof.ratio}
        write_json(root / "certificate.json", certificates(root) | {str(proof.phase): entry})


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """The content of a JSON file of the run. Raises ValueError naming a file that is damaged."""
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return value
    except (json.JSONDecodeError, UnicodeDecodeError) as e:
        raise ValueError(f"{path} is damaged ({e}); delete the workdir to start again") from None


def _fields(config: dict[str, Any]) -> dict[str, Any]:
    return trees.flatten(config)


def _may_differ(field: str) -> bool:
    return field in MAY_DIFFER or field.startswith(("compare/", "sweep/"))


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
