"""BERT, MiniLM and other encoders of the same form, named as in Hugging Face transformers' ``Bert...`` classes."""

from collections.abc import Mapping
from typing import Any

from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.metadata import hf_text_config
from tljax.weights.rules import encoders
from tljax.weights.rules.layers import linear

NAMES = ("bert_base", "bert_large", "bert_medium", "bert_small", "bert_mini", "bert_tiny", "minilm_l6", "minilm_l12", "bert")

_RULES = {
    **encoders.backbone(r"bert\."),
    **encoders.backbone(""),
    **linear(r"bert\.pooler\.dense", "backbone/pooler/dense"),
    **linear(r"pooler\.dense", "backbone/pooler/dense"),
    **linear("classifier", "head"),
    **linear("qa_outputs", "head/span"),
    **linear(r"cls\.predictions\.transform\.dense", "head/dense"),
    **encoders.norm(r"cls\.predictions\.transform\.LayerNorm", "head/norm"),
    r"cls\.predictions\.bias": ("params/head/token_bias", IDENTITY),
    r"cls\.predictions\.decoder\.bias": ("params/head/token_bias", IDENTITY),
    r"cls\.predictions\.decoder\.weight": ("params/backbone/embed/word", IDENTITY),
}


def _infer(shapes: Shapes) -> dict[str, Any]:
    prefix = "bert." if "bert.embeddings.word_embeddings.weight" in shapes else ""
    facts = encoders.facts(shapes, prefix)
    if facts["segments"] < 2:
        raise ValueError(f"it has {facts['segments']} segment types, as RoBERTa has, and BERT has 2")
    pooler = f"{prefix}pooler.dense.weight" in shapes
    head = encoders.head(shapes, pooler)
    return encoders.fields(
        shapes, NAMES, arguments=facts, head=head, pool=encoders.pool(head, pooler, "cls.seq_relationship.weight" in shapes)
    )


def _apply_hf_config(fields: dict[str, Any], hf_config: Mapping[str, Any]) -> dict[str, Any]:
    return encoders.apply_hf_config(fields, hf_config, NAMES, ("bert",))


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return PretrainedConfig(**fields, source="names of Hugging Face's BERT" + encoders.ASSUMED)


_TIES = {"cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.bias": "cls.predictions.bias"}
_COMPLETE_STATE_DICT = hf_text_config.complete_state_dict("bert.", "cls.predictions.bias", _TIES, "cls.seq_relationship")
_TO_HF_CONFIG = hf_text_config.to_hf_config("Bert", "bert", pad_token_id=0)


@keymaps.register
def bert() -> Keymap:
    """Devlin et al. 2019, with a classifier of texts or of tokens, answer spans, or the masked-language head.

    Next-sentence prediction is left out.
    """
    ignored = (r"cls\.seq_relationship\.(weight|bias)", r"(bert\.)?embeddings\.position_ids")
    return Keymap(
        "bert",
        _RULES,
        _infer,
        _config,
        ignored=ignored,
        apply_hf_config=_apply_hf_config,
        complete_state_dict=_COMPLETE_STATE_DICT,
        to_hf_config=_TO_HF_CONFIG,
        optional=(r"params/backbone/pooler/.*",),
    )
