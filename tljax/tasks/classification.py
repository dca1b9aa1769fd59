"""Classification: one class for each example, or a distribution over the classes."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from tljax import data, metrics
from tljax.tasks.pictures import Grid, Matrix, Picture
from tljax.tasks.task import Described, Rows, Task, register

SHOWN = 25
"""Examples in the picture of the most confidently wrong ones."""


@dataclasses.dataclass(frozen=True)
class Classification(Task):
    """One class for each example; ``batch["label"]`` is float32 `[B, C]`, one-hot, or a mixture if augmentation mixed examples."""

    kinds: ClassVar[tuple[str, ...]] = ("class",)
    form: ClassVar[str] = "distribution"
    objective: ClassVar[str] = "cross_entropy"
    metric: ClassVar[str] = "accuracy"
    head_inits: ClassVar[tuple[str, ...]] = ("zeros", "normal", "imprint", "ridge")
    link: ClassVar[tuple[float, float]] = (10.0, 0.0)

    def check(self, source: data.Source) -> None:
        """Also refuses a source whose examples are all of one class."""
        super().check(source)
        if len(source) and source.fields["label"] == "class" and np.count_nonzero(data.class_counts(source)) < 2:
            named = ", ".join(map(repr, source.classes[:5])) or "none"
            raise ValueError(f"{data.describe(source)}: all its examples are of one class ({named}); classification needs two")

    def facts(self, num_classes: int) -> dict[str, Any]:
        """The number of classes."""
        return {"num_classes": num_classes}

    def labeled(self, batch: Mapping[str, Any], num_classes: int) -> dict[str, Any]:
        """The label as a distribution `[B, C]`."""
        if "label" not in batch:
            return dict(batch)
        label = jnp.asarray(batch["label"])
        soft = label.astype(jnp.float32) if label.ndim == 2 else jax.nn.one_hot(label, num_classes, dtype=jnp.float32)
        return {**batch, "label": soft}

    def answers(self, outputs: Any, batch: Mapping[str, Any]) -> Any:
        """Softmax probabilities `[B, C]`."""
        return jax.nn.softmax(outputs.logits.astype(jnp.float32), axis=-1)

    def rows(self, answers: Any, config: Described, examples: Sequence[Mapping[str, Any]], top: int = 3) -> Rows:
        """``{"class", "probability", "predictions": [{"class", "probability"}, ...]}``, the likeliest classes first."""
        return [_ranked(p, class_names(config), np.argsort(-p, kind="stable")[:top].tolist()) for p in np.asarray(answers)]

    def pictures(
        self, statistics: Any, source: data.Source, classes: Sequence[str], answer: Callable[[Sequence[int]], Any]
    ) -> dict[str, Picture]:
        """The confusion matrix and, of images, the most confidently wrong examples."""
        counts = metrics.confusion(statistics["predicted"], statistics["label"], len(classes))
        pictures: dict[str, Picture] = {"confusion.png": Matrix(counts, tuple(classes))}
        if source.fields["x"] == "image":
            worst = metrics.most_wrong(statistics, classes, SHOWN)
            captions = [
                f"true: {row['true']}\npredicted: {row['predicted']}\nprobability: {row['probability']:.3f} (no. {row['index']})"
                for row in worst
            ]
            images = [np.asarray(source[row["index"]]["x"]) for row in worst]
            title = "Most confidently wrong"
            pictures["most_wrong.png"] = Grid(images, captions, title, empty="No example was classified wrongly.")
        return pictures


@dataclasses.dataclass(frozen=True)
class Distribution(Classification):
    """A distribution over the classes for each example (soft labels); ``batch["label"]`` is float32 `[B, C]`, rows sum to 1."""

    kinds: ClassVar[tuple[str, ...]] = ("distribution", "class")
    metric: ClassVar[str] = "log_loss"

    def pictures(
        self, statistics: Any, source: data.Source, classes: Sequence[str], answer: Callable[[Sequence[int]], Any]
    ) -> dict[str, Picture]:
        """No pictures: a distribution is neither right nor wrong."""
        return {}


register("classification")(Classification)
register("distribution")(Distribution)


def class_names(config: Described) -> tuple[str, ...]:
    """The names of a model's classes; their numbers for a model without names."""
    return config.labels or tuple(map(str, range(config.num_classes)))


def _ranked(probabilities: np.ndarray, names: Sequence[str], order: Sequence[int]) -> dict[str, Any]:
    listed = [{"class": names[c], "probability": round(float(probabilities[c]), 6)} for c in order]
    return listed[0] | {"predictions": listed}
