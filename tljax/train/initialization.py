"""The state that training starts from, in the one order that works."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tljax import models, registry, strategies, trees
from tljax.objectives import model_params
from tljax.train import optimizer, sharding
from tljax.train.checkpoint import Checkpoints
from tljax.train.forward import for_evaluation, split_stats
from tljax.train.plan import Plan, ever_trained
from tljax.train.state import State
from tljax.train.training import Training, streams


def initialize(training: Training, checkpoints: Checkpoints | None) -> State:
    """The state to go on from.

    The order matters:
      1. resume: where the workdir holds a checkpoint, it is the state, and nothing below happens;
      2. else the shapes are initialized and the pretrained values put in; the objective takes its parameters and state from them (L2-SP's
         anchor is the backbone before anything is fitted);
      3. then what depends on data: BatchNorm recalibration first, since the head's initialization reads features through it; the head; the
         objective's `prepare`;
      4. the optimizer's state, of the values as they now are;
      5. the tree as it is here is saved as `init/`.
    """
    if checkpoints is not None and (resumed := checkpoints.latest(lambda step: shapes_at(training, step))) is not None:
        return resumed
    key, objective, model = jax.random.key(training.seed), training.objective, training.model
    variables = dict(training.pretrained) if training.pretrained is not None else models.init(model, jax.random.fold_in(key, 0))
    own, memory = objective.init(jax.random.fold_in(key, 1), model, variables, _example(training))
    variables["batch_stats"] = recalibrate(training, variables, training.plans[0])
    if training.head_init and training.new_head:
        variables["params"] = {**variables["params"], "head": new_head(training, variables)}
    if objective.prepare is not None:
        own, memory = objective.prepare(own, memory, model, variables, lambda: map(training.labeled, training.one_pass()))
    params = variables["params"] | ({"objective": own} if own else {})
    state = _place(training, params, variables["batch_stats"], memory)
    if checkpoints is not None:
        checkpoints.save_initial(state.params, state.stats)
    return state


def _example(training: Training) -> Any:
    """One batch as the objective's `init` gets it: labels in the task's form, nothing augmented."""
    return training.labeled(next(iter(training.one_pass())))


def shapes_at(training: Training, step: int) -> State:
    """The `State` of shapes, with shardings, as a checkpoint of `step` holds it; `step` 0 is the start."""
    params, stats, memory = initial_shapes(training)
    plan = training.plans[strategies.at([p.span for p in training.plans], max(step - 1, 0)).index]
    opt_state = jax.eval_shape(plan.optimizer(0.0).init, trees.pick(params, plan.trainable))
    state = _assemble(training, params, stats, opt_state, memory=memory, scalar=jax.ShapeDtypeStruct)
    where = sharding.shardings(state, training.mesh, training.sharding_rules)
    return jax.tree.map(lambda s, w: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=w), state, where)


def initial_shapes(training: Training) -> tuple[trees.Tree, trees.Tree, Any]:
    """Shapes of ``(params, stats, the objective's state)``."""
    variables = models.shapes(training.model)
    batch = jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), np.asarray(x).dtype), dict(next(iter(training.one_pass()))))

    def init(variables: Any, batch: Any) -> Any:
        return training.objective.init(jax.random.key(0), training.model, variables, training.labeled(batch))

    own, memory = jax.eval_shape(init, variables, batch)
    return variables["params"] | ({"objective": own} if own else {}), variables["batch_stats"], memory


def enter_phase(training: Training, state: State, plan: Plan) -> State:
    """The state at the first step of a later phase.

    BatchNorm is recalibrated where the phase says so; the optimizer's state is fresh, but for what is known of the leaves that go on.
    """
    trained = trees.pick(state.params, plan.trainable)
    opt = plan.optimizer(0.0)
    where = sharding.shardings(jax.eval_shape(opt.init, trained), training.mesh, training.sharding_rules)
    fresh = jax.jit(opt.init, out_shardings=where)(trained)
    if plan.recalibrated:
        stats = recalibrate(training, sharding.to_host({"params": state.params, "batch_stats": state.stats}), plan)
        state = state.replace(stats=sharding.to_devices(stats, sharding.shardings(stats, training.mesh, training.sharding_rules)))
    return state.replace(opt_state=optimizer.carry_over(state.opt_state, fresh))


def _place(training: Training, params: trees.Tree, stats: trees.Tree, memory: Any) -> State:
    plan, rules = training.plans[0], training.sharding_rules
    opt = plan.optimizer(0.0)
    opt_shapes = jax.eval_shape(opt.init, trees.pick(params, plan.trainable))
    host = _assemble(training, params, stats, {}, memory=memory, scalar=lambda shape, dtype: np.zeros(shape, dtype))
    host = host.replace(seed=np.uint32(training.seed), hyper=jax.tree.map(np.asarray, training.hyper))
    placed = sharding.to_devices(host, sharding.shardings(host, training.mesh, rules))
    where = sharding.shardings(opt_shapes, training.mesh, rules)
    opt_state = jax.jit(opt.init, out_shardings=where)(trees.pick(placed.params, plan.trainable))
    return placed.replace(opt_state=opt_state)


