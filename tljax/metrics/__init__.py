"""Metrics: statistics of each example on the device, numbers of a split on the host, the score that selects."""

from typing import Any

from tljax import registry
from tljax.metrics.accuracy import most_wrong
from tljax.metrics.checks import NotFinite
from tljax.metrics.counts import confusion, standard_error
from tljax.metrics.metric import Metric, batch_statistics, join_batches, metrics, register

registry.import_all(__name__, list(__path__))
registry.publish(globals(), metrics)


def create(expression: Any, **facts: Any) -> Metric:
    """The metric of a call expression, such as ``information`` or ``knn(k=5)``; a `Metric` is returned as it is.

    Args:
      expression: name, call or metric.
      **facts: facts of the task that a factory may take (`num_classes`, `mean`, `std`).

    Raises:
      KeyError: unknown name. ValueError: arguments that it does not take.
    """
    built: Metric = metrics.create(expression, **facts)
    return built


__all__ = [
    "Metric", "NotFinite", "batch_statistics", "confusion", "create", "join_batches", "metrics", "most_wrong", "register", "standard_error",
]  # fmt: skip
