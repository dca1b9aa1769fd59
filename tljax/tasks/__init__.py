"""Tasks: the meaning of labels. A file here adds a kind of label."""

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
    """The task for the kind of label that a source has; `features` for a source without labels.

    Raises:
      ValueError: labels of several kinds (names them).
    """
    labeled: dict[str, Any] = {name: tasks[name] for name in tasks if name != "features"}
    fitting = {name: kind for name, task in labeled.items() for kind in source.fields.values() if kind == task.kinds[0]}
    if len(fitting) > 1:
        listed = ", ".join(f"{name} ({kind})" for name, kind in fitting.items())
        raise ValueError(f"{data.describe(source)}: its fields fit several tasks: {listed}; choose one with task=")
    return create(next(iter(fitting), "features"))


__all__ = ["Described", "Grid", "Matrix", "Picture", "Scatter", "Task", "classification_names", "create", "infer", "register", "tasks"]
