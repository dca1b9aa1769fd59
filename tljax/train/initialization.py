"""Builds the state that training starts from: resume, pretrained values, data-dependent initialization, optimizer."""

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
    """The state from which training starts or resumes.

    The order matters:
      1. Resume: a checkpoint in the workdir is the state, and nothing below happens.
      2. Otherwise take the pretrained values, or random ones. The objective takes its parameters and state from them (L2-SP's anchor is the
         backbone before anything is fitted).
      3. Data-dependent initialization: recalibrate BatchNorm first, as the head reads features through it; then the head; then the
         objective's `prepare`.
      4. Create the optimizer's state from these values.
      5. Save the tree as `init/`.

    Args:
      training: the run's training.
      checkpoints: of the workdir; None: nothing is resumed or saved.
    """
    if checkpoints is not None and (resumed := checkpoints.latest(lambda step: shapes_at(training, step))) is not None:
        return resumed
    key, objective, model = jax.random.key(training.seed), training.objective, training.model
    variables = dict(training.pretrained) if training.pretrained is not None else models.init(model, jax.random.fold_in(key, 0))
    own, objective_state = objective.init(jax.random.fold_in(key, 1), model, variables, _first_batch(training))
    variables["batch_stats"] = recalibrate(training, variables, training.plans[0])
    if training.head_init and training.new_head:
        variables["params"] = {**variables["params"], "head": new_head(training, variables)}
    if objective.prepare is not None:
        own, objective_state = objective.prepare(own, objective_state, model, variables, lambda: map(training.labeled, training.one_pass()))
    params = variables["params"] | ({"objective": own} if own else {})
    state = _placed(training, params, variables["batch_stats"], objective_state)
    if checkpoints is not None:
        checkpoints.save_initial(state.params, state.stats)
    return state


def _first_batch(training: Training) -> Any:
    """One batch for the objective's `init`: labels in the task's form, not augmented."""
    return training.labeled(next(iter(training.one_pass())))


def shapes_at(training: Training, step: int) -> State:
    """A `State` of shapes with shardings, as a checkpoint of `step` holds it; `step` 0 is the start."""
    params, stats, objective_state = initial_shapes(training)
    plan = training.plans[strategies.at([p.span for p in training.plans], max(step - 1, 0)).index]
    opt_state = jax.eval_shape(plan.optimizer(0.0).init, trees.pick(params, plan.trainable))
    state = _assemble(training, params, stats, opt_state, objective_state=objective_state, scalar=jax.ShapeDtypeStruct)
    layout = sharding.shardings(state, training.mesh, training.sharding_rules)
    return jax.tree.map(lambda leaf, where: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where), state, layout)


def initial_shapes(training: Training) -> tuple[trees.Tree, trees.Tree, Any]:
    """Shapes of ``(params, stats, the objective's state)``."""
    variables = models.shapes(training.model)
    batch = jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), np.asarray(x).dtype), dict(next(iter(training.one_pass()))))

    def init(variables: Any, batch: Any) -> Any:
        return training.objective.init(jax.random.key(0), training.model, variables, training.labeled(batch))

    own, objective_state = jax.eval_shape(init, variables, batch)
    return variables["params"] | ({"objective": own} if own else {}), variables["batch_stats"], objective_state


def enter_phase(training: Training, state: State, plan: Plan) -> State:
    """The state at the first step of a later phase.

    BatchNorm is recalibrated where the phase says so. The optimizer's state is new; leaves that continue to train keep their moments.
    """
    trained = trees.pick(state.params, plan.trainable)
    opt = plan.optimizer(0.0)
    layout = sharding.shardings(jax.eval_shape(opt.init, trained), training.mesh, training.sharding_rules)
    fresh = jax.jit(opt.init, out_shardings=layout)(trained)
    if plan.recalibrated:
        stats = recalibrate(training, sharding.to_host({"params": state.params, "batch_stats": state.stats}), plan)
        state = state.replace(stats=sharding.to_devices(stats, sharding.shardings(stats, training.mesh, training.sharding_rules)))
    return state.replace(opt_state=optimizer.carry_over(state.opt_state, fresh))


def _placed(training: Training, params: trees.Tree, stats: trees.Tree, objective_state: Any) -> State:
    """The first state on the devices, with the optimizer's state of the first phase."""
    plan, rules = training.plans[0], training.sharding_rules
    opt = plan.optimizer(0.0)
    opt_shapes = jax.eval_shape(opt.init, trees.pick(params, plan.trainable))
    host = _assemble(training, params, stats, {}, objective_state=objective_state, scalar=lambda shape, dtype: np.zeros(shape, dtype))
    host = host.replace(seed=np.uint32(training.seed), hyper=jax.tree.map(np.asarray, training.hyper))
    placed = sharding.to_devices(host, sharding.shardings(host, training.mesh, rules))
    layout = sharding.shardings(opt_shapes, training.mesh, rules)
    opt_state = jax.jit(opt.init, out_shardings=layout)(trees.pick(placed.params, plan.trainable))
    return placed.replace(opt_state=opt_state)


