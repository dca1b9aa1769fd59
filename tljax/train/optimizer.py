"""Optimizers over groups: one optax transformation per group, the learning rate applied from outside."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from tljax import registry, trees

optimizers = registry.Registry("optimizer")
register = optimizers.register

Make = Callable[[Any], optax.GradientTransformation]
"""``weight decay (a number, or None for none) -> updates`` before they are multiplied by the negative rate."""


@register
def adamw(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Make:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""
    return lambda decay: optax.chain(optax.scale_by_adam(b1, b2, eps), *_decayed(decay))


@register
def lamb(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Make:
    """LAMB (You et al. 2020): Adam with decoupled decay, scaled by the trust ratio of each array."""
    return lambda decay: optax.chain(optax.scale_by_adam(b1, b2, eps), *_decayed(decay), optax.scale_by_trust_ratio())


@register
def sgd(momentum: float = 0.9, nesterov: bool = True) -> Make:
    """Gradient descent with momentum; the weight decay is added to the gradient."""
    return lambda decay: optax.chain(*_decayed(decay), optax.trace(momentum, nesterov))


def _decayed(decay: Any) -> list[optax.GradientTransformation]:
    return [] if decay is None else [optax.add_decayed_weights(decay)]


@dataclasses.dataclass
class Optim:
    """The optimizer's settings.

    Attributes:
      name: call expression of a registered optimizer, such as ``adamw(b2=0.98)`` or ``sgd(momentum=0.9, nesterov=False)``.
      lr: peak learning rate.
      schedule: ``cosine``, ``linear``, ``constant`` or ``staircase``.
      warmup: share of all steps during which the rate rises linearly from 0.
      stairs: for ``staircase``: shares of all steps at which the rate is multiplied by `stair_factor`.
      stair_factor: see `stairs`.
      weight_decay: decoupled for adamw and lamb, added to the gradient for sgd; times the strategy's decay factors.
      clip: largest global gradient norm, over trained parameters only; 0 for none.
    """

    name: str = "adamw"
    lr: float = 1e-3
    schedule: str = "cosine"
    warmup: float = 0.1
    stairs: tuple[float, ...] = (0.5, 0.75)
    stair_factor: float = 0.1
    weight_decay: float = 1e-4
    clip: float = 1.0

    def validate(self) -> None:
        """Raises KeyError or ValueError that names the field whose value makes no sense."""
        optimizers.create(self.name)
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


Optimizer = Callable[[Any], optax.GradientTransformation]
"""``weight decay -> the transformation of the trained leaves``; the decay may be traced, and no state depends on it."""


def make_optimizer(config: Optim, groups: Mapping[str, Any], decay: Mapping[str, Any], unfrozen_at: Mapping[str, Any]) -> Optimizer:
    """The optimizer of the trained leaves. The step multiplies its updates by ``lr * multiplier(step)``.

    Leaves unfrozen at the same step, with the same rate and decay factor, form one group of `optax.multi_transform`. Clipping takes the
    norm of all trained leaves together.

    Args:
      config: the optimizer's settings.
      groups: the `strategies.Group` of each trained leaf, a tree over any subset of the parameters.
      decay: factor on the weight decay of each trained leaf.
      unfrozen_at: step at which each trained leaf was unfrozen.
    """
    since, factor = trees.flatten(unfrozen_at), trees.flatten(decay)
    kinds = {path: (since[path], group.lr_scale, float(factor[path])) for path, group in trees.flatten(groups).items()}
    names = trees.unflatten({path: _name(*kind) for path, kind in kinds.items()})
    build = optimizers.create(config.name)

    def optimizer(weight_decay: Any) -> optax.GradientTransformation:
        parts = [optax.clip_by_global_norm(config.clip)] if config.clip else []
        chains = {
            _name(*kind): optax.chain(build(weight_decay * kind[2] if kind[2] else None), optax.scale(-kind[1]))
            for kind in sorted(set(kinds.values()))
        }
        return optax.chain(*parts, optax.multi_transform(chains, names))

    return optimizer


def _name(since: int, rate: float, decay: float) -> str:
    return f"since{since}-rate{rate!r}-decay{decay!r}"


def carry_over(old: Any, new: Any) -> Any:
    """The optimizer state `new` of a phase, with the moments and counts that `old`, of the phase before, has for the same leaves.

    A leaf's moments are found by its path and the step that unfroze it, a group's count by that step. Leaves first unfrozen now keep zeros
    and a count of their own.
    """
    old_leaves = {_place(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(old)}

    def carried(path: tuple[Any, ...], leaf: Any) -> Any:
        old_leaf = old_leaves.get(_place(path))
        return leaf if old_leaf is None else jnp.copy(old_leaf)  # a copy: two groups may take the same count, and the step donates both

    return jax.tree_util.tree_map_with_path(carried, new)


def _place(path: tuple[Any, ...]) -> tuple[str, ...]:
    """A key path with the group's name reduced to the step that unfroze it: moments and counts outlive a change of rate."""
    keys = jax.tree_util.keystr(path, simple=True, separator="/").split("/")
    return tuple(key.split("-")[0] if key.startswith("since") else key for key in keys)
