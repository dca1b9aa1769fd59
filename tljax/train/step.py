"""The step: split, differentiate the trained tree alone, update, merge."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from tljax import trees
from tljax.objectives import Objective
from tljax.train.plan import Plan
from tljax.train.state import State

Step = Callable[[State, Mapping[str, Any]], tuple[State, dict[str, jax.Array]]]


def make_step(
    model: Any,
    objective: Objective,
    plan: Plan,
    multiplier: Callable[[Any], jax.Array],
    transform: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda batch: batch,
    augment: Callable[[Mapping[str, Any], jax.Array], Mapping[str, Any]] = lambda batch, seed: batch,
    accumulate: int = 1,
    ema_decay: float = 0.0,
    grad: Callable[..., Any] = jax.value_and_grad,
) -> Step:
    """``(state, batch) -> (state, metrics)``, to be compiled once per phase.

    Args:
      model: a `TransferModel`.
      objective: what is minimised.
      plan: which leaves train in this phase, and the optimizer.
      multiplier: ``step -> factor`` on the peak learning rate `state.lr`.
      transform: the device half of preprocessing.
      augment: ``(batch, seed of the run) -> batch``, before `transform`.
      accumulate: micro-batches per step; gradients are averaged by `Aux.weight`. With BatchNorm in training mode k micro-batches are not
        one batch.
      ema_decay: d of ``ema = d ema + (1 - d) params``; 0 turns it off.
      grad: `jax.value_and_grad` or a wrapper with its signature (`has_aux=True`).

    Metrics: ``loss``, ``grad_norm`` (of the trained leaves, before clipping), ``lr``, and the objective's own.
    """

    def step(state: State, batch: Mapping[str, Any]) -> tuple[State, dict[str, jax.Array]]:
        key = jax.random.fold_in(jax.random.key(state.seed), state.step)
        trainable, frozen = trees.pick(state.params, plan.trainable), trees.drop(state.params, plan.trainable)
        still, live = _split_stats(state.stats, plan.batch_stats_in)

        def loss(trainable: trees.Tree, live: trees.Tree, memory: Any, micro: Mapping[str, Any], key: jax.Array) -> Any:
            params = trees.merge(trainable, frozen)
            forward, stats_now = _forward(model, params, still, live, plan, jax.random.fold_in(key, 0))
            value, aux = objective.loss(
                forward, params, memory, transform(augment(micro, state.seed)), jax.random.fold_in(key, 1), state.step
            )
            return value, (aux, stats_now())

        differentiate = grad(loss, has_aux=True)
        value, grads, live, memory, metrics = _accumulated(differentiate, trainable, live, state.objective, batch, key, accumulate)
        metrics = {"loss": value, "grad_norm": optax.tree.norm(grads), "lr": state.lr * multiplier(state.step), **metrics}
        updates, opt_state = plan.optimizer.update(grads, state.opt_state, trainable)
        trainable = jax.tree.map(lambda p, u: p + (metrics["lr"] * u).astype(p.dtype), trainable, updates)
        state = state.replace(
            step=state.step + 1,
            params=trees.merge(trainable, frozen),
            stats=trees.merge(still, live),
            opt_state=opt_state,
            ema=_ema(state.ema, trainable, ema_decay),
            objective=memory,
        )
        return state, metrics

    return step


def _forward(
    model: Any, params: trees.Tree, still: trees.Tree, live: trees.Tree, plan: Plan, key: jax.Array
) -> tuple[Callable[..., Any], Callable[[], trees.Tree]]:
    """The `forward` that an objective gets, and a function that tells the batch statistics after its last call."""
    calls, current = 0, live
    weights = {part: params[part] for part in ("backbone", "head")}

    def forward(batch: Mapping[str, Any], **slice_: Any) -> Any:
        nonlocal calls, current
        outputs, updates = model.apply(
            {"params": weights, "batch_stats": trees.merge(still, current)},
            batch,
            train=plan.train,
            batch_stats_in=plan.batch_stats_in,
            mutable=["batch_stats"],
            rngs={"dropout": jax.random.fold_in(key, calls)},
            **slice_,
        )
        calls += 1
        current = _split_stats(updates.get("batch_stats", {}), plan.batch_stats_in)[1]
        return outputs

    return forward, lambda: current


def _split_stats(stats: Mapping[str, Any], batch_stats_in: tuple[str, ...]) -> tuple[trees.Tree, trees.Tree]:
    """``(still, live)``: only the statistics of parts in training mode are threaded; the others pass through untouched."""
    prefixes = tuple("head/" if part == "head" else f"backbone/{part}/" for part in batch_stats_in)
    live = frozenset(path for path in trees.flatten(stats) if path.startswith(prefixes))
    return trees.drop(stats, live), trees.pick(stats, live)


def _accumulated(
    differentiate: Callable[..., Any], trainable: trees.Tree, live: trees.Tree, memory: Any, batch: Any, key: jax.Array, k: int
) -> tuple[jax.Array, trees.Tree, trees.Tree, Any, dict[str, jax.Array]]:
    """Loss, gradients and metrics over `k` micro-batches, averaged by their weights; statistics and memory threaded through."""
    if k == 1:
        (value, (aux, live)), grads = differentiate(trainable, live, memory, batch, key)
        return value, grads, live, aux.state, aux.metrics

    def body(carry: Any, micro: Any) -> Any:
        live, memory = carry
        i, micro_batch = micro
        (value, (aux, live)), grads = differentiate(trainable, live, memory, micro_batch, jax.random.fold_in(key, i))
        weighed = jax.tree.map(lambda x: aux.weight * x, (value, grads, aux.metrics))
        return (live, aux.state), (aux.weight, weighed)

    def scan(carry: Any, micro: Any) -> Any:
        inner, total = carry
        inner, out = body(inner, micro)
        return (inner, jax.tree.map(jnp.add, total, out)), None

    micros = (jnp.arange(k), jax.tree.map(lambda x: _micro(x, k), dict(batch)))
    first = jax.tree.map(lambda x: x[0], micros)
    zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(body, (live, memory), first)[1])
    ((live, memory), (weight, total)), _ = jax.lax.scan(scan, ((live, memory), zeros), micros)
    value, grads, metrics = jax.tree.map(lambda x: x / jnp.maximum(weight, 1e-12), total)
    return value, grads, live, memory, metrics


def _micro(x: jax.Array, k: int) -> jax.Array:
    """`[B, ...]` -> `[k, B/k, ...]`; example i goes to micro-batch ``i mod k``, so that no device has to send its examples elsewhere."""
    if x.shape[0] % k:
        raise ValueError(f"a batch of {x.shape[0]} does not divide into {k} micro-batches (train.accumulate)")
    return x.reshape(x.shape[0] // k, k, *x.shape[1:]).swapaxes(0, 1)


def _ema(ema: trees.Tree, trainable: trees.Tree, decay: float) -> trees.Tree:
    """``ema + (1 - d)(params - ema)`` for the leaves that train now; the others keep their average."""
    if not decay:
        return ema
    now = trees.flatten(trainable)
    return trees.unflatten({p: e + (1 - decay) * (now[p] - e) if p in now else e for p, e in trees.flatten(ema).items()})
