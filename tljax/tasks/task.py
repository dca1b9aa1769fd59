"""The task: the only place that knows what a label is."""

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


@dataclasses.dataclass(frozen=True)
class Task:
    """The meaning of a label: which fields are read, what the head gives, how outputs are read, measured and drawn.

    Attributes:
      input: name of the source's field that the model reads; empty: its only field of a kind in `INPUTS` (``x`` where there are several).
      label: name of the field with the label; empty: its only field of a kind in `kinds`.

    Class attributes:
      kinds: kinds of fields that can be the label.
      form: the kind of ``batch["label"]`` as objectives and metrics see it (see `labeled`); empty: there is none.
      head: default head.
      objective: default objective.
      metric: default metric.
      head_inits: data-dependent first values of a head that make sense.
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
        """The source with its fields under the names that everything after it reads: the input as ``x``, the label as ``label``.

        Raises:
          ValueError: no field, or several, that can be the input; a field that the task names and the source lacks.
        """
        names = {_chosen(source, self.input, INPUTS, "input", "x"): "x"}
        if labels := [name for name, kind in source.fields.items() if kind in self.kinds]:
            names[_chosen(source, self.label, self.kinds, "label", labels[0])] = "label"
        elif self.label:
            raise ValueError(f"{data.describe(source)}: no field {self.label!r} of the kind {' or '.join(self.kinds)}; {_held(source)}")
        return source if all(old == new for old, new in names.items()) else Renamed(source, tuple(names.items()))

    def check(self, source: data.Source) -> None:
        """Raise ValueError where a source to train on or to measure on has no label of this task, or one that teaches nothing."""
        if self.form and source.fields.get("label") not in self.kinds:
            raise ValueError(
                f"{data.describe(source)}: the task {self.name} needs a label of the kind {' or '.join(self.kinds)}; {_held(source)}"
            )

    def has_labels(self, source: data.Source) -> bool:
        """Whether a source, seen through `view`, has labels of this task."""
        return source.fields.get("label") in self.kinds

    def outputs(self, source: data.Source) -> int:
        """The number of outputs of the head."""
        return len(source.classes)

    def fitted(self, source: data.Source) -> "Task":
        """The task with what it has to know of the training data (the scale of a target)."""
        return self

    def preprocessing(self) -> dict[str, Any]:
        """Fields of the model's config that the task sets, whatever the checkpoint says: how its inputs are read."""
        return {}

    def facts(self, num_classes: int) -> dict[str, Any]:
        """Facts that factories of metrics and objectives may take."""
        return {"num_classes": num_classes}

    def labeled(self, batch: Mapping[str, Any], num_classes: int) -> dict[str, Any]:
        """A batch with its label in the task's form; without a label as it is. Traced."""
        return dict(batch)

    def answers(self, outputs: Any, batch: Mapping[str, Any]) -> Any:
        """The answers of a batch, a small tree of `[B, ...]`, from its `Outputs`. Traced."""
        raise ValueError(f"the task {self.name} gives no answers")

    def rows(self, answers: Any, config: Described, examples: Sequence[Mapping[str, Any]], top: int = 3) -> Rows:
        """One dict for each example, ready to be read: the host half of prediction.

        Args:
          answers: of `answers`, as host arrays `[N, ...]`.
          config: of the model.
          examples: the N examples as the source gives them.
          top: classes listed for each.
        """
        raise ValueError(f"the task {self.name} gives no answers")

    def pictures(
        self, statistics: Any, source: data.Source, classes: Sequence[str], answer: Callable[[Sequence[int]], Any]
    ) -> dict[str, Picture]:
        """Pictures of a measured split by file name, drawn at the end of a run.

        Args:
          statistics: of the task's own metric.
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
        """The labels, where the field called label is the one that the source knows them of."""
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
        """The place that an example comes from."""
        return data.name_of(self.source, index)

    def fingerprint(self) -> str:
        """A hash of the source and the names."""
        return data.digest(data.fingerprint(self.source), repr(self.names))

    def _new(self, name: str) -> str:
        """The new name of a field; empty for one whose name another field takes."""
        renamed = dict(self.names)
        return renamed.get(name, "" if name in renamed.values() else name)


def _chosen(source: data.Source, name: str, kinds: Sequence[str], role: str, default: str) -> str:
    candidates = [field for field, kind in source.fields.items() if kind in kinds]
    if name:
        if name not in candidates:
            raise ValueError(f"{data.describe(source)}: {role}={name!r} is no field of the kind {' or '.join(kinds)}; {_held(source)}")
        return name
    if default not in candidates and len(candidates) != 1:
        raise ValueError(f"{data.describe(source)}: {len(candidates)} fields can be the {role}; choose one with {role}=; {_held(source)}")
    return default if default in candidates else candidates[0]


def _held(source: data.Source) -> str:
    return "its fields are " + (", ".join(f"{name} ({kind})" for name, kind in source.fields.items()) or "none")