def _assemble(training: Training, params: Any, stats: Any, opt_state: Any, *, memory: Any, scalar: Callable[..., Any]) -> State:
    ema = trees.pick(params, ever_trained(training.plans)) if training.ema_decay else {}
    hyper = jax.tree.map(lambda _: scalar((), np.float32), dict(training.hyper))
    counters = {"step": scalar((), np.int32), "seed": scalar((), np.uint32), "hyper": hyper}
    return State(**counters, params=params, stats=stats, opt_state=opt_state, ema=ema, objective=memory)


def new_head(training: Training, variables: Mapping[str, Any]) -> trees.Tree:
    """The head's parameters by `Training.head_init`, from the features and labels of one pass where it needs them.

    Raises:
      ValueError: a head that is not one linear map of the features.
    """
    shapes, expression = models.shapes(training.model)["params"].get("head", {}), str(training.head_init)
    if "kernel" not in shapes or not {"kernel", "bias", "scale"} >= set(shapes):
        raise ValueError(f"head_init={expression!r} is for a head with one kernel (linear, cosine); this one has {sorted(shapes)}")
    init = strategies.head_inits.create(training.head_init, link=training.link)
    width, outputs = shapes["kernel"].shape
    features, labels = np.zeros((0, width)), np.zeros((0, outputs))
    by_name = isinstance(training.head_init, str | registry.Call)
    if not by_name or expression.split("(")[0].strip() in strategies.needs_features:
        features, labels = collect_features(training, variables)
    kernel, bias = init(features, labels, outputs, training.seed)
    head = dict(variables["params"]["head"]) | {"kernel": jnp.asarray(kernel)}
    return head | ({"bias": jnp.asarray(bias)} if "bias" in shapes else {})


def collect_features(training: Training, variables: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """``(features [N, D] float32, labels [N, C])`` of one pass, each example once by its `index`, with stored statistics."""
    model = training.model
    run = jax.jit(lambda variables, batch: for_evaluation(model, training.transform, variables)(batch, stop="head").features)
    rows: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for batch in training.one_pass():
        stream = training.labeled_stream(training.labeled(batch))
        features = np.asarray(run(variables, {k: stream[k] for k in model.input_spec}))
        rows.update({int(i): pair for i, *pair in zip(np.asarray(stream["index"]), features, np.asarray(stream["label"]), strict=True)})  # type: ignore[misc]
    kept = [rows[i] for i in sorted(rows) if i >= 0]
    return np.stack([f for f, _ in kept]), np.stack([y for _, y in kept])


def recalibrate(training: Training, variables: Mapping[str, Any], plan: Plan) -> trees.Tree:
    """The batch statistics with those of `Plan.recalibrated` measured anew at fixed parameters (Li et al. 2016, AdaBN).

    ``mean = E[mean_b]``, ``var = E[var_b + mean_b^2] - mean^2`` over the batches of one pass: of the stream called ``target`` where there
    is one, else of the labeled one. A layer updates ``s' = m s + (1 - m) b``; run from s = 0 and from s = 1,
    ``b = s'_0 / (1 - (s'_1 - s'_0))`` gives the batch's own statistic whatever the momentum m.

    Raises:
      ValueError: parts without BatchNorm alone.
    """
    stats = trees.flatten(variables["batch_stats"])
    renewed = trees.flatten(split_stats(variables["batch_stats"], plan.recalibrated)[1])
    if not plan.recalibrated:
        return dict(variables["batch_stats"])
    if not renewed:
        raise ValueError(f"bn='recalibrate': {', '.join(plan.recalibrated)}: there is no BatchNorm")
    model = training.model

    @jax.jit
    def of_batch(params: Any, stats: Any, batch: Any) -> Any:
        inputs = {k: training.transform(batch)[k] for k in model.input_spec}

        def updated(value: float) -> Any:
            start = jax.tree.map(lambda s: jnp.full_like(s, value), stats)
            held = {"params": params, "batch_stats": start}
            return model.apply(held, inputs, batch_stats_in=True, mutable=["batch_stats"])[1]["batch_stats"]

        return jax.tree.map(lambda zero, one: zero / (1 - (one - zero)), updated(0.0), updated(1.0))

    own = model_params(variables["params"])
    of_batches = [trees.flatten(jax.device_get(of_batch(own, variables["batch_stats"], b))) for b in _recalibrating(training)]
    pooled = _pooled(of_batches)
    return trees.unflatten({path: pooled[path] if path in renewed else value for path, value in stats.items()})


def _recalibrating(training: Training) -> Iterable[Any]:
    for batch in training.one_pass():
        stream = streams(batch).get("target", training.labeled_stream(batch))
        yield {k: stream[k] for k in training.model.input_spec}


def _pooled(of_batches: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    out = {}
    for path in of_batches[0]:
        stem = path.rpartition("/")[0]
        mean = np.mean([s[f"{stem}/mean"] for s in of_batches], axis=0)
        second = np.mean([s[f"{stem}/var"] + s[f"{stem}/mean"] ** 2 for s in of_batches], axis=0)
        out[path] = mean if path.endswith("/mean") else np.maximum(second - mean**2, 0.0)
    return out
