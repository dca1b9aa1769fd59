"""The state that training starts from, in the one order that works."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tljax import models, strategies, trees
from tljax.objectives import Objective
from tljax.train import optimizer, sharding
from tljax.train.checkpoint import Checkpoints
from tljax.train.plan import Plan, ever_trained
from tljax.train.state import State

Batches = Callable[[], Iterable[Mapping[str, Any]]]


@dataclasses.dataclass(frozen=True)
class Start:
    """What a run starts from.

    Attributes:
      model: a `TransferModel`.
      objective: of the run.
      strategy: as planned.
      plans: of its phases.
      mesh: where the state lives.
      seed: root of all random keys.
      lr: peak learning rate.
      pretrained: variables to put in, or None.
      new_head: whether the pretrained variables' head is new and `head_init` applies.
      head_init: call expression of `strategies.head_inits`; empty: the head's own random start.
      one_pass: gives the batches of one pass over the training data, as the model takes them.
      ema: whether a moving average is kept.
      rules: shardings that override those by shape.
    """

    model: Any
    objective: Objective
    strategy: strategies.Strategy
    plans: tuple[Plan, ...]
    mesh: Any
    seed: int
    lr: float
    one_pass: Batches
    pretrained: Mapping[str, Any] | None = None
    new_head: bool = True
    head_init: str = ""
    ema: bool = False
    rules: tuple[tuple[str, tuple[str | None, ...]], ...] = ()


def initialise(start: Start, checkpoints: Checkpoints | None) -> State:
    """The state to go on from.

    The order matters:
      1. resume: where the workdir holds a checkpoint, it is the state, and nothing below happens;
      2. else the shapes are initialised and the pretrained values put in;
      3. then what depends on data: BatchNorm recalibration first, since the head's initialisation reads features through it;
      4. last the optimizer's state, of the values as they now are. The tree as it is here is saved as `init/`.
    """
    if checkpoints is not None and (resumed := checkpoints.latest(lambda step: shapes_at(start, step))) is not None:
        return resumed
    key = jax.random.key(start.seed)
    variables = dict(start.pretrained) if start.pretrained is not None else models.init(start.model, jax.random.fold_in(key, 0))
    if start.strategy.bn == "recalibrate":
        variables["batch_stats"] = recalibrated(start.model, variables, start.one_pass())
    if start.head_init and start.new_head:
        variables["params"] = {**variables["params"], "head": new_head(start, variables)}
    first = next(iter(start.one_pass()))
    own, memory = start.objective.init(jax.random.fold_in(key, 1), start.model, variables, first)
    params = variables["params"] | ({"objective": own} if own else {})
    state = _place(start, params, variables["batch_stats"], memory)
    if checkpoints is not None:
        checkpoints.save_init(state.params, state.stats)
    return state


def shapes_at(start: Start, step: int) -> State:
    """The `State` of shapes, with shardings, as a checkpoint of `step` holds it; `step` 0 is the start."""
    params, stats, memory = start_shapes(start)
    plan = start.plans[strategies.at([p.span for p in start.plans], max(step - 1, 0)).index]
    opt_state = jax.eval_shape(plan.optimizer.init, trees.pick(params, plan.trainable))
    state = _assemble(start, params, stats, opt_state, memory, jax.ShapeDtypeStruct)
    where = sharding.shardings(state, start.mesh, start.rules)
    return jax.tree.map(lambda s, w: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=w), state, where)


def start_shapes(start: Start) -> tuple[trees.Tree, trees.Tree, Any]:
    """Shapes of ``(params, stats, the objective's state)``."""
    variables = models.shapes(start.model)
    batch = jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), np.asarray(x).dtype), dict(next(iter(start.one_pass()))))
    own, memory = jax.eval_shape(lambda v, b: start.objective.init(jax.random.key(0), start.model, v, b), variables, batch)
    return variables["params"] | ({"objective": own} if own else {}), variables["batch_stats"], memory


def enter_phase(start: Start, state: State, plan: Plan) -> State:
    """The state at the first step of a later phase: a fresh optimizer state, with what is known of the leaves that go on."""
    trained = trees.pick(state.params, plan.trainable)
    where = sharding.shardings(jax.eval_shape(plan.optimizer.init, trained), start.mesh, start.rules)
    fresh = jax.jit(plan.optimizer.init, out_shardings=where)(trained)
    return state.replace(opt_state=optimizer.carry_over(state.opt_state, fresh))


