"""Opens or creates a model with a head for the labels of a source."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from tljax import data, models, registry, tasks, trees, weights
from tljax.runs import workdirs
from tljax.runs.pretrained import Pretrained

MEASURED = 1000
"""Number of examples from which a created model takes the mean and standard deviation of its inputs."""


def open(
    path: str | os.PathLike[str],
    labels: Any = None,
    task: Any = None,
    *,
    new_head: str = "auto",
    head: Any = "",
    best: bool = False,
    seed: int = 0,
    **options: Any,
) -> Pretrained:
    """Open a checkpoint, a workdir or a hub repository. With a source of labels, the model gets a head that predicts them.

    Args:
      path: a weight file or folder, a workdir, or ``hf://OWNER/NAME`` (`tljax.weights.open`).
      labels: a source, or its call expression, whose labels the head predicts; None: the head stays as it is.
      task: the meaning of the labels; None: the checkpoint's task if it reads such labels, else the one that fits their kind.
      new_head: ``"auto"``: new unless the checkpoint's head is for the same task and classes; ``"always"``; ``"never"``.
      head: call expression of a new head; empty: the checkpoint's kind of head if it fits the task, else the task's default.
      best: take the best weights so far of a workdir whose run has not finished.
      seed: of a new head.
      **options: of `tljax.weights.open`: `in_channels`, `input_size`, `dtype`, `remat`, `only`, `fresh`, `family`, `sha256`, ...

    Raises:
      FileNotFoundError, ValueError: an error of `tljax.weights.open`; labels that the task does not read; a run that has not finished.
    """
    if new_head not in ("auto", "always", "never"):
        raise ValueError(f"new_head={new_head!r}: expected one of auto, always, never")
    key = jax.random.fold_in(jax.random.key(seed), 0)
    if "in_channels" in options and not options["in_channels"]:
        del options["in_channels"]
    if "input_size" in options and not options["input_size"]:
        del options["input_size"]
    if labels is None and head:
        options["head"] = head
    loaded = _unfinished(path, best) or weights.open(path, key=key, **options)
    origin = loaded.config.sha256 or trees_hash(loaded.variables)
    fresh = any(name.startswith("params/head/") for name in loaded.report.new)
    meaning = tasks.create(task or loaded.config.task or _by_head(loaded.config))
    opened = _pretrained(loaded, meaning, new_head=fresh, origin=origin)
    if labels is None:
        return opened
    source = data.create(labels)
    if not task and not (meaning.form and _reads(meaning, source)):
        meaning = tasks.infer(source)
    return with_labels(opened, source, meaning, new_head=new_head, head=head, key=key, options=options)


def create(
    model: str,
    labels: Any,
    task: Any = None,
    *,
    head: Any = "",
    input_size: Sequence[int] = (),
    in_channels: int = 0,
    normalize: str = "data",
    dtype: str = "float32",
    remat: Sequence[str] = (),
    seed: int = 0,
    title: str = "",
) -> Pretrained:
    """Create a model with random parameters for the labels of a source.

    Args:
      model: call expression of a backbone, such as ``resnet18``.
      labels: a source, or its call expression.
      task: the meaning of its labels; None: the one that fits their kind.
      head: call expression; empty: the task's default.
      input_size: height and width; (): those of the first example.
      in_channels: number of channels; 0: that of the first example.
      normalize: ``"data"``: normalize inputs by the mean and standard deviation of the source's images; ``"none"``: do not.
      dtype: of the computation.
      remat: stages whose activations are recomputed in the backward pass.
      seed: of the parameters.
      title: the origin of the weights, for the config.

    Raises:
      KeyError, ValueError: an unknown model or head; labels that the task does not read; texts, which need a tokenizer (use `open`).
    """
    if normalize not in ("data", "none"):
        raise ValueError(f"normalize={normalize!r}: expected data or none")
    source = data.create(labels)
    meaning = tasks.create(task) if task else tasks.infer(source)
    view = meaning.view(source)
    meaning.check(view)
    if not len(view):
        raise ValueError(f"{data.describe(source)}: there is no example")
    first = np.asarray(view[0]["x"])
    if view.fields["x"] in ("text", "tokens"):
        raise ValueError(
            f"{data.describe(source)} gives texts, which need a tokenizer: open a checkpoint that brings one (strategy scratch draws its "
            "parameters anew)"
        )
    size = tuple(input_size) or (first.shape[:2] if view.fields["x"] == "image" else ())
    channels = in_channels or first.shape[-1]
    expression = str(head) or meaning.head
    built = {"in_channels": channels, "input_size": size, "dtype": dtype, "remat": tuple(remat)}
    outputs = meaning.outputs(view) if meaning.form else models.feature_size(models.create(model, 1, **built))  # type: ignore[arg-type]
    net = models.create(model, outputs, expression, **built)  # type: ignore[arg-type]
    meaning = meaning.fitted(view)
    config = weights.PretrainedConfig(
        model, outputs, channels, size, labels=_class_names(meaning, view), head=expression, source=title or model, task=str(meaning)
    )
    if size and normalize == "data":
        config = _normalized(config, view)
    variables = models.init(net, jax.random.fold_in(jax.random.key(seed), 0))
    new = dict.fromkeys(trees.flatten(variables), "models.init: random")
    report = weights.LoadReport(file="", family="", loaded=(), reshaped={}, new=new, ignored={})
    return Pretrained(net, variables, config, report, task=meaning, new_head=True)


def with_labels(
    opened: Pretrained, source: data.Source, task: tasks.Task, *, new_head: str, head: Any, key: jax.Array, options: dict[str, Any]
) -> Pretrained:
    """The model with a head for the labels of a source: its own head if task and classes are the same, else a new one."""
    view = task.view(source)
    task.check(view)
    config, classes = opened.config, _class_names(task, view)
    outputs = task.outputs(view) if task.form else models.feature_size(opened.model)
    same = task.name == opened.task.name and classes == config.labels and outputs == config.num_classes and not opened.new_head
    if new_head == "never" or (new_head == "auto" and same):
        if outputs != config.num_classes:
            raise ValueError(f"{data.describe(source)}: its labels need {outputs} outputs, the checkpoint's head has {config.num_classes}")
        task = opened.task if type(task) is type(opened.task) else task
        config = dataclasses.replace(config, labels=classes or config.labels, task=str(task), **task.preprocessing())
        return dataclasses.replace(opened, task=task, config=config)
    expression = str(head) or _fitting_head(config.head, task)
    built = {name: options[name] for name in ("dtype", "remat") if name in options}
    net = models.create(config.model, outputs, expression, in_channels=config.in_channels, input_size=config.input_size, **built)
    paths = [path for path in trees.flatten(models.shapes(net)) if path.split("/")[1] == "head"]
    drawn = models.init(net, key, paths) if paths else {"params": {}, "batch_stats": {}}
    backbone = {kind: {"backbone": tree["backbone"]} for kind, tree in opened.variables.items() if "backbone" in tree}
    variables: dict[str, Any] = {
        kind: backbone.get(kind, {}) | {k: v for k, v in drawn[kind].items()} for kind in ("params", "batch_stats")
    }
    task = task.fitted(view)
    report = dataclasses.replace(
        opened.report,
        loaded=tuple(path for path in opened.report.loaded if path.split("/")[1] != "head"),
        new={path: why for path, why in opened.report.new.items() if path.split("/")[1] != "head"}
        | dict.fromkeys(paths, f"a new head for the labels of {data.describe(source)}"),
    )
    config = dataclasses.replace(
        config,
        num_classes=outputs,
        labels=classes,
        head=expression,
        task=str(task),
        **task.preprocessing(),
        source=f"fine-tuned from {config.source or opened.report.file}",
        sha256="",
    )
    return Pretrained(net, variables, config, report, task=task, new_head=True, origin=opened.origin)


def ready(loaded: weights.Pretrained) -> Pretrained:
    """Add to an opened checkpoint the task that its config names."""
    task = tasks.create(loaded.config.task or _by_head(loaded.config))
    return _pretrained(loaded, task, new_head=False, origin=loaded.config.sha256 or trees_hash(loaded.variables))


def trees_hash(variables: Any) -> str:
    """Hash a tree of arrays."""
    flat = trees.flatten(jax.device_get(variables))
    return data.digest(*(part for path, leaf in sorted(flat.items()) for part in (path, np.asarray(leaf))))


def _pretrained(loaded: weights.Pretrained, task: tasks.Task, *, new_head: bool, origin: str) -> Pretrained:
    fields = {f.name: getattr(loaded, f.name) for f in dataclasses.fields(weights.Pretrained)}
    fields["config"] = dataclasses.replace(loaded.config, **task.preprocessing())
    return Pretrained(**fields, task=task, new_head=new_head, origin=origin)


def _unfinished(path: str | os.PathLike[str], best: bool) -> weights.Pretrained | None:
    """The best weights so far of a workdir whose run has not finished; None for any other path.

    Raises:
      ValueError: such a workdir, and `best` is false.
    """
    root = pathlib.Path(path)
    if not root.is_dir() or not (root / "run.json").is_file() or (root / "model").is_dir():
        return None
    return workdirs.best_so_far(root, best)


def _reads(task: tasks.Task, source: data.Source) -> bool:
    return any(kind in task.kinds for kind in source.fields.values())


def _by_head(config: weights.PretrainedConfig) -> str:
    """The task of a config that names none, by its head."""
    head = registry.parse(config.head)[0]
    served = [name for name in tasks.tasks if getattr(tasks.tasks[name], "head", "") == head]
    return served[0] if len(served) == 1 else "features" if head in models.FIXED_HEADS else "classification"


def _fitting_head(head: str, task: tasks.Task) -> str:
    """The checkpoint's kind of head if it fits the task, else the task's default."""
    plain = ("linear", "mlp", "cosine")
    name = registry.parse(head)[0]
    return head if task.head == name or (task.head in plain and name in plain) else task.head


def _class_names(task: tasks.Task, view: data.Source) -> tuple[str, ...]:
    return tuple(view.classes) if task.form else ()


def _normalized(config: weights.PretrainedConfig, view: data.Source) -> weights.PretrainedConfig:
    """The config with mean and standard deviation of up to `MEASURED` examples."""
    host = data.on_host(config, kinds=view.fields)
    x = np.stack([host(view[i])["x"] for i in range(0, len(view), -(-len(view) // MEASURED))])
    x = x.astype(np.float64) / (255 if x.dtype == np.uint8 else 1)
    mean, std = x.mean((0, 1, 2)), np.maximum(x.std((0, 1, 2)), 1e-3)
    return dataclasses.replace(
        config,
        mean=tuple(float(round(v, 4)) for v in mean),
        std=tuple(float(round(v, 4)) for v in std),
        channel_order="L" if config.in_channels == 1 else "RGB",
    )
