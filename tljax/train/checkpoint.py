"""Checkpoints in a workdir: `init/` once, the newest few under `checkpoints/`, the best under `best/`; the only file that knows Orbax."""

import contextlib
import logging
import os
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from tljax import trees
from tljax.train.state import State


class CheckpointError(ValueError):
    """A checkpoint is missing or cannot be read back whole."""


class Checkpoints:
    """The checkpoints of one run; a context manager that waits for writes and closes.

    Every checkpoint holds the leaves that any phase trains (`trained`), the statistics and the optimizer's state; leaves that never train
    are read from `init/`. Writing is asynchronous and atomic: Orbax writes under another name, then renames.

    Args:
      workdir: the run's folder.
      trained: paths of the parameters that any phase trains.
      keep: number of checkpoints that stay under ``checkpoints/``.
    """

    def __init__(self, workdir: str | os.PathLike[str], trained: frozenset[str], keep: int = 3):
        self.root = pathlib.Path(workdir).absolute()
        self.trained = trained
        self._newest = _manager(self.root / "checkpoints", keep)
        self._best = _manager(self.root / "best", 1, best_fn=lambda metrics: metrics["score"])

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        with contextlib.suppress(*((Exception,) if kind else ())):  # an error in the block matters more than one on closing
            self.close()

    def save_initial(self, params: Mapping[str, Any], stats: Mapping[str, Any]) -> None:
        """Writes the tree before the first step as `init/`; later calls change nothing."""
        if not (self.root / "init").exists():
            with ocp.StandardCheckpointer() as writer:
                writer.save(self.root / "init", _flat({"params": params, "stats": stats}))

    def restore_initial(self, params: Any, stats: Any) -> tuple[trees.Tree, trees.Tree]:
        """``(params, stats)`` of `init/`, the tree before the first step.

        Args:
          params: shapes with shardings, as all `params` and `stats` of this class: the leaves are placed like them.
          stats: likewise.

        Raises:
          CheckpointError: `init/` is missing, damaged or of another model.
        """
        template = {"params": params, "stats": stats}
        with ocp.StandardCheckpointer() as reader, _as_checkpoint_error(self.root / "init"):
            initial = _unflat(reader.restore(self.root / "init", _flat(template)), template)
        return initial["params"], initial["stats"]

    def steps(self) -> list[int]:
        """Steps that have a checkpoint, oldest first."""
        return sorted(self._newest.all_steps())

    def save(self, state: State) -> None:
        """Writes `state` under its step in the background, unless that step has a checkpoint. Raises OSError that names the folder."""
        step = int(state.step)
        self._wait_for_best()  # a resumed run does not validate this step again, so its best weights must be on disk first
        if step not in self.steps():
            with _writing(self.root / "checkpoints"):
                self._newest.save(step, args=_item(ocp.args.StandardSave(_flat(self._trained_only(state)))))

    def latest(self, shapes_at: Any) -> State | None:
        """The newest readable checkpoint; None in a folder without checkpoints.

        A damaged checkpoint is logged and moved to ``damaged/``, and the one before it is read.

        Args:
          shapes_at: ``step -> State`` of `jax.ShapeDtypeStruct` with shardings.

        Raises:
          CheckpointError: every checkpoint is damaged.
        """
        steps = self.steps()
        for step in reversed(steps):
            try:
                return self._read(step, shapes_at(step))
            except CheckpointError as e:
                self._set_aside(step, e)
        if steps:
            raise CheckpointError(f"no checkpoint of {self.root} can be read; they lie under damaged/. Delete the workdir to start again")
        return None

    def save_best(self, step: int, params: Mapping[str, Any], stats: Mapping[str, Any], score: float) -> None:
        """Writes the weights that were just evaluated if `score` (larger is better) beats the best so far."""
        best = self.best_score()
        if (best is None or score > best) and step not in self._best.all_steps():
            with _writing(self.root / "best"):
                self._best.wait_until_finished()
                tree = {"params": trees.pick(params, self.trained), "stats": stats}
                self._best.save(step, args=_item(ocp.args.StandardSave(_flat(tree))), metrics={"score": score}, force=True)

    def best_score(self) -> float | None:
        """The best score so far; None before the first."""
        step = self.best_step()
        return None if step is None else float(self._best.metrics(step)["score"])

    def best_step(self) -> int | None:
        """The step of the best score so far, the earliest of equals; None before the first."""
        self._wait_for_best()
        step = self._best.latest_step()
        return None if step is None else int(step)

    def best(self, params: Any, stats: Any) -> tuple[int, trees.Tree, trees.Tree]:
        """``(step, params, stats)`` of the best evaluated weights, placed like `params` and `stats`. Raises CheckpointError."""
        step = self.best_step()
        if step is None:
            raise CheckpointError(f"{self.root / 'best'} holds no checkpoint")
        template = {"params": trees.pick(params, self.trained), "stats": stats}
        with _as_checkpoint_error(self.root / "best" / str(step)):
            best = _unflat(self._best.restore(step, args=_item(ocp.args.StandardRestore(_flat(template)))).state, template)
        initial, _ = self.restore_initial(params, stats)
        return step, trees.merge(trees.drop(initial, self.trained), best["params"]), best["stats"]

    def _wait_for_best(self) -> None:
        with _writing(self.root / "best"):
            self._best.wait_until_finished()

    def wait(self) -> None:
        """Returns when everything is on disk. Raises OSError that names the folder."""
        with _writing(self.root / "checkpoints"):
            self._newest.wait_until_finished()
            self._best.wait_until_finished()

    def close(self) -> None:
        """Waits, then releases the writers."""
        with _writing(self.root / "checkpoints"):
            self._newest.close()
            self._best.close()

    def _trained_only(self, state: State) -> State:
        return state.replace(params=trees.pick(state.params, self.trained))

    def _read(self, step: int, shapes: State) -> State:
        template = self._trained_only(shapes)
        with _as_checkpoint_error(self.root / "checkpoints" / str(step)):
            state = _unflat(self._newest.restore(step, args=_item(ocp.args.StandardRestore(_flat(template)))).state, template)
        initial, _ = self.restore_initial(shapes.params, shapes.stats)
        return state.replace(params=trees.merge(trees.drop(initial, self.trained), state.params))

    def _set_aside(self, step: int, why: Exception) -> None:
        logging.error("%s; using the one before it", why)
        if jax.process_index() == 0:
            (self.root / "damaged").mkdir(exist_ok=True)
            os.replace(self.root / "checkpoints" / str(step), _free(self.root / "damaged", str(step)))
        self._newest.reload()


