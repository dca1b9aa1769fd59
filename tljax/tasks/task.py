"""The task: it alone knows the meaning of a label."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np

from tljax import data, registry
from tljax.tasks.pictures import Picture

tasks = registry.Registry("task")
register = tasks.register

INPUTS = ("image", "text", "tokens", "vector", "series", "audio", "columns")
"""The kinds of fields that a model reads."""

Rows = list[dict[str, Any]]


class Described(Protocol):
    """The part of a `tljax.weights.PretrainedConfig` that decoding reads."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the outputs, or ()."""

    @property
    def num_classes(self) -> int:
        """Outputs of the head."""

    @property
    def input_size(self) -> tuple[int, ...]:
        """Height and width of the model's images, or the number of tokens, or ()."""


@dataclasses.dataclass(frozen=True)
class Task:
    """The meaning of a label: the fields that are read, the head's outputs, and how they are decoded, measured and drawn.

    Attributes:
      input: name of the source's field that the model reads; empty: its only field of a kind in `INPUTS` (``x`` among several).
      label: name of the field with the label; empty: its only field of a kind in `kinds`.

    Class attributes:
      kinds: kinds of fields that can be the label.
      form: the kind of ``batch["label"]`` for objectives and metrics (see `labeled`); empty: no label.
      head: default head.
      objective: default objective.
      metric: default metric.
      head_inits: suitable entries of `strategies.head_inits`, first values of a head that may depend on data.
      link: ``(scale, center)``: a regression of the labels, ``scale * (prediction - center)``, gives outputs (`strategies.head_inits`).
    """

    input: str = ""
    label: str = ""

    kinds: ClassVar[tuple[str, ...]] = ()
    form: ClassVar[str] = ""
    head: ClassVar[str] = "linear"
    objective: ClassVar[str] = ""
    metric: ClassVar[str] = ""
    head_inits: ClassVar[tuple[str, ...]] = ("zeros", "normal")
    link: ClassVar[tuple[float, float]] = (1.0, 0.0)

    @property
    def name(self) -> str:
        """The name in the registry."""
        return next(name for name in tasks if tasks[name] is type(self))

    def __str__(self) -> str:
        """The call expression that makes this task."""
        changed = [(f.name, getattr(self, f.name)) for f in dataclasses.fields(self) if getattr(self, f.name) != f.default]
        return str(registry.Call(self.name, (), tuple(changed)))

    def view(self, source: data.Source) -> data.Source:
        """The source with its input renamed to ``x`` and its label to ``label``, the names that all later code reads.

        Raises:
          ValueError: no field, or several, that can be the input; a field that the task names and the source lacks.
        """
        names = {_chosen(source, self.input, INPUTS, role="input", default="x"): "x"}
        if labels := [name for name, kind in source.fields.items() if kind in self.kinds]:
            names[_chosen(source, self.label, self.kinds, role="label", default=labels[0])] = "label"
        elif self.label:
            raise ValueError(f"{data.describe(source)}: no field {self.label!r} of the kind {' or '.join(self.kinds)}; {_fields(source)}")
        return source if all(old == new for old, new in names.items()) else Renamed(source, tuple(names.items()))

    def check(self, source: data.Source) -> None:
        """Raises ValueError for a source to train or measure on that has no label of this task, or labels that teach nothing."""
        if self.form and source.fields.get("label") not in self.kinds:
            raise ValueError(
                f"{data.describe(source)}: the task {self.name} needs a label of the kind {' or '.join(self.kinds)}; {_fields(source)}"
            )

    def has_labels(self, source: data.Source) -> bool:
        """True if a source, renamed by `view`, has labels of this task."""
        return source.fields.get("label") in self.kinds

    def outputs(self, source: data.Source) -> int:
        """The number of outputs of the head."""
        return len(source.classes)

    def fitted(self, source: data.Source) -> "Task":
        """The task with statistics of the training data that it needs (the scale of a target)."""
        return self

    def preprocessing(self) -> dict[str, Any]:
        """Fields of the model's config that the task overrides, such as the crop of its inputs."""
        return {}

    def facts(self, num_classes: int) -> dict[str, Any]:
        """Facts that factories of metrics and objectives may take."""
        return {"num_classes": num_classes}

    def labeled(self, batch: Mapping[str, Any], num_classes: int) -> dict[str, Any]:
        """A batch with its label in the task's form; a batch without a label is unchanged. Traced."""
        return dict(batch)

    def answers(self, outputs: Any, batch: Mapping[str, Any]) -> Any:
        """The answers of a batch, a small tree of `[B, ...]`, from its `Outputs`. Traced."""
        raise ValueError(f"the task {self.name} gives no answers")

    def rows(self, answers: Any, config: Described, examples: Sequence[Mapping[str, Any]], top: int = 3) -> Rows:
        """One readable dict for each example: the host half of prediction.

        Args:
          answers: results of `answers`, as host arrays `[N, ...]`.
          config: config of the model.
          examples: the N examples of the source.
          top: number of classes listed for each.
        """
        raise ValueError(f"the task {self.name} gives no answers")

    def pictures(
        self, statistics: Any, source: data.Source, classes: Sequence[str], answer: Callable[[Sequence[int]], Any]
    ) -> dict[str, Picture]:
        """Pictures of a measured split by file name, drawn at the end of a run.

        Args:
          statistics: the split's statistics of the task's own metric.
          source: the split.
          classes: class names.
          answer: ``indices -> answers`` of these examples.
        """
        return {}


@dataclasses.dataclass(frozen=True, eq=False)
class Renamed:
    """A source with other names for some of its fields; build it with `Task.view`."""

    source: data.Source
    names: tuple[tuple[str, str], ...]

    @property
    def fields(self) -> Mapping[str, str]:
        """The kinds by the new names."""
        return {self._new(name): kind for name, kind in self.source.fields.items() if self._new(name)}

    @property
    def labels(self) -> np.ndarray | None:
        """The source's labels; None if its field ``label`` was renamed."""
        return self.source.labels if ("label", "label") in self.names else None

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names."""
        return tuple(self.source.classes)

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {self._new(name): value for name, value in self.source[index].items() if self._new(name)}

    def name(self, index: int) -> str:
        """The name of an example in the source."""
        return data.name_of(self.source, index)

    def fingerprint(self) -> str:
        """A hash of the source and the names."""
        return data.digest(data.fingerprint(self.source), repr(self.names))

    def _new(self, name: str) -> str:
        """The new name of a field; empty if another field takes its name."""
        renamed = dict(self.names)
        return renamed.get(name, "" if name in renamed.values() else name)


def _chosen(source: data.Source, name: str, kinds: Sequence[str], *, role: str, default: str) -> str:
    candidates = [field for field, kind in source.fields.items() if kind in kinds]
    if name:
        if name not in candidates:
            raise ValueError(f"{data.describe(source)}: {role}={name!r} is no field of the kind {' or '.join(kinds)}; {_fields(source)}")
        return name
    if default not in candidates and len(candidates) != 1:
        raise ValueError(f"{data.describe(source)}: {len(candidates)} fields can be the {role}; choose one with {role}=; {_fields(source)}")
    return default if default in candidates else candidates[0]


def _fields(source: data.Source) -> str:
    return "its fields are " + (", ".join(f"{name} ({kind})" for name, kind in source.fields.items()) or "none")
