"""A model with its weights, ready to use: predict, measure, features, save."""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from tljax import data, metrics, tasks, weights
from tljax.evaluate import features, measure
from tljax.train import forward, sharding


@dataclasses.dataclass(frozen=True)
class Pretrained(weights.Pretrained):
    """A model with its weights, its task and the preprocessing of its inputs.

    Attributes:
      task: the meaning of its outputs.
      new_head: the head is newly drawn and not trained yet.
      origin: hash of the weights that the backbone came from; empty: they were drawn at random.
    """

    task: tasks.Task = dataclasses.field(default_factory=lambda: tasks.create("features"))
    new_head: bool = False
    origin: str = ""

    def predict(self, inputs: Any, top: int = 3, batch_size: int = 256) -> list[dict[str, Any]]:
        """Predict: one dict for each input, ``{"file": name, ...}`` and the entries of the task (`tasks`).

        Args:
          inputs: a source or its call expression; the path of an image, of a folder of images, or of a table of texts; or a list of paths
            of images.
          top: classes listed for each input.
          batch_size: examples per batch.

        Raises:
          ValueError, FileNotFoundError: inputs that the model does not read.
        """
        return list(self.predictions(inputs, top=top, batch_size=batch_size))

    def predictions(
        self, inputs: Any, *, top: int = 3, batch_size: int = 256, workers: int = 0, title: str = ""
    ) -> Iterator[dict[str, Any]]:
        """`predict` as an iterator, batch by batch, so that masks and boxes of a large source need not fit into memory."""
        source = self.task.view(as_inputs(inputs, self.config))
        run, options = self._compiled(self._answer), self._options(source, batch_size)
        at = 0
        for answers in measure.over(run, self._placed(), source, workers=workers, title=title, **options):
            n = min(len(jax.tree.leaves(answers)[0]), len(source) - at)
            rows = self.task.rows(jax.tree.map(lambda x, n=n: x[:n], answers), self.config, _Examples(source, at, n), top)
            yield from ({"file": data.name_of(source, at + i), **row} for i, row in enumerate(rows))
            at += n

    def measure(self, source: Any, metric: Any = None, *, by_order: bool = False, batch_size: int = 256) -> dict[str, Any]:
        """Measure a metric on all examples of a source; classes are matched by name.

        Args:
          source: a source or its call expression, with labels if the metric reads them.
          metric: a metric or its call expression; None: the task's.
          by_order: match classes by their order instead.
          batch_size: examples per batch.

        Returns:
          ``{name: number}``, such as ``{"accuracy": 0.93, ...}``.

        Raises:
          ValueError: labels of another kind, or classes that the model does not have.
        """
        return self.measured(source, metric, by_order=by_order, batch_size=batch_size)[0]

    def measured(
        self, source: Any, metric: Any = None, *, by_order: bool = False, batch_size: int = 256, workers: int = 0, title: str = ""
    ) -> tuple[dict[str, Any], Any]:
        """``(numbers, statistics)`` of `measure`."""
        chosen = metrics.create(metric or self.task.metric, **self.task.facts(self.config.num_classes))
        created = data.create(source)
        view = self.view(created, by_order=by_order) if chosen.labels else self.task.view(created)

        def labeled(batch: Mapping[str, Any]) -> Mapping[str, Any]:
            return self.task.labeled(batch, self.config.num_classes) if chosen.labels else batch

        run = measure.compile_metric(chosen, self.model, transform=data.on_device(self.config), labeled=labeled, mesh=sharding.make_mesh())
        options = self._options(view, batch_size)
        values = measure.statistics(chosen, run, self._placed(), view, workers=workers, title=title, **options)
        return measure.numbers(chosen, {"": values}), values

    def features(self, source: Any, stages: str | Sequence[str] = "all", batch_size: int = 256) -> dict[str, np.ndarray]:
        """``{stage: [N, D] float32}``: the pooled output of stages for all N examples of a source.

        Args:
          source: a source or its call expression; labels are not needed.
          stages: ``"all"``, ``"stage3,stage4"`` or a list of names.
          batch_size: examples per batch.

        Raises:
          ValueError: a stage that the model does not have.
        """
        chosen = features.stages_of(self.model, stages if isinstance(stages, str) else ",".join(stages))
        return features.pretrained(self, self.task.view(as_inputs(source, self.config)), chosen, batch_size=batch_size)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights and config into a folder that `tljax.open` reads. Raises OSError that names the folder."""
        weights.save(path, jax.device_get(self.variables), self.config)

    def view(self, source: data.Source, *, by_order: bool = False) -> data.Source:
        """A labeled source with the fields and the class numbers of this model.

        Raises:
          ValueError: labels of another kind, or classes that the model does not have.
        """
        view = self.task.view(source)
        if self.task.form and view.fields.get("label") not in self.task.kinds:
            self.task.check(view)
        if not self.task.form or not (view.classes or self.config.labels):
            return view
        return data.relabel(view, tasks.classification_names(self.config), by_order=by_order)

    def answers(self, source: data.Source, batch_size: int = 8) -> Any:
        """The task's answers `[N, ...]`, of which `predict` makes rows, for the N examples of a source with the task's fields."""
        return measure.gather(self._compiled(self._answer), self._placed(), source, **self._options(source, batch_size))

    def _answer(self, variables: Mapping[str, Any], batch: Mapping[str, Any]) -> Any:
        return self.task.answers(forward.for_evaluation(self.model, data.on_device(self.config), variables)(batch), batch)

    def _compiled(self, function: Any) -> Any:
        return jax.jit(function, out_shardings=sharding.replicated(sharding.make_mesh()))

    def _placed(self) -> Any:
        return sharding.to_devices(self.variables, sharding.shardings(self.variables, sharding.make_mesh()))

    def _options(self, source: data.Source, batch_size: int) -> dict[str, Any]:
        return {"batch_size": batch_size, "host": data.on_host(self.config, kinds=source.fields), "mesh": sharding.make_mesh()}


@dataclasses.dataclass(frozen=True, eq=False)
class _Examples(Sequence[Mapping[str, Any]]):
    """The examples of one batch, read only when a task looks at them."""

    source: data.Source
    start: int
    size: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: Any) -> Any:
        return self.source[self.start + range(self.size)[index]]


def as_inputs(inputs: Any, config: weights.PretrainedConfig) -> data.Source:
    """Turn the inputs of `predict` into a source: a source, an expression, a path, or a list of paths.

    Raises:
      ValueError, FileNotFoundError: any other input, or files that do not fit the model.
    """
    if isinstance(inputs, str | os.PathLike):
        path = os.fspath(inputs)
        if not os.path.exists(path) and "(" in path:
            return data.create(path)
        of_text = len(config.input_size) == 1
        return data.create(f"text({path!r}, label='')" if of_text else f"unlabeled({path!r})")
    if isinstance(inputs, list | tuple) and inputs and all(isinstance(path, str | os.PathLike) for path in inputs):
        return data.from_files([os.fspath(path) for path in inputs])
    if hasattr(inputs, "fields"):
        source: data.Source = inputs
        return source
    raise ValueError(f"predict: expected a source, a path or a list of paths, got {type(inputs).__name__}")
