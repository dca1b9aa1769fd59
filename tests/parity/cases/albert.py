"""ALBERT against Hugging Face transformers."""

import functools

from tests.parity import tokens
from tests.parity.case import Case

SIZES = {"embedding_size": 8, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
OURS = "albert(width=32, depth=3, heads=2, mlp_dim=64, embedding=8, positions=24{})"
STAGES = {"embed": "albert.encoder.embedding_hidden_mapping_in", "blocks": "albert.encoder"}
ALIASES = {"predictions.decoder.weight": "albert.embeddings.word_embeddings.weight", "predictions.decoder.bias": "predictions.bias"}


def _build(kind: str, **more):
    return tokens.model(kind, "AlbertConfig", vocab_size=tokens.VOCABULARY, max_position_embeddings=24, **SIZES, **more)


_small = functools.partial(
    Case, family="albert", size=(16,), in_channels=tokens.VOCABULARY, inputs=tokens.texts(16), call=tokens.hugging_face()
)

CASES = (
    _small(
        label="albert_tiny_sequence", model=OURS.format(""), num_classes=5, reference="transformers AlbertForSequenceClassification",
        build=_build("AlbertForSequenceClassification", num_labels=5), stages=STAGES | {"pooler": "albert.pooler_activation"},
    ),
    _small(
        label="albert_tiny_lm", model=OURS.format(", pool='mean', activation='gelu'"), reference="transformers AlbertForMaskedLM",
        build=_build("AlbertForMaskedLM", hidden_act="gelu"), stages=STAGES, num_classes=tokens.VOCABULARY, head="masked_lm",
        draw=functools.partial(tokens.tied, aliases=ALIASES),
    ),
    Case(
        label="albert_base", family="albert", model="albert_base", reference="transformers ALBERT-base",
        build=tokens.model(
            "AlbertForSequenceClassification", "AlbertConfig", num_labels=10, vocab_size=30000, embedding_size=128, hidden_size=768,
            num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
        ),
        size=(32,), in_channels=30000, inputs=tokens.texts(32, 30000), call=tokens.hugging_face(), live=True,
        stages={"embed": "albert.encoder.embedding_hidden_mapping_in", "blocks": "albert.encoder", "pooler": "albert.pooler_activation"},
    ),
)  # fmt: skip
