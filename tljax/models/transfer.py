"""`TransferModel(backbone, head)`: a backbone is a list of named stages, and every transfer operation follows from that list."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp

Batch = dict[str, Any]
Parts = bool | Collection[str]


@flax.struct.dataclass
class Outputs:
    """The result of a model call.

    Attributes:
      logits: the head's output, `[B, num_classes]` float32 (or a dict of arrays); None where the slice ends before the head.
      features: pooled output of the last stage that ran, `[B, D]` float32.
      taps: the requested intermediates, by name.
      batch: the batch dict at the slice's end; ``apply(variables, outputs.batch, start=stop)`` goes on from there.
    """

    logits: Any
    features: jax.Array
    taps: dict[str, jax.Array]
    batch: Batch


def mean_pool(batch: Batch) -> jax.Array:
    """Averages `x [B, ..., D]` over all axes between: `[B, D]` float32. Of tokens `[B, T, D]`, those with 1 in `mask [B, T]` alone."""
    x = at_least_float32(batch["x"])
    if x.ndim == 3 and "mask" in batch:
        mask = batch["mask"].astype(x.dtype)[:, :, None]
        return (x * mask).sum(1) / jnp.maximum(mask.sum(1), 1.0)
    return x.mean(axis=tuple(range(1, x.ndim - 1)))


def at_least_float32(x: jax.Array) -> jax.Array:
    """Casts `x` to float32; float64 stays."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def tap(batch: Batch, name: str, value: jax.Array) -> Batch:
    """Records `value` as the intermediate `name` (call inside a stage; a stage's output is recorded already, by the stage's name)."""
    return batch | {"taps": batch.get("taps", {}) | {name: value}}


Stage = tuple[str, type[nn.Module], tuple[tuple[str, Any], ...]]
"""A stage as data: name, module class, keyword arguments."""


def stage(name: str, module: type[nn.Module], **arguments: Any) -> Stage:
    """Makes a layout entry: ``stage("block00", Block, heads=6, mlp_dim=1536)``. Every argument must be hashable."""
    return name, module, tuple(arguments.items())


class Backbone(nn.Module):
    """Named stages from input to output.

    Attributes:
      layout: the stages, made by `stage`. A stage module has the call ``module(batch, *, train, batch_stats_in) -> batch``: it replaces
        `batch["x"]`, hands the rest on, and owns at least one parameter.
      inputs: ``(name, shape without the batch axis, dtype)`` of each model input.
      pool: ``batch -> features [B, D]``.
      remat: stages whose activations are recomputed in the backward pass (less memory, one more forward).
    """

    layout: tuple[Stage, ...]
    inputs: tuple[tuple[str, tuple[int, ...], str], ...]
    pool: Callable[[Batch], jax.Array] = mean_pool
    remat: tuple[str, ...] = ()

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages' names, from input to output."""
        return tuple(name for name, _, _ in self.layout)

    @nn.compact
    def __call__(self, batch: Batch, start: int, stop: int, train: Collection[str], batch_stats_in: Collection[str]) -> Batch:
        for name, module, arguments in self.layout[start:stop]:
            run = nn.remat(_call, static_argnums=(2, 3)) if name in self.remat else _call
            batch = run(module(**dict(arguments), name=name), batch, name in train, name in batch_stats_in)
            batch = tap(batch, name, batch["x"])
        return batch


def _call(stage: nn.Module, batch: Batch, train: bool, batch_stats_in: bool) -> Batch:
    output: Batch = stage(batch, train=train, batch_stats_in=batch_stats_in)  # type: ignore[operator]
    if not isinstance(output, Mapping):
        kind = "an array" if isinstance(output, jax.Array) else type(output).__name__
        raise ValueError(f'stage {stage.name!r} returned {kind}, expected the batch: return batch | {{"x": x}}')
    return output


