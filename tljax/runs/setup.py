"""Builds a run from its fields before any step, so that a mistake in a field costs milliseconds."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.experimental.compilation_cache import compilation_cache

from tljax import data, metrics, objectives, strategies, tasks
from tljax.evaluate import measure
from tljax.runs.run import Run, as_streams, by_stream
from tljax.train import initialization, optimizer, plan, sharding, training

Batch = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Setup:
    """A run and what follows from its fields; it does not change during training, except for the cache `programs`.

    Attributes:
      run: the run.
      task: the meaning of the labels, fitted to the training data.
      training: the fixed part of training, for the loop.
      train: stream name -> training source with the fields of the task; a single stream is called ``""``.
      val: stream name -> validation source.
      test: the test source, or None.
      metric: the metric that selects; None: nothing is measured on the validation streams.
      measured: the metrics of a validation: the one that selects, and the task's if that is another one.
      host: stream name -> host half of the preprocessing of training batches.
      sizes: stream name -> batch size.
      programs: the metrics compiled so far (`compiled`).
    """

    run: Run
    task: tasks.Task
    training: training.Training
    train: Mapping[str, data.Source]
    val: Mapping[str, data.Source]
    test: data.Source | None
    metric: metrics.Metric | None
    measured: tuple[metrics.Metric, ...]
    host: Mapping[str, Callable[..., Any]]
    sizes: Mapping[str, int]
    programs: dict[str, measure.Compiled] = dataclasses.field(default_factory=dict)

    def batches(self, phase: plan.Plan, step: int) -> Iterator[Batch]:
        """This process's training batches of a phase, from `step` on."""
        return data.train_batches(
            _nested(self.train), _nested(self.sizes), self.run.seed, step, phase.span.stop, _nested(self.host),
            jax.process_index(), jax.process_count(), self.run.workers,
        )  # fmt: skip

    def compiled(self, metric: metrics.Metric) -> measure.Compiled:
        """The compiled function of a metric, shared by all splits and steps."""
        key = metric.call or str(id(metric))
        if key not in self.programs:
            t, n = self.training, self.run.pretrained.config.num_classes
            self.programs[key] = measure.compile_metric(
                metric, t.model, transform=t.transform, labeled=lambda batch: self.task.labeled(batch, n), mesh=t.mesh
            )
        return self.programs[key]


def prepare(run: Run) -> Setup:
    """Build a run from shapes alone; no large array is moved yet.

    Raises:
      ValueError, KeyError, FileNotFoundError: a field with an invalid value, or fields that do not fit together, by name.
    """
    run.validate()
    _cache_programs(run.compilation_cache)
    opened, task = run.pretrained, _task(run)
    train = {name: task.view(data.create(source)) for name, source in as_streams(run.train).items()}
    if empty := [name for name, source in train.items() if not len(source)]:
        raise ValueError(f"train: the source {empty[0]!r} is empty".replace(" ''", ""))
    objective = _objective(run, task, train)
    labeled_name = next((name for name in objective.streams if name in train), next(iter(train)))
    _check_labels(run, task, objective, train[labeled_name])
    train = {name: _aligned(opened, task, source, name or "train") for name, source in train.items()}
    val = {name: _aligned(opened, task, task.view(data.create(source)), name or "val") for name, source in as_streams(run.val).items()}
    metric, measured = _metrics(run, task, objective, val)
    sizes = by_stream(run.batch_size, train, empty=0)
    if missing := [name for name, size in sizes.items() if not size]:
        raise ValueError(f"batch_size: the stream {missing[0]!r} has none; give batch_size={{{missing[0]!r}: ...}}")
    complete, host = _training(run, task, objective, train, sizes=sizes, labeled_name=labeled_name)
    return Setup(
        run=run,
        task=task,
        training=complete,
        train=train,
        val=val,
        test=_test(run, task),
        metric=metric,
        measured=measured,
        host=host,
        sizes=sizes,
    )


def _task(run: Run) -> tasks.Task:
    """The task of the model; `Run.task` may name other fields of the sources."""
    opened = run.pretrained.task
    if not run.task:
        return opened
    task = tasks.create(run.task)
    if task.name != opened.name:
        raise ValueError(f"task={task}: the model was opened for {opened}; open it with task={task.name!r} and labels=")
    return dataclasses.replace(opened, input=task.input, label=task.label)


def _test(run: Run, task: tasks.Task) -> data.Source | None:
    if run.test is None:
        return None
    test = _aligned(run.pretrained, task, task.view(data.create(run.test)), "test")
    if task.form and not task.has_labels(test):
        raise ValueError(f"test: {data.describe(test)} has no labels of the kind {' or '.join(task.kinds)} to be measured by")
    return test