def _place(start: Start, params: trees.Tree, stats: trees.Tree, memory: Any) -> State:
    plan = start.plans[0]
    opt_shapes = jax.eval_shape(plan.optimizer.init, trees.pick(params, plan.trainable))
    host = _assemble(start, params, stats, {}, memory, lambda shape, dtype: np.zeros(shape, dtype))
    host = host.replace(seed=np.uint32(start.seed), lr=np.float32(start.lr))
    placed = sharding.put(host, sharding.shardings(host, start.mesh, start.rules))
    where = sharding.shardings(opt_shapes, start.mesh, start.rules)
    opt_state = jax.jit(plan.optimizer.init, out_shardings=where)(trees.pick(placed.params, plan.trainable))
    return placed.replace(opt_state=opt_state)


def _assemble(start: Start, params: Any, stats: Any, opt_state: Any, memory: Any, scalar: Callable[..., Any]) -> State:
    ema = trees.pick(params, ever_trained(start.plans)) if start.ema else {}
    counters = {"step": scalar((), np.int32), "seed": scalar((), np.uint32), "lr": scalar((), np.float32)}
    return State(**counters, params=params, stats=stats, opt_state=opt_state, ema=ema, objective=memory)


def new_head(start: Start, variables: Mapping[str, Any]) -> trees.Tree:
    """The head's parameters by ``start.head_init``, from the features and labels of one pass where it needs them.

    Raises:
      ValueError: a head that is not one linear map of the features.
    """
    shapes = models.shapes(start.model)["params"]["head"]
    if "kernel" not in shapes or not {"kernel", "bias", "scale"} >= set(shapes):
        raise ValueError(f"head_init={start.head_init!r} is for a head with one kernel (linear, cosine); this one has {sorted(shapes)}")
    init = strategies.head_inits.create(start.head_init)
    needed = start.head_init.split("(")[0].strip() in strategies.needs_features
    width, classes = shapes["kernel"].shape
    features, labels = (
        collect_features(start.model, variables, start.one_pass()) if needed else (np.zeros((0, width)), np.zeros(0, np.int32))
    )
    kernel, bias = init(features, labels, classes, start.seed)
    head = dict(variables["params"]["head"]) | {"kernel": jnp.asarray(kernel)}
    return head | ({"bias": jnp.asarray(bias)} if "bias" in shapes else {})


def collect_features(model: Any, variables: Mapping[str, Any], batches: Iterable[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """``(features [N, D] float32, labels [N])`` of one pass, each example once by its `index`, with stored statistics."""
    run = jax.jit(lambda v, b: model.apply(v, b, stop="head").features)
    found: dict[int, tuple[np.ndarray, int]] = {}
    for batch in batches:
        values = np.asarray(run(variables, {k: batch[k] for k in model.input_spec}))
        found.update({int(i): (f, int(y)) for i, f, y in zip(np.asarray(batch["index"]), values, np.asarray(batch["label"]), strict=True)})
    rows = [found[i] for i in sorted(found) if i >= 0]
    return np.stack([f for f, _ in rows]), np.array([y for _, y in rows], np.int32)


def recalibrated(model: Any, variables: Mapping[str, Any], batches: Iterable[Mapping[str, Any]]) -> trees.Tree:
    """Batch statistics of one pass over the data at fixed parameters, averaged over its batches (Li et al. 2016, AdaBN).

    ``mean = E[mean_b]``, ``var = E[var_b + mean_b^2] - mean^2``. A layer updates ``s' = m s + (1 - m) b``; run from s = 0 and from s = 1,
    ``b = s'_0 / (1 - (s'_1 - s'_0))`` gives the batch's own statistic whatever the momentum m.
    """
    if not variables["batch_stats"]:
        raise ValueError("bn='recalibrate': this model has no BatchNorm")

    @jax.jit
    def of_batch(params: Any, stats: Any, batch: Any) -> Any:
        def updated(value: float) -> Any:
            start = jax.tree.map(lambda s: jnp.full_like(s, value), stats)
            return model.apply({"params": params, "batch_stats": start}, batch, batch_stats_in=True, mutable=["batch_stats"])[1][
                "batch_stats"
            ]

        return jax.tree.map(lambda zero, one: zero / (1 - (one - zero)), updated(0.0), updated(1.0))

    seen = [
        trees.flatten(jax.device_get(of_batch(variables["params"], variables["batch_stats"], {k: b[k] for k in model.input_spec})))
        for b in batches
    ]
    return trees.unflatten(_pooled(seen))


def _pooled(seen: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    out = {}
    for path in seen[0]:
        stem = path.rpartition("/")[0]
        mean = np.mean([s[f"{stem}/mean"] for s in seen], axis=0)
        second = np.mean([s[f"{stem}/var"] + s[f"{stem}/mean"] ** 2 for s in seen], axis=0)
        out[path] = mean if path.endswith("/mean") else np.maximum(second - mean**2, 0.0)
    return out
