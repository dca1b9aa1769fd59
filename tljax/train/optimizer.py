"""Optimizers over groups: one optax transformation per group, the learning rate applied from outside."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from tljax import trees


@dataclasses.dataclass
class Optim:
    """How parameters are updated.

    Attributes:
      name: ``sgd`` (momentum), ``adamw`` or ``lamb``.
      lr: peak learning rate.
      schedule: ``cosine``, ``linear``, ``constant`` or ``staircase``.
      warmup: share of all steps during which the rate rises linearly from 0.
      stairs: for ``staircase``: shares of all steps at which the rate is multiplied by `stair_factor`.
      stair_factor: see `stairs`.
      weight_decay: decoupled for adamw and lamb, added to the gradient for sgd; times the strategy's decay factors.
      clip: largest global gradient norm, over trained parameters only; 0 for none.
      momentum: of sgd.
      nesterov: of sgd.
      b1: of adamw and lamb.
      b2: of adamw and lamb.
      eps: of adamw and lamb.
    """

    name: str = "adamw"
    lr: float = 1e-3
    schedule: str = "cosine"
    warmup: float = 0.1
    stairs: tuple[float, ...] = (0.5, 0.75)
    stair_factor: float = 0.1
    weight_decay: float = 1e-4
    clip: float = 1.0
    momentum: float = 0.9
    nesterov: bool = True
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8

    def validate(self) -> None:
        """Raises ValueError that names the field whose value makes no sense."""
        if self.name not in ("sgd", "adamw", "lamb"):
            raise ValueError(f"optim.name={self.name!r}: sgd, adamw or lamb")
        if self.schedule not in ("cosine", "linear", "constant", "staircase"):
            raise ValueError(f"optim.schedule={self.schedule!r}: cosine, linear, constant or staircase")
        for field in ("lr", "weight_decay", "clip"):
            if not getattr(self, field) >= 0:
                raise ValueError(f"optim.{field}={getattr(self, field)}: must not be negative")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"optim.warmup={self.warmup}: a share of all steps, in [0, 1)")


def multiplier(config: Optim, total_steps: int) -> Callable[[Any], jax.Array]:
    """``step -> factor in [0, 1]`` on the peak learning rate: linear warm-up, then the schedule down to the last step.

    With w warm-up steps and ``t = (step - w) / (total - w)``: cosine ``(1 + cos(pi t)) / 2`` (Loshchilov and Hutter 2017), linear
    ``1 - t``, constant 1, staircase ``stair_factor ^ (stairs passed)``.
    """
    warm = round(config.warmup * total_steps)
    rest = max(total_steps - warm, 1)
    after: Any = {
        "cosine": lambda: optax.cosine_decay_schedule(1.0, rest),
        "linear": lambda: optax.linear_schedule(1.0, 0.0, rest),
        "constant": lambda: optax.constant_schedule(1.0),
        "staircase": lambda: optax.piecewise_constant_schedule(
            1.0, {max(round(s * total_steps) - warm, 0): config.stair_factor for s in config.stairs}
        ),
    }[config.schedule]()
    if not warm:
        return lambda step: jnp.asarray(after(step), jnp.float32)
    rise = optax.linear_schedule(1 / (warm + 1), 1.0, warm)
    return lambda step: jnp.asarray(jnp.where(step < warm, rise(step), after(step - warm)), jnp.float32)


def make(config: Optim, groups: Mapping[str, Any], decay: Mapping[str, Any], births: Mapping[str, Any]) -> optax.GradientTransformation:
    """The optimizer of the trained leaves; its updates still have to be multiplied by ``lr * multiplier(step)``.

    Leaves with the same birth, rate and decay form one group of `optax.multi_transform`. The norm that is clipped is that of the
    trained leaves together.

    Args:
      config: the optimizer's settings.
      groups: trained leaves' `strategies.Group` (any subset of the parameters, nested).
      decay: factor on the weight decay of each trained leaf.
      births: step at which each trained leaf was unfrozen.
    """
    flat = {path: (births_at, group.lr_scale, factor) for path, group, births_at, factor in _aligned(groups, births, decay)}
    kinds = {_name(*kind): _chain(config, kind[1], kind[2]) for kind in sorted(set(flat.values()))}
    parts = [optax.clip_by_global_norm(config.clip)] if config.clip else []
    return optax.chain(*parts, optax.multi_transform(kinds, trees.unflatten({path: _name(*kind) for path, kind in flat.items()})))


def _aligned(groups: Mapping[str, Any], births: Mapping[str, Any], decay: Mapping[str, Any]) -> list[tuple[str, Any, int, float]]:
    born, factor = trees.flatten(births), trees.flatten(decay)
    return [(path, group, born[path], float(factor[path])) for path, group in trees.flatten(groups).items()]


def _name(birth: int, rate: float, decay: float) -> str:
    return f"born{birth}-rate{rate!r}-decay{decay!r}"


def _chain(config: Optim, rate: float, decay: float) -> optax.GradientTransformation:
    wd = [optax.add_decayed_weights(config.weight_decay * decay)] if config.weight_decay * decay else []
    if config.name == "sgd":
        return optax.chain(*wd, optax.trace(config.momentum, config.nesterov), optax.scale(-rate))
    adam = optax.scale_by_adam(config.b1, config.b2, config.eps)
    trust = [optax.scale_by_trust_ratio()] if config.name == "lamb" else []
    return optax.chain(adam, *wd, *trust, optax.scale(-rate))


def carry_over(old: Any, new: Any) -> Any:
    """The fresh optimizer state `new` of a phase, with what the phase before it knew about the same leaves.

    A leaf's moments go with its path and its birth; a group's count with its birth. Leaves first unfrozen now keep their fresh zeros and a
    count of their own.
    """
    known = {_place(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(old)}

    def carried(path: tuple[Any, ...], leaf: Any) -> Any:
        found = known.get(_place(path))
        return leaf if found is None else jnp.copy(found)  # a copy: two groups may take the same count, and the step donates both

    return jax.tree_util.tree_map_with_path(carried, new)


def _place(path: tuple[Any, ...]) -> tuple[str, ...]:
    """A key path with the group's name reduced to its birth; the birth, not the rate, says whose moments and count these are."""
    keys = [str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k)))) for k in path]
    return tuple(k.split("-")[0] if k.startswith("born") else k for k in keys)