def _assemble(training: Training, params: Any, stats: Any, opt_state: Any, *, objective_state: Any, scalar: Callable[..., Any]) -> State:
    ema = trees.pick(params, ever_trained(training.plans)) if training.ema_decay else {}
    hyper = jax.tree.map(lambda _: scalar((), np.float32), dict(training.hyper))
    counters = {"step": scalar((), np.int32), "seed": scalar((), np.uint32), "hyper": hyper}
    return State(**counters, params=params, stats=stats, opt_state=opt_state, ema=ema, objective=objective_state)


def new_head(training: Training, variables: Mapping[str, Any]) -> trees.Tree:
    """The head's parameters by `Training.head_init`, from the features and labels of one pass where it needs them.

    Raises:
      ValueError: a head that is not one linear map of the features.
    """
    shapes, expression = models.shapes(training.model)["params"].get("head", {}), str(training.head_init)
    if "kernel" not in shapes or not {"kernel", "bias", "scale"} >= set(shapes):
        raise ValueError(
            f"head_init={expression!r} needs a head with one kernel (linear, cosine); this head has {sorted(shapes) or 'no parameters'}"
        )
    init = strategies.head_inits.create(training.head_init, link=training.link)
    width, outputs = shapes["kernel"].shape
    features, labels = np.zeros((0, width)), np.zeros((0, outputs))
    is_object = not isinstance(training.head_init, str | registry.Call)
    if is_object or expression.split("(")[0].strip() in strategies.needs_features:
        features, labels = collect_features(training, variables)
    kernel, bias = init(features, labels, outputs, training.seed)
    head = dict(variables["params"]["head"]) | {"kernel": jnp.asarray(kernel)}
    return head | ({"bias": jnp.asarray(bias)} if "bias" in shapes else {})


def collect_features(training: Training, variables: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """``(features [N, D] float32, labels [N, C])`` of one pass, with stored statistics; each example once, in the order of `index`."""
    model = training.model
    run = jax.jit(lambda variables, batch: for_evaluation(model, training.transform, variables)(batch, stop="head").features)
    rows: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for batch in training.one_pass():
        stream = training.labeled_stream(training.labeled(batch))
        features = np.asarray(run(variables, {k: stream[k] for k in model.input_spec}))
        rows.update({int(i): pair for i, *pair in zip(np.asarray(stream["index"]), features, np.asarray(stream["label"]), strict=True)})  # type: ignore[misc]
    examples = [rows[i] for i in sorted(rows) if i >= 0]
    return np.stack([features for features, _ in examples]), np.stack([label for _, label in examples])


def recalibrate(training: Training, variables: Mapping[str, Any], plan: Plan) -> trees.Tree:
    """Batch statistics in which those of the parts `Plan.recalibrated` are measured anew at fixed parameters (Li et al. 2016, AdaBN).

    ``mean = E[mean_b]`` and ``var = E[var_b + mean_b^2] - mean^2`` over the batches b of one pass: of the stream ``target`` where there is
    one, otherwise of the labeled stream. A layer updates ``s' = m s + (1 - m) b`` with momentum m. Run from s = 0 and from s = 1, this
    gives the batch's own statistic for any m: ``b = s'_0 / (1 - (s'_1 - s'_0))``.

    Args:
      training: the run's training.
      variables: ``{"params", "batch_stats"}``, on the host.
      plan: of the phase that begins.

    Raises:
      ValueError: none of the parts has BatchNorm.
    """
    stats = trees.flatten(variables["batch_stats"])
    renewed = trees.flatten(split_stats(variables["batch_stats"], plan.recalibrated)[1])
    if not plan.recalibrated:
        return dict(variables["batch_stats"])
    if not renewed:
        raise ValueError(f"bn='recalibrate': {', '.join(plan.recalibrated)} have no BatchNorm; name a stage that has one")
    model = training.model

    @jax.jit
    def batch_statistics(params: Any, stats: Any, batch: Any) -> Any:
        inputs = {k: training.transform(batch)[k] for k in model.input_spec}

        def updated_from(value: float) -> Any:
            start = jax.tree.map(lambda s: jnp.full_like(s, value), stats)
            outputs = model.apply({"params": params, "batch_stats": start}, inputs, batch_stats_in=True, mutable=["batch_stats"])
            return outputs[1]["batch_stats"]

        return jax.tree.map(lambda zero, one: zero / (1 - (one - zero)), updated_from(0.0), updated_from(1.0))

    params = model_params(variables["params"])
    measured = [
        trees.flatten(jax.device_get(batch_statistics(params, variables["batch_stats"], batch)))
        for batch in _recalibration_batches(training)
    ]
    pooled = _pooled(measured)
    return trees.unflatten({path: pooled[path] if path in renewed else value for path, value in stats.items()})


def _recalibration_batches(training: Training) -> Iterable[Any]:
    for batch in training.one_pass():
        stream = streams(batch).get("target", training.labeled_stream(batch))
        yield {k: stream[k] for k in training.model.input_spec}


def _pooled(measured: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Mean and variance over all batches, from those of each batch."""
    pooled = {}
    for path in measured[0]:
        layer = path.rpartition("/")[0]
        mean = np.mean([stats[f"{layer}/mean"] for stats in measured], axis=0)
        second_moment = np.mean([stats[f"{layer}/var"] + stats[f"{layer}/mean"] ** 2 for stats in measured], axis=0)
        pooled[path] = mean if path.endswith("/mean") else np.maximum(second_moment - mean**2, 0.0)
    return pooled