class TransferModel(nn.Module):
    """A backbone and a head; parameters are ``{"backbone": {stage: ...}, "head": ...}``.

    A head is a module with the call ``head(batch, *, train, batch_stats_in) -> logits``; it reads `batch["features"]` (`[B, D]` float32),
    the backbone's output `batch["x"]`, and those of `batch["taps"]` that it lists in its attribute `taps`.
    """

    backbone: Backbone
    head: nn.Module

    @property
    def stages(self) -> tuple[str, ...]:
        """The backbone's stages, from input to output."""
        return self.backbone.stages

    @property
    def input_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shape (without the batch axis) and dtype of each input."""
        return {name: jax.ShapeDtypeStruct(shape, jnp.dtype(dtype)) for name, shape, dtype in self.backbone.inputs}

    def __call__(
        self,
        batch: Batch | jax.Array,
        *,
        start: str | None = None,
        stop: str | None = None,
        train: Parts = (),
        batch_stats_in: Parts | None = None,
        taps: Collection[str] = (),
    ) -> Outputs:
        """Runs the half-open slice of stages `start..stop`; slices equal the whole bit for bit, dropout included.

        Args:
          batch: dict with the inputs (`x`, ...) at the boundary `start`; a bare array means ``{"x": array}``.
          start: first stage that runs; by default the first of all; ``"head"``: only the head.
          stop: first stage that does not run; by default all run; ``"head"``: all but the head.
          train: the parts (stages, ``"head"``) with dropout on; True means all. Needs an rng named ``dropout``.
          batch_stats_in: the parts whose BatchNorm uses and updates batch statistics (default: as `train`); needs
            ``mutable=["batch_stats"]``.
          taps: names of the intermediates to return.

        Raises:
          ValueError: an unknown stage or tap, `stop` before `start`, or an input that does not fit `input_spec`.
        """
        bounds = (*self.stages, "head")
        first = _boundary(bounds, start, 0)
        last = len(bounds) if stop is None else _boundary(bounds, stop, 0)
        if last < first:
            raise ValueError(f"stop={stop!r} comes before start={start!r}; the stages are {bounds}")
        train = _parts(bounds, train)
        batch_stats_in = train if batch_stats_in is None else _parts(bounds, batch_stats_in)
        batch = dict(batch) if isinstance(batch, Mapping) else {"x": batch}
        if first == 0:
            self._check(batch)
        end = min(last, len(self.stages))
        batch = self.backbone({"taps": {}} | batch, start=first, stop=end, train=train, batch_stats_in=batch_stats_in)
        features = self.backbone.pool(batch)
        names = {*taps, *getattr(self.head, "taps", ())}
        logits = None
        if stop is None:
            missing = sorted(names - batch["taps"].keys())
            if missing:
                raise ValueError(f"no intermediate is called {missing}; the intermediates are {sorted(batch['taps'])}")
            logits = self.head(batch | {"features": features}, train="head" in train, batch_stats_in="head" in batch_stats_in)  # type: ignore[operator]
        values = {name: value for name, value in batch["taps"].items() if name in names}
        return Outputs(logits, features, {name: values[name] for name in taps if name in values}, batch | {"taps": values})

    def _check(self, batch: Batch) -> None:
        for name, spec in self.input_spec.items():
            if name not in batch:
                raise ValueError(f"the batch has no {name!r}; it has {sorted(batch)}")
            x = batch[name]
            # the number of tokens is free up to the number of positions, which the embedding checks
            fits = jnp.issubdtype(spec.dtype, jnp.integer) or x.shape[-1:] == spec.shape[-1:]
            if x.ndim != len(spec.shape) + 1 or not fits:
                raise ValueError(f"{name!r} is {tuple(x.shape)}, but the model takes [batch, {', '.join(map(str, spec.shape))}]")


def _boundary(bounds: tuple[str, ...], name: str | None, default: int) -> int:
    if name is None:
        return default
    if name not in bounds:
        raise ValueError(f"no stage is called {name!r}; the stages are {bounds}")
    return bounds.index(name)


def _parts(bounds: tuple[str, ...], parts: Parts) -> tuple[str, ...]:
    if isinstance(parts, bool):
        return bounds if parts else ()
    unknown = sorted(set(parts) - set(bounds))
    if unknown:
        raise ValueError(f"no part is called {unknown}; the parts are {bounds}")
    return tuple(parts)
