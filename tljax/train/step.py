"""The training step: split the parameters, differentiate the trained tree alone, update, merge."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from tljax import trees
from tljax.objectives import Context
from tljax.train import forward as forwards
from tljax.train.plan import Plan
from tljax.train.state import State
from tljax.train.training import Training

UNROLLED = 16
"""Largest number of micro-batches that a program for CPUs holds one by one; each makes the program larger."""

Step = Callable[[State, Mapping[str, Any]], tuple[State, dict[str, jax.Array]]]


def make_step(training: Training, plan: Plan, in_program: int | None = None) -> Step:
    """The step ``(state, batch) -> (state, metrics)`` of one phase, to be compiled once.

    Metrics: ``loss``, ``grad_norm`` (of the trained leaves, before clipping), ``lr``, the objective's own, its terms as ``loss/NAME``.

    With `Training.accumulate` = k the gradients of k micro-batches are averaged by `Aux.weight`. That equals one batch unless BatchNorm
    uses batch statistics. Every micro-batch reads the objective's state, which advances once per step, in `Objective.after`.

    Args:
      training: the run's training.
      plan: of the phase.
      in_program: number of micro-batches that the program holds one by one; None: `copies`.
    """
    objective = training.objective
    unroll = copies(training.accumulate) if in_program is None else in_program

    def step(state: State, batch: Mapping[str, Any]) -> tuple[State, dict[str, jax.Array]]:
        key = jax.random.fold_in(jax.random.key(state.seed), state.step)
        trainable, frozen = trees.pick(state.params, plan.trainable), trees.drop(state.params, plan.trainable)
        frozen_stats, trained_stats = forwards.split_stats(state.stats, plan.batch_stats_in)

        def loss(trainable: trees.Tree, trained_stats: trees.Tree, micro: Mapping[str, Any], micro_key: jax.Array) -> Any:
            params = trees.merge(trainable, frozen)
            forward, stats_now = forwards.for_training(
                training.model,
                training.transform,
                params,
                stats=(frozen_stats, trained_stats),
                plan=plan,
                key=jax.random.fold_in(micro_key, 0),
            )
            views_key = jax.random.fold_in(key, 2)  # of the step, as views draw by the example and not by the micro-batch
            batch = training.prepared(micro, state.seed, views_key)
            context = Context(
                params=params,
                state=state.objective,
                key=jax.random.fold_in(micro_key, 1),
                step=state.step,
                hyper=state.hyper["objective"],
            )
            value, aux = objective.loss(forward, batch, context)
            metrics = {**aux.metrics, **{f"loss/{name}": term for name, term in aux.losses.items()}}
            return value, (aux.weight, metrics, aux.kept, stats_now())

        differentiate = training.grad(loss, has_aux=True)
        value, grads, trained_stats, for_after, metrics = _accumulated(
            differentiate, trainable, trained_stats, batch=batch, key=key, k=training.accumulate, unroll=unroll
        )
        lr = state.hyper["lr"] * training.multiplier(state.step)
        metrics = {"loss": value, "grad_norm": optax.tree.norm(grads), "lr": lr, **metrics}
        updates, opt_state = plan.optimizer(state.hyper["weight_decay"]).update(grads, state.opt_state, trainable)
        trainable = jax.tree.map(lambda p, u: p + (lr * u).astype(p.dtype), trainable, updates)
        params, stats = trees.merge(trainable, frozen), trees.merge(frozen_stats, trained_stats)
        objective_state = state.objective
        if objective.after is not None:
            objective_state = objective.after({"params": params, "batch_stats": stats}, objective_state, for_after, state.step)
        state = state.replace(
            step=state.step + 1,
            params=params,
            stats=stats,
            opt_state=opt_state,
            ema=_ema(state.ema, trainable, training.ema_decay),
            objective=objective_state,
        )
        return state, metrics

    return step


def _accumulated(
    differentiate: Callable[..., Any], trainable: trees.Tree, trained_stats: trees.Tree, *, batch: Any, key: jax.Array, k: int, unroll: int
) -> tuple[jax.Array, trees.Tree, trees.Tree, Any, dict[str, jax.Array]]:
    """``(loss, gradients, statistics, arrays for Objective.after, metrics)`` of `k` micro-batches.

    Loss, gradients and metrics are averaged by weight. Statistics are threaded from one micro-batch to the next. The arrays for
    `Objective.after` (`Aux.kept`) are put into the order of the batch.
    """
    if k == 1:
        (value, (_, metrics, for_after, trained_stats)), grads = differentiate(trainable, trained_stats, batch, key)
        return value, grads, trained_stats, for_after, metrics

    def one(trained_stats: Any, micro: Any) -> Any:
        i, micro_batch = micro
        (value, (weight, metrics, for_after, trained_stats)), grads = differentiate(
            trainable, trained_stats, micro_batch, jax.random.fold_in(key, i)
        )
        return trained_stats, (weight, jax.tree.map(lambda x: weight * x, (value, grads, metrics))), for_after

    def scan(carry: Any, micro: Any) -> Any:
        trained_stats, total = carry
        trained_stats, out, for_after = one(trained_stats, micro)
        return (trained_stats, jax.tree.map(jnp.add, total, out)), for_after

    micros = (jnp.arange(k), jax.tree.map(lambda x: _micro(x, k), dict(batch)))
    first = jax.tree.map(lambda x: x[0], micros)
    zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(one, trained_stats, first)[1])
    ((trained_stats, (weight, total)), for_after) = jax.lax.scan(scan, (trained_stats, zeros), micros, unroll=unroll)
    value, grads, metrics = jax.tree.map(lambda x: x / jnp.maximum(weight, 1e-12), total)
    return value, grads, trained_stats, jax.tree.map(_whole, for_after), metrics


def copies(k: int) -> int:
    """The number of micro-batches that the program holds one by one: all k on CPUs, where a convolution in a loop runs 30 times slower."""
    return k if jax.default_backend() == "cpu" and k <= UNROLLED else 1


def _micro(x: jax.Array, k: int) -> jax.Array:
    """`[B, ...]` -> `[k, B/k, ...]`; example i goes to micro-batch ``i mod k``, so that every device keeps its examples."""
    if x.shape[0] % k:
        raise ValueError(f"a batch of {x.shape[0]} does not divide into {k} micro-batches; choose a multiple of accumulate={k}")
    return x.reshape(x.shape[0] // k, k, *x.shape[1:]).swapaxes(0, 1)


def _whole(x: jax.Array) -> jax.Array:
    """The inverse of `_micro`: `[k, B/k, ...]` -> `[B, ...]`."""
    return x.swapaxes(0, 1).reshape(-1, *x.shape[2:])


def _ema(ema: trees.Tree, trainable: trees.Tree, decay: float) -> trees.Tree:
    """``ema + (1 - decay)(params - ema)`` for the leaves that train now; the others keep their average."""
    if not decay:
        return ema
    now = trees.flatten(trainable)
    return trees.unflatten({p: e + (1 - decay) * (now[p] - e) if p in now else e for p, e in trees.flatten(ema).items()})
