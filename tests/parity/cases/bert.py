"""BERT against Hugging Face transformers, with each of its heads."""

import functools

from tests.parity import tokens
from tests.parity.case import Case

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 24}
OURS = "bert(width=32, depth=2, heads=2, mlp_dim=64, positions=24"
STAGES = {"embed": "bert.embeddings", "block00": "bert.encoder.layer.0", "block01": "bert.encoder.layer.1"}
ALIASES = {
    "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
}


def _build(kind: str, **more):
    return tokens.model(kind, "BertConfig", vocab_size=tokens.VOCABULARY, **SIZES, **more)


_small = functools.partial(
    Case, family="bert", size=(16,), in_channels=tokens.VOCABULARY, inputs=tokens.texts(16), call=tokens.hugging_face()
)

CASES = (
    _small(
        label="bert_tiny_sequence", model=OURS + ")", reference="transformers BertForSequenceClassification",
        build=_build("BertForSequenceClassification", num_labels=5), stages=STAGES | {"pooler": "bert.pooler"}, num_classes=5,
    ),
    _small(
        label="bert_tiny_tokens", model=OURS + ", pool='mean', activation='gelu_tanh')",
        reference="transformers BertForTokenClassification",
        build=_build("BertForTokenClassification", num_labels=5, hidden_act="gelu_new"), stages=STAGES, num_classes=5, head="tokens",
    ),
    _small(
        label="bert_tiny_span", model=OURS + ", pool='mean')", reference="transformers BertForQuestionAnswering",
        build=_build("BertForQuestionAnswering"), stages=STAGES, num_classes=2, head="span", call=tokens.hugging_face(tokens.spans),
    ),
    _small(
        label="bert_tiny_lm", model=OURS + ")", reference="transformers BertForPreTraining", build=_build("BertForPreTraining"),
        stages=STAGES, num_classes=tokens.VOCABULARY, head="masked_lm", call=tokens.hugging_face(lambda out: out.prediction_logits),
        draw=functools.partial(tokens.tied, aliases=ALIASES),
    ),
    Case(
        label="bert_base", family="bert", model="bert_base", reference="transformers BERT-base",
        build=tokens.model("BertForSequenceClassification", "BertConfig", num_labels=10), size=(32,), in_channels=30522,
        inputs=tokens.texts(32, 30522), call=tokens.hugging_face(), live=True,
        stages={"embed": "bert.embeddings"} | {f"block{i:02}": f"bert.encoder.layer.{i}" for i in range(12)} | {"pooler": "bert.pooler"},
    ),
)  # fmt: skip
