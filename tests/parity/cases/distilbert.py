"""DistilBERT against Hugging Face transformers."""

import functools

from tests.parity import tokens
from tests.parity.case import Case

SIZES = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 24}
OURS = "bert(width=32, depth=2, heads=2, mlp_dim=64, pool='{}', segments=0, positions=24)"
STAGES = {"embed": "distilbert.embeddings", "block00": "distilbert.transformer.layer.0", "block01": "distilbert.transformer.layer.1"}
ALIASES = {"vocab_projector.weight": "distilbert.embeddings.word_embeddings.weight"}


def _build(kind: str, **more):
    return tokens.model(kind, "DistilBertConfig", vocab_size=tokens.VOCABULARY, **SIZES, **more)


_small = functools.partial(
    Case, stages=STAGES, size=(16,), in_channels=tokens.VOCABULARY, inputs=tokens.texts(16, segments=False), call=tokens.hugging_face()
)

CASES = (
    _small(
        label="distilbert_tiny_sequence", family="distilbert", model=OURS.format("cls"), num_classes=5, head="mlp(mlp_dim=32)",
        reference="transformers DistilBertForSequenceClassification", build=_build("DistilBertForSequenceClassification", num_labels=5),
    ),
    _small(
        label="distilbert_tiny_tokens", family="distilbert_tokens", model=OURS.format("mean"), num_classes=5, head="tokens",
        reference="transformers DistilBertForTokenClassification", build=_build("DistilBertForTokenClassification", num_labels=5),
    ),
    _small(
        label="distilbert_tiny_lm", family="distilbert", model=OURS.format("mean"), num_classes=tokens.VOCABULARY, head="masked_lm",
        reference="transformers DistilBertForMaskedLM", build=_build("DistilBertForMaskedLM"),
        draw=functools.partial(tokens.tied, aliases=ALIASES),
    ),
    Case(
        label="distilbert_base", family="distilbert", model="distilbert(pool='cls')", reference="transformers DistilBERT-base",
        build=tokens.model("DistilBertForSequenceClassification", "DistilBertConfig", num_labels=10), head="mlp(mlp_dim=768)", size=(32,),
        in_channels=30522, inputs=tokens.texts(32, 30522, segments=False), call=tokens.hugging_face(), live=True,
        stages={"embed": "distilbert.embeddings"} | {f"block{i:02}": f"distilbert.transformer.layer.{i}" for i in range(6)},
    ),
)  # fmt: skip
