"""A list of augmentations as one function of a batch."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from tljax.data import fields, spatial
from tljax.data.augment import mixing
from tljax.data.augment.operation import Color, Expressions, Mixing, Operation, Spatial, create
from tljax.data.fields import Batch


def augmentation(
    expressions: Expressions | Mapping[str, Expressions],
    num_classes: int,
    seed: jax.typing.ArrayLike,
    kinds: Mapping[str, str] | Mapping[str, Mapping[str, str]] = fields.CLASSIFICATION,
) -> Callable[[Batch], Batch]:
    """The operations one after the other, to run inside `jax.jit` before `on_device`; `on_host` runs those of the loader.

    Spatial operations move every spatial field of an example by one draw: images, masks (-1 from outside), boxes and points (those that
    leave get 0 in ``<field>_valid``). Colors and erased parts change x alone. Mixing reads ``x`` and ``label``.

    The change of an example is a function of (seed, epoch, index, place in the list) alone: the number of workers, processes and devices
    and the batch size do not matter. The keys are threefry's, which draws the same bits on every backend, and images are computed on 15
    bits (see `snap`). Only the rounding of interpolations, hues and beta draws may differ between backends. Mixing operations take a
    partner from the batch that they see.

    Batches of several streams (``{"source": {"x": ...}, "target": {"x": ...}}``) are handled stream by stream; a stream's name goes into
    its keys, so that two streams, or two views, of one image differ.

    Args:
      expressions: calls of registered operations, such as ``("flip", "mixup(alpha=0.2)")``, or the operations; empty: batches are
        unchanged. A mapping by stream gives each its own; streams that it does not name pass.
      num_classes: C of the soft labels into which mixing turns labels of the kind `class`.
      seed: seed of all draws, 32 bits. It may be traced: runs that differ in the seed alone then share one compiled program.
      kinds: kinds of the batch's fields; a mapping by stream gives each its own.

    Returns:
      ``augment(batch) -> batch``. It reads ``x`` `[B, H, W, C]` (uint8, or float in [0, 1]), ``index`` and ``epoch`` `[B]`, and returns
      ``x`` and other images as float32 in [0, 1], of the same shape. Mixing turns ``label`` into float32, `[B, C]` for the kind `class`.

    Raises:
      KeyError: an unknown operation.
      ValueError: arguments that an operation does not take or values out of range; labels of a kind that cannot be mixed; a spatial
      operation
        for an x that is no image, or with a field of an unknown kind; streams without kinds. When traced: a field without a kind that may
        have to move, a missing ``index``, ``epoch`` or stream, fields whose dtype or shape is not their kind's.
    """
    if not isinstance(expressions, Mapping) and not fields.is_by_stream(kinds):
        plan = _StreamPlan.resolve(expressions, num_classes, kinds)  # type: ignore[arg-type]
        return (lambda batch: _over_streams(batch, plan, seed, "")) if plan.operations else lambda batch: batch
    names = expressions if isinstance(expressions, Mapping) else kinds
    plans = {
        name: _StreamPlan.resolve(
            expressions[name] if isinstance(expressions, Mapping) else expressions, num_classes, _kinds_of(name, kinds)
        )
        for name in names
    }  # fmt: skip
    return lambda batch: _by_stream(batch, plans, seed, passing=isinstance(expressions, Mapping))


@dataclass(frozen=True)
class _StreamPlan:
    """The operations of one stream, resolved for the kinds of its fields."""

    operations: list[tuple[str, Operation]]
    kinds: Mapping[str, str]
    num_classes: int

    @classmethod
    def resolve(cls, expressions: Expressions, num_classes: int, kinds: Mapping[str, str]) -> "_StreamPlan":
        operations = [(name, operation) for name, operation in create(expressions) if not operation.on_host]
        for name, operation in operations:
            if kinds.get("x") != "image":
                raise ValueError(
                    f"{name} changes images, and the kind of x is {kinds.get('x', 'not declared')}; leave it out for such inputs"
                )
            if any(isinstance(step, Mixing) for step in operation.steps):
                mixing.check_label(name, kinds, num_classes)
            if any(isinstance(step, Spatial) for step in operation.steps):
                fields.check_movable(name, kinds, kinds)
        return cls(operations, dict(kinds), num_classes)


def _kinds_of(stream: str, kinds: Mapping[str, Any]) -> Mapping[str, str]:
    if not fields.is_by_stream(kinds):
        return kinds
    if stream not in kinds:
        raise ValueError(f"the stream {stream!r} is to be augmented and has no kinds of fields; kinds= has only {', '.join(kinds)}")
    return kinds[stream]


def _by_stream(batch: Batch, plans: Mapping[str, _StreamPlan], seed: jax.typing.ArrayLike, passing: bool) -> Batch:
    """Augments each stream by its own plan; streams without a plan stay as they are where `passing`, and are refused otherwise."""
    streams = [name for name, value in batch.items() if isinstance(value, Mapping)]
    missing, unplanned = [name for name in plans if name not in streams], [name for name in streams if name not in plans]
    if (passing and missing) or (not passing and unplanned):
        raise ValueError(f"augmentation is declared for the streams {', '.join(plans)}; the batch has {', '.join(streams) or 'none'}")
    return {k: _over_streams(v, plans[k], seed, f"/{k}") if k in plans and plans[k].operations else v for k, v in batch.items()}


def _over_streams(batch: Batch, plan: _StreamPlan, seed: jax.typing.ArrayLike, stream: str) -> Batch:
    if "x" in batch:
        return _augmented(dict(batch), plan, _keys(batch, seed, stream))
    if not any(isinstance(value, Mapping) for value in batch.values()):
        raise ValueError(f"a batch needs x, or streams that hold x; this one holds {', '.join(batch) or 'nothing'}")
    return {k: _over_streams(v, plan, seed, f"{stream}/{k}") if isinstance(v, Mapping) else v for k, v in batch.items()}


def _augmented(batch: dict[str, Any], plan: _StreamPlan, keys: jax.Array) -> dict[str, Any]:
    kinds = dict(plan.kinds)
    if len(jnp.shape(batch["x"])) != 4:
        raise ValueError(f"x is {list(jnp.shape(batch['x']))}; augmentation takes images [B, H, W, C]")
    batch |= {name: fields.unit_images(name, batch[name]) for name, kind in kinds.items() if kind == "image" and name in batch}
    for place, (name, operation) in enumerate(plan.operations):
        own_keys = jax.vmap(jax.random.fold_in, (0, None))(keys, place)
        for step in operation.steps:
            if isinstance(step, Spatial):
                batch = _moved(step, name, own_keys, batch, kinds=kinds)
            elif isinstance(step, Color):
                batch |= {"x": jax.vmap(step.change)(own_keys, batch["x"])}
            elif isinstance(step, Mixing):
                batch |= _mixed(step, name, own_keys, batch, kind=kinds["label"], num_classes=plan.num_classes)
                kinds["label"] = "distribution" if kinds["label"] == "class" else kinds["label"]
    return batch


def _moved(step: Spatial, name: str, keys: jax.Array, batch: dict[str, Any], *, kinds: Mapping[str, str]) -> dict[str, Any]:
    fields.check_movable(name, batch, kinds)
    names = [field for field, kind in kinds.items() if kind in fields.SPATIAL and field in batch]
    names += [valid for valid in map(fields.valid_name, names) if valid in batch]
    height, width = batch["x"].shape[1:3]

    def move(key: jax.Array, example: dict[str, Any]) -> dict[str, Any]:
        draw = step.draw(key, (height, width))
        return spatial.move(example, kinds, draw.coordinates, draw.pixels)

    return batch | jax.vmap(move)(keys, {field: jnp.asarray(batch[field]) for field in names})


def _mixed(step: Mixing, name: str, keys: jax.Array, batch: dict[str, Any], *, kind: str, num_classes: int) -> dict[str, jax.Array]:
    if "label" not in batch:
        raise ValueError(f"{name} mixes labels, but the batch holds only {', '.join(batch)}")
    x, label = step.mix(keys, batch, mixing.soft(batch["label"], kind, num_classes))
    return {"x": x, "label": label}


def _keys(batch: Batch, seed: jax.typing.ArrayLike, stream: str) -> jax.Array:
    """One key for each example, `[B]`. The word "augmentation" keeps them apart from other uses of the seed, such as dropout."""
    missing = [name for name in ("index", "epoch") if name not in batch]
    if missing:
        raise ValueError(
            f"augmentation needs {' and '.join(missing)} [B] in a batch (train_batches gives them); there are {', '.join(batch)}"
        )
    key = jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), zlib.crc32(f"augmentation{stream}".encode()))
    of_example = jax.vmap(lambda epoch, index: jax.random.fold_in(jax.random.fold_in(key, epoch), index))
    return of_example(jnp.asarray(batch["epoch"]), jnp.asarray(batch["index"]))