def _manager(folder: pathlib.Path, keep: int, **options: Any) -> ocp.CheckpointManager:
    # Both managers may write the same step at once: without a prefix for each, their barriers between processes collide.
    own_barriers = ocp.options.MultiprocessingOptions(barrier_sync_key_prefix=folder.name)
    settings = ocp.CheckpointManagerOptions(max_to_keep=keep, create=True, multiprocessing_options=own_barriers, **options)
    return ocp.CheckpointManager(folder, options=settings, item_names=("state",))


def _item(args: Any) -> Any:
    """One named item. Without a name Orbax guesses the layout from the folder, and a damaged checkpoint misleads it about all others."""
    return ocp.args.Composite(state=args)


def _free(folder: pathlib.Path, name: str) -> pathlib.Path:
    return next(p for i in range(10_000) if not (p := folder / (f"{name}.{i}" if i else name)).exists())


@contextlib.contextmanager
def _as_checkpoint_error(path: pathlib.Path) -> Iterator[None]:
    """Turns any error of Orbax on reading (it has many types) into a `CheckpointError` of one line that names the path."""
    try:
        yield
    except CheckpointError:
        raise
    except Exception as e:
        raise CheckpointError(f"damaged checkpoint {path}: {type(e).__name__}: {str(e).strip().splitlines()[0][:200]}") from e


@contextlib.contextmanager
def _writing(path: pathlib.Path) -> Iterator[None]:
    """Turns any error on writing into an OSError that names the path; nothing half-written counts as a checkpoint."""
    try:
        yield
    except Exception as e:
        full = "No space left on device" in str(e) or "Disk quota exceeded" in str(e)
        why = "no space left on device" if full else f"{type(e).__name__}: {str(e).strip().splitlines()[0][:200]}"
        hint = "make room (train.keep says how many checkpoints stay) and run the same command again"
        raise OSError(f"{path}: the checkpoint could not be written: {why}; {hint}") from e


def _flat(tree: Any) -> dict[str, Any]:
    """The leaves by plain names, so that no file depends on classes of this project or of optax."""
    return {_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _name(path: tuple[Any, ...]) -> str:
    return re.sub(r"[^\w.-]", "_", jax.tree_util.keystr(path, simple=True, separator="."))


def _unflat(flat: Mapping[str, Any], template: Any) -> Any:
    """The inverse of `_flat`; every leaf must be an array of the template's shape and dtype."""
    paths, structure = jax.tree_util.tree_flatten_with_path(template)
    leaves = []
    for path, expected in paths:
        leaf = flat.get(_name(path))
        if not isinstance(leaf, jax.Array | np.ndarray | np.generic) or leaf.shape != expected.shape or leaf.dtype != expected.dtype:
            found_shape = f"{getattr(leaf, 'shape', type(leaf).__name__)} {getattr(leaf, 'dtype', '')}".strip()
            raise CheckpointError(f"{_name(path)}: expected {expected.shape} {expected.dtype}, found {found_shape}")
        leaves.append(leaf)
    return jax.tree_util.tree_unflatten(structure, leaves)


def read_best(workdir: str | os.PathLike[str]) -> tuple[int, dict[str, Any]]:
    """``(step, {path: array})`` of the best weights of a workdir, read without its run; leaves that never train come from `init/`.

    Paths are ``params/backbone/...`` and ``batch_stats/...``.

    Raises:
      CheckpointError: the workdir has no best weights, or they cannot be read.
    """
    root = pathlib.Path(workdir).absolute()
    steps = sorted(int(p.name) for p in (root / "best").glob("[0-9]*") if p.name.isdigit())
    if not steps:
        raise CheckpointError(f"{root / 'best'} holds no checkpoint")
    leaves: dict[str, Any] = {}
    for folder in (root / "init", root / "best" / str(steps[-1]) / "state"):
        with ocp.StandardCheckpointer() as reader, _as_checkpoint_error(folder):
            leaves |= reader.restore(folder)
    return steps[-1], {_path(name): np.asarray(leaf) for name, leaf in leaves.items()}


def _path(name: str) -> str:
    kind, _, rest = name.partition(".")
    return "/".join([{"params": "params", "stats": "batch_stats"}[kind], *rest.split(".")])
