"""Batches of token ids for cases of text encoders, and how Hugging Face's models take them."""

from collections.abc import Callable
from typing import Any

import numpy as np

VOCABULARY = 60
"""Of the small models."""

Batch = dict[str, np.ndarray]


def texts(length: int, vocabulary: int = VOCABULARY, pad: int = 0, segments: bool = True) -> Callable[[int], Batch]:
    """`Case.inputs`: random ids, each text shorter than the one before and filled up, its second half being the second segment."""

    def inputs(count: int) -> Batch:
        ids = np.random.default_rng(5).integers(4, vocabulary, (count, length)).astype(np.int32)
        ends = length - 3 * np.arange(count)[:, None]
        mask = (np.arange(length) < ends).astype(np.int32)
        batch = {"x": np.where(mask, ids, pad).astype(np.int32), "mask": mask}
        return batch | ({"segment": (np.arange(length) >= ends // 2).astype(np.int32) * mask} if segments else {})

    return inputs


def hugging_face(then: Callable[[Any], Any] = lambda output: output) -> Callable[[Any, Batch], Any]:
    """`Case.call`: the module on the batch, and `then` on what it gives."""

    def call(module: Any, batch: Batch) -> Any:
        import torch

        names = {"x": "input_ids", "mask": "attention_mask", "segment": "token_type_ids"}
        return then(module(**{names[name]: torch.from_numpy(a.astype(np.int64)) for name, a in batch.items()}))

    return call


def spans(output: Any) -> dict[str, Any]:
    """The outputs of a model for answer spans."""
    return {"start": output.start_logits, "end": output.end_logits}


def model(kind: str, config: str, **sizes: Any) -> Callable[[], Any]:
    """`Case.build`: a class of transformers with a config of such sizes, without dropout."""

    def build() -> Any:
        import transformers

        none = dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout_prob"), 0.0)
        if config == "DistilBertConfig":
            none = dict.fromkeys(("dropout", "attention_dropout", "qa_dropout", "seq_classif_dropout"), 0.0)
        return getattr(transformers, kind)(getattr(transformers, config)(**none, **sizes))

    return build


def tied(name: str, shape: tuple[int, ...], aliases: dict[str, str]) -> np.ndarray:
    """`Case.draw` of a model that has a parameter under two names: the alias is drawn as what it stands for."""
    from tests.parity.drawn import draw

    return draw(aliases.get(name, name), shape)
