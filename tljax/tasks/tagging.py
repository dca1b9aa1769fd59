"""Tagging: a class for each word of a text."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from tljax.tasks.classification import class_names
from tljax.tasks.task import Described, Rows, Task, register


@dataclasses.dataclass(frozen=True)
class Tagging(Task):
    """A class for each word; ``batch["label"]`` is int32 `[B, T]` over the model's tokens, negative where none counts."""

    kinds: ClassVar[tuple[str, ...]] = ("tags",)
    form: ClassVar[str] = "tags"
    head: ClassVar[str] = "tokens"
    objective: ClassVar[str] = "dense_cross_entropy"
    metric: ClassVar[str] = "token_accuracy"

    def answers(self, outputs: Any, batch: Mapping[str, Any]) -> Any:
        """``{"tag": [B, T], "words": [B, T]}``: the likeliest class and the word of each token (-1: none)."""
        return {"tag": outputs.logits.argmax(-1).astype(jnp.int32), "words": batch["words"]}

    def rows(self, answers: Any, config: Described, examples: Sequence[Mapping[str, Any]], top: int = 3) -> Rows:
        """``{"words": [...], "tags": [...]}``; the tag of a word that did not fit into the model's length is None."""
        names, rows = class_names(config), []
        for tag, place, example in zip(np.asarray(answers["tag"]), np.asarray(answers["words"]), examples, strict=True):
            words = [str(word) for word in example["x"]]
            tags: list[str | None] = [None] * len(words)
            for t in np.flatnonzero(place >= 0):
                tags[int(place[t])] = names[int(tag[t])]
            rows.append({"words": words, "tags": tags})
        return rows


register("tagging")(Tagging)
