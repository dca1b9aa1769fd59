"""Spans: the answer to a question as a span of a text."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from tljax import data
from tljax.metrics.span_f1 import best_span
from tljax.tasks.task import Described, Rows, Task, register


@dataclasses.dataclass(frozen=True)
class Spans(Task):
    """First and last token of an answer; ``batch["label"]`` is int32 `[B, 2]`, negative where the answer was cut off."""

    kinds: ClassVar[tuple[str, ...]] = ("span",)
    form: ClassVar[str] = "span"
    head: ClassVar[str] = "span"
    objective: ClassVar[str] = "span_cross_entropy"
    metric: ClassVar[str] = "span_f1"

    def outputs(self, source: data.Source) -> int:
        """Two: start and end."""
        return 2

    def answers(self, outputs: Any, batch: Mapping[str, Any]) -> Any:
        """Characters ``begin`` and ``end`` `[B]` of the best span within the context, and its probability."""
        start, end = outputs.logits["start"], outputs.logits["end"]
        inside = batch["offsets"][..., 0] >= 0
        start, end = (jax.nn.log_softmax(jnp.where(inside, z, jnp.finfo(z.dtype).min)) for z in (start, end))
        first, last = best_span(start, end).T
        rows = jnp.arange(len(first))
        probability = jnp.exp(start[rows, first] + end[rows, last])
        return {"begin": batch["offsets"][rows, first, 0], "end": batch["offsets"][rows, last, 1], "probability": probability}

    def rows(self, answers: Any, config: Described, examples: Sequence[Mapping[str, Any]], top: int = 3) -> Rows:
        """``{"answer": text, "begin", "end", "probability"}``, the characters counted in the context."""
        rows = []
        for i, example in enumerate(examples):
            begin, end = int(answers["begin"][i]), int(answers["end"][i])
            text = str(example["pair"])[begin:end] if begin >= 0 else ""
            rows.append({"answer": text, "begin": begin, "end": end, "probability": round(float(np.asarray(answers["probability"])[i]), 6)})
        return rows


register("spans")(Spans)
