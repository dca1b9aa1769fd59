"""Multilabel: any number of classes for each example."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from tljax.tasks.classification import class_names
from tljax.tasks.task import Described, Rows, Task, register

THRESHOLD = 0.5


@dataclasses.dataclass(frozen=True)
class Multilabel(Task):
    """Independent classes; ``batch["label"]`` is float32 `[B, C]` of 0 and 1 (in between, if augmentation mixed examples)."""

    kinds: ClassVar[tuple[str, ...]] = ("classes",)
    form: ClassVar[str] = "classes"
    objective: ClassVar[str] = "sigmoid_cross_entropy"
    metric: ClassVar[str] = "mean_average_precision"
    head_inits: ClassVar[tuple[str, ...]] = ("zeros", "normal", "ridge")
    link: ClassVar[tuple[float, float]] = (10.0, 0.5)

    def labeled(self, batch: Mapping[str, Any], num_classes: int) -> dict[str, Any]:
        """The label as float32 `[B, C]`."""
        return {**batch, "label": jnp.asarray(batch["label"], jnp.float32)} if "label" in batch else dict(batch)

    def answers(self, outputs: Any, batch: Mapping[str, Any]) -> Any:
        """Sigmoid probabilities `[B, C]`."""
        return jax.nn.sigmoid(outputs.logits.astype(jnp.float32))

    def rows(self, answers: Any, config: Described, examples: Sequence[Mapping[str, Any]], top: int = 3) -> Rows:
        """``{"classes": those of probability above 1/2, "predictions": [{"class", "probability"}, ...]}``, the likeliest first."""
        names, rows = class_names(config), []
        for p in np.asarray(answers):
            order = np.argsort(-p, kind="stable")
            listed = [{"class": names[c], "probability": round(float(p[c]), 6)} for c in order[:top]]
            rows.append({"classes": [names[c] for c in order if p[c] > THRESHOLD], "predictions": listed})
        return rows


register("multilabel")(Multilabel)
