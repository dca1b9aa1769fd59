"""Regression: one or several numbers for each example."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from tljax import data
from tljax.tasks.pictures import Picture, Scatter
from tljax.tasks.task import Described, Rows, Task, register


@dataclasses.dataclass(frozen=True)
class Regression(Task):
    """Numbers; ``batch["label"]`` is float32 `[B, D]`, standardized: ``(y - mean) / std``. Predictions are in the target's own units.

    Attributes:
      mean: means of the D targets in the training data; (): 0.
      std: their standard deviations; (): 1.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    kinds: ClassVar[tuple[str, ...]] = ("number",)
    form: ClassVar[str] = "number"
    objective: ClassVar[str] = "mse"
    metric: ClassVar[str] = "mean_squared_error"
    head_inits: ClassVar[tuple[str, ...]] = ("zeros", "normal", "ridge")

    def outputs(self, source: data.Source) -> int:
        """One output for each number."""
        return _targets(source).shape[1]

    def check(self, source: data.Source) -> None:
        """Also refuses targets that are not finite."""
        super().check(source)
        if len(source) and not np.isfinite(_targets(source)).all():
            bad = int(np.flatnonzero(~np.isfinite(_targets(source)).all(axis=1))[0])
            raise ValueError(
                f"{data.name_of(source, bad)}: the target is {_targets(source)[bad].tolist()}, not finite; remove or repair it"
            )

    def fitted(self, source: data.Source) -> "Regression":
        """The task with mean and standard deviation of the training targets; a target that does not vary keeps 1."""
        targets = _targets(source).astype(np.float64)
        std = targets.std(axis=0)
        return dataclasses.replace(self, mean=_rounded(targets.mean(axis=0)), std=_rounded(np.where(std > 0, std, 1.0)))

    def facts(self, num_classes: int) -> dict[str, Any]:
        """The scale of the targets."""
        return {"num_classes": num_classes, "mean": self.mean, "std": self.std}

    def labeled(self, batch: Mapping[str, Any], num_classes: int) -> dict[str, Any]:
        """The label standardized, `[B, D]`."""
        if "label" not in batch:
            return dict(batch)
        label = jnp.asarray(batch["label"], jnp.float32)
        label = label[:, None] if label.ndim == 1 else label
        return {**batch, "label": (label - jnp.asarray(self.mean or (0.0,))) / jnp.asarray(self.std or (1.0,))}

    def answers(self, outputs: Any, batch: Mapping[str, Any]) -> Any:
        """Predictions `[B, D]` in the target's units."""
        return outputs.logits * jnp.asarray(self.std or (1.0,)) + jnp.asarray(self.mean or (0.0,))

    def rows(self, answers: Any, config: Described, examples: Sequence[Mapping[str, Any]], top: int = 3) -> Rows:
        """``{"value": number}``, or ``{"values": [numbers]}`` for several targets."""
        return [{"value": float(v[0])} if len(v) == 1 else {"values": [float(x) for x in v]} for v in np.asarray(answers)]

    def pictures(
        self, statistics: Any, source: data.Source, classes: Sequence[str], answer: Callable[[Sequence[int]], Any]
    ) -> dict[str, Picture]:
        """Predictions against targets, one picture for each number."""
        scale, shift = np.asarray(self.std or 1.0, np.float64), np.asarray(self.mean or 0.0, np.float64)
        predicted, target = (np.asarray(statistics[name], np.float64) * scale + shift for name in ("outputs", "labels"))
        many = target.shape[1] > 1
        return {
            f"scatter{d if many else ''}.png": Scatter(target[:, d], predicted[:, d], f"target {d}" if many else "target")
            for d in range(target.shape[1])
        }


register("regression")(Regression)


def _targets(source: data.Source) -> np.ndarray:
    """The targets `[N, D]`."""
    values = np.asarray(source.labels if source.labels is not None else [source[i]["label"] for i in range(len(source))])
    return values.reshape(len(source), -1)


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{v:.9g}") for v in values)
