"""Tasks: the meaning of labels. A new kind of label is one file here."""

from typing import Any

from tljax import data, registry
from tljax.tasks.classification import class_names as classification_names
from tljax.tasks.pictures import Grid, Matrix, Picture, Scatter
from tljax.tasks.task import Described, Task, register, tasks

registry.import_all(__name__, list(__path__))
registry.publish(globals(), tasks)


def create(expression: Any) -> Task:
    """The task of a call expression, such as ``classification`` or ``regression(label='price')``; a `Task` is returned as it is.

    Raises:
      KeyError: unknown name. ValueError: arguments that it does not take.
    """
    built: Task = tasks.create(expression)
    return built


def infer(source: data.Source) -> Task:
    """The task that a source's fields call for, by the kind of its label; without a label: `features`.

    Raises:
      ValueError: labels of several kinds; they are named.
    """
    meaning: dict[str, Any] = {name: tasks[name] for name in tasks if name != "features"}
    fits = {name: kind for name, task in meaning.items() for kind in source.fields.values() if kind == task.kinds[0]}
    if len(fits) > 1:
        listed = ", ".join(f"{name} ({kind})" for name, kind in fits.items())
        raise ValueError(f"{data.describe(source)}: its fields fit several tasks: {listed}; say which with task=")
    return create(next(iter(fits), "features"))


__all__ = ["Described", "Grid", "Matrix", "Picture", "Scatter", "Task", "classification_names", "create", "infer", "register", "tasks"]