def _training(
    run: Run,
    task: tasks.Task,
    objective: objectives.Objective,
    train: Mapping[str, data.Source],
    *,
    sizes: Mapping[str, int],
    labeled_name: str,
) -> tuple[training.Training, Mapping[str, Callable[..., Any]]]:
    """``(fixed part of training, host halves of preprocessing by stream)``, checked by tracing one batch of shapes."""
    opened, config = run.pretrained, run.pretrained.config
    strategy = _strategy(run, opened.model, objective)
    augment, host = _augment(run, task, config, train)
    scratch = strategy.init == "scratch"
    first = training.Training(
        model=opened.model,
        objective=objective,
        strategy=strategy,
        plans=(),
        mesh=sharding.make_mesh(run.data_devices, run.fsdp),
        seed=run.seed,
        optim=run.optim,
        hyper=training.hyper(run.optim, objective),
        multiplier=optimizer.multiplier(run.optim, run.steps),
        one_pass=_one_pass(run, train, sizes, labeled_name),
        augment=augment,
        labeled=_labeled(task, config.num_classes, train),
        transform=data.on_device(config),
        accumulate=run.accumulate,
        ema_decay=run.ema,
        pretrained=None if scratch else opened.variables,
        new_head=opened.new_head,
        head_init="" if scratch else run.head_init,
        link=task.link,
    )
    shapes, _, _ = initialization.initial_shapes(first)
    complete = dataclasses.replace(
        first, plans=plan.make_plans(strategy, shapes, stages=opened.model.stages, optim=run.optim, total_steps=run.steps)
    )
    example = _arrays(next(iter(complete.one_pass())))
    jax.eval_shape(lambda batch: complete.prepared(batch, np.uint32(run.seed), jax.random.key(0)), example)
    return complete, host


