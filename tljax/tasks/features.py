"""Features: the model's outputs, without a label."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from tljax.tasks.task import Described, Rows, Task, register


@dataclasses.dataclass(frozen=True)
class Features(Task):
    """Features `[B, D]`; a class label is optional and read only by the metric (`metrics.knn`)."""

    kinds: ClassVar[tuple[str, ...]] = ("class",)
    head: ClassVar[str] = "features"
    metric: ClassVar[str] = "knn"

    def labeled(self, batch: Mapping[str, Any], num_classes: int) -> dict[str, Any]:
        """The batch with class ids `[B]`, unchanged."""
        return dict(batch)

    def answers(self, outputs: Any, batch: Mapping[str, Any]) -> Any:
        """The features `[B, D]`."""
        return outputs.logits

    def rows(self, answers: Any, config: Described, examples: Sequence[Mapping[str, Any]], top: int = 3) -> Rows:
        """``{"features": [...]}``."""
        return [{"features": [float(x) for x in row]} for row in np.asarray(answers)]


register("features")(Features)
