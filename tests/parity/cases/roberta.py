"""RoBERTa against Hugging Face transformers."""

import functools

from tests.parity import tokens
from tests.parity.case import Case

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 24}
SPECIAL = {"type_vocab_size": 1, "pad_token_id": 1, "layer_norm_eps": 1e-5}
OURS = "bert(width=32, depth=2, heads=2, mlp_dim=64, pool='{}', epsilon=1e-05, segments=1, positions=24, offset=2)"
STAGES = {"embed": "roberta.embeddings", "block00": "roberta.encoder.layer.0", "block01": "roberta.encoder.layer.1"}
ALIASES = {"lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight", "lm_head.decoder.bias": "lm_head.bias"}


def _build(kind: str, **more):
    return tokens.model(kind, "RobertaConfig", vocab_size=tokens.VOCABULARY, **SIZES, **SPECIAL, **more)


_small = functools.partial(
    Case, family="roberta", stages=STAGES, size=(16,), in_channels=tokens.VOCABULARY, inputs=tokens.texts(16, pad=1, segments=False)
)

CASES = (
    _small(
        label="roberta_tiny_sequence", model=OURS.format("cls"), reference="transformers RobertaForSequenceClassification",
        build=_build("RobertaForSequenceClassification", num_labels=5), num_classes=5, head="mlp(mlp_dim=32, activation='tanh')",
        call=tokens.hugging_face(),
    ),
    _small(
        label="roberta_tiny_lm", model=OURS.format("mean"), reference="transformers RobertaForMaskedLM", build=_build("RobertaForMaskedLM"),
        num_classes=tokens.VOCABULARY, head="masked_lm(epsilon=1e-05)", call=tokens.hugging_face(),
        draw=functools.partial(tokens.tied, aliases=ALIASES),
    ),
    Case(
        label="roberta_base", family="roberta", model="roberta_base(pool='cls')", reference="transformers RoBERTa-base",
        build=tokens.model(
            "RobertaForSequenceClassification", "RobertaConfig", num_labels=10, vocab_size=50265, max_position_embeddings=514, **SPECIAL
        ),
        head="mlp(mlp_dim=768, activation='tanh')", size=(32,), in_channels=50265, inputs=tokens.texts(32, 50265, pad=1, segments=False),
        call=tokens.hugging_face(), live=True,
        stages={"embed": "roberta.embeddings"} | {f"block{i:02}": f"roberta.encoder.layer.{i}" for i in range(12)},
    ),
)  # fmt: skip