def _one_pass(run: Run, train: Mapping[str, data.Source], sizes: Mapping[str, int], labeled_name: str) -> Callable[[], Iterator[Batch]]:
    """The batches of one pass over the labeled stream, without augmentation, and as many of the other streams."""
    hosts = {name: data.on_host(run.pretrained.config, kinds=source.fields) for name, source in train.items()}
    fitting = {name: min(size, len(train[name])) if len(train) == 1 else size for name, size in sizes.items()}
    steps = -(-len(train[labeled_name]) // sizes[labeled_name])
    return lambda: data.train_batches(_nested(train), _nested(fitting), run.seed, 0, steps, _nested(hosts))


def _labeled(task: tasks.Task, num_classes: int, train: Mapping[str, data.Source]) -> Callable[[Batch], Batch]:
    """``batch -> batch`` with the labels of every stream in the task's form."""
    if list(train) == [""]:
        return lambda batch: task.labeled(batch, num_classes)
    return lambda batch: {name: task.labeled(part, num_classes) if name in train else part for name, part in batch.items()}


def _objective(run: Run, task: tasks.Task, train: Mapping[str, data.Source]) -> objectives.Objective:
    expression = run.objective or task.objective
    if not expression:
        raise ValueError(f"the task {task.name} has no objective of its own: give one with objective= (such as simclr)")
    counted = next((s for s in train.values() if s.fields.get("label") == "class"), None)
    counts = tuple(int(n) for n in data.class_counts(counted)) if counted is not None else ()
    facts = {
        "class_counts": counts,
        "classes": run.pretrained.config.labels,
        "steps": run.steps,
        "tokenizer": run.pretrained.config.tokenizer,
    }
    objective = objectives.create(expression, **facts)
    named = [name for name in train if name]
    if objective.streams and (missing := [name for name in objective.streams if name not in named]):
        streams = f"the run has {', '.join(named)}" if named else "the run has one unnamed source"
        raise ValueError(
            f"objective {objective.call}: it reads the streams {', '.join(objective.streams)}, but {streams}; missing: {missing[0]}"
        )
    if named and not objective.streams:
        raise ValueError(
            f"objective {objective.call}: it reads one stream, the run has {', '.join(named)}; name the one to learn from (stream=)"
        )
    if run.accumulate > 1 and objective.couples_examples:
        raise ValueError(f"accumulate={run.accumulate}: the objective {objective.call} cannot be accumulated: {objective.couples_examples}")
    return objective


def _check_labels(run: Run, task: tasks.Task, objective: objectives.Objective, train: data.Source) -> None:
    """Raise ValueError if labels, objective or head initialization do not fit the task."""
    if objective.forms and task.form not in objective.forms:
        fits = f"; {task.objective} fits" if task.objective else ""
        forms = " or ".join(objective.forms)
        raise ValueError(
            f"objective {objective.call}: it reads labels of the form {forms}, the task {task.name} gives {task.form or 'none'}{fits}"
        )
    if objective.forms:
        task.check(train)
    name = str(run.head_init).split("(")[0].strip()
    if name:
        strategies.head_inits.create(run.head_init, link=task.link)
        if name not in task.head_inits:
            raise ValueError(
                f"head_init={str(run.head_init)!r} does not fit the task {task.name}, which takes {', '.join(task.head_inits)}"
            )


def _aligned(opened: Any, task: tasks.Task, view: data.Source, name: str) -> data.Source:
    """Number the classes of a source as the model does; a source without labels stays as it is."""
    if "label" not in view.fields or not task.form or not opened.config.labels:
        return view
    try:
        return data.relabel(view, opened.config.labels)
    except ValueError as e:
        raise ValueError(f"{name}: {e}") from None


def _metrics(
    run: Run, task: tasks.Task, objective: objectives.Objective, val: Mapping[str, data.Source]
) -> tuple[metrics.Metric | None, tuple[metrics.Metric, ...]]:
    facts = task.facts(run.pretrained.config.num_classes)
    own = metrics.create(task.metric, **facts)
    unlabeled = [name or "val" for name, source in val.items() if not task.has_labels(source)]
    chosen = metrics.create(run.metric or objective.metric or own, **facts)
    if not val:
        return None, (own,)
    if chosen.labels and unlabeled:
        if run.select == "best" or run.metric:
            raise ValueError(
                f"metric {chosen.call}: the validation source {unlabeled[0]!r} has no labels of the kind {' or '.join(task.kinds)}; "
                "select by a label-free metric (information) or select='last'"
            )
        return None, ()
    if len(val) > 1 and not chosen.streams:
        raise ValueError(
            f"metric {chosen.call}: validation is on {', '.join(val)}; name the one that selects, such as "
            f"information(stream='{list(val)[-1]}')"
        )
    return chosen, (chosen, *((own,) if own.call != chosen.call and not (own.labels and unlabeled) else ()))


def _strategy(run: Run, model: Any, objective: objectives.Objective) -> strategies.Strategy:
    strategy = strategies.create(run.strategy, model.stages)
    if strategy.init != "scratch" and not run.pretrained.origin:
        raise ValueError(
            f"strategy={str(run.strategy)!r} starts from pretrained values, but the model is random: open weights, or take scratch"
        )
    if run.bn in ("stored", "batch"):
        strategy = dataclasses.replace(strategy, trained_bn=run.bn)
    elif run.bn:
        strategy = strategy.with_bn(((".*", run.bn),) if isinstance(run.bn, str) else tuple(run.bn))
    return plan.with_rules(strategy, objective.rules)


def _augment(
    run: Run, task: tasks.Task, config: Any, train: Mapping[str, data.Source]
) -> tuple[Callable[[Batch, Any], Batch], dict[str, Callable[..., Any]]]:
    """``(augment on the device, host half of preprocessing by stream)``."""
    expressions = by_stream(run.augment, train, empty=())
    kinds = {name: dict(source.fields) for name, source in train.items()}
    hosts = {name: data.on_host(config, kinds=kinds[name], augment=tuple(expressions[name]), seed=run.seed) for name in train}

    def augment(batch: Batch, seed: Any) -> Batch:
        return data.augmentation(_nested(expressions), config.num_classes, seed, kinds=_nested(kinds))(batch)

    return augment, hosts


def _nested(by_name: Mapping[str, Any]) -> Any:
    """A mapping by stream names, or the value of a single unnamed stream."""
    return by_name[""] if list(by_name) == [""] else dict(by_name)


def _arrays(batch: Any) -> Any:
    return {k: _arrays(v) if isinstance(v, Mapping) else jax.ShapeDtypeStruct(np.shape(v), v.dtype) for k, v in batch.items()}


def _cache_programs(folder: str) -> None:
    """Keep all compiled programs in `folder`; if it is empty, JAX's own settings (JAX_COMPILATION_CACHE_DIR) stay as they are."""
    if not folder:
        return
    if jax.config.jax_compilation_cache_dir not in (None, folder):  # type: ignore[attr-defined]  # jax defines its options when imported
        compilation_cache.reset_cache()  # else the other folder, open already, stays in use
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
