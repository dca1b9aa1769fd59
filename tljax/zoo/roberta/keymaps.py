"""RoBERTa, XLM-RoBERTa and CamemBERT, named as in Hugging Face transformers."""

from collections.abc import Mapping
from typing import Any

from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.metadata import hf_text_config
from tljax.weights.rules import encoders
from tljax.weights.rules.layers import linear

NAMES = ("roberta_base", "roberta_large", "bert")

_RULES = {
    **encoders.backbone(r"roberta\."),
    **encoders.backbone(""),
    **linear(r"classifier\.dense", "head/hidden"),
    **linear(r"classifier\.out_proj", "head/out"),
    **linear("classifier", "head"),
    **linear("qa_outputs", "head/span"),
    **linear(r"lm_head\.dense", "head/dense"),
    **encoders.norm(r"lm_head\.layer_norm", "head/norm"),
    r"lm_head\.bias": ("params/head/token_bias", IDENTITY),
    r"lm_head\.decoder\.bias": ("params/head/token_bias", IDENTITY),
    r"lm_head\.decoder\.weight": ("params/backbone/embed/word", IDENTITY),
}


def _infer(shapes: Shapes) -> dict[str, Any]:
    prefix = "roberta." if "roberta.embeddings.word_embeddings.weight" in shapes else ""
    facts = encoders.facts(shapes, prefix)
    if facts["segments"] != 1:
        raise ValueError(f"it has {facts['segments']} segment types, as BERT has, and RoBERTa has 1")
    whole = "classifier.out_proj.weight" in shapes
    head = f"mlp(mlp_dim={facts['width']}, activation='tanh')" if whole else encoders.head(shapes, False)
    return encoders.fields(shapes, NAMES, arguments=facts | {"offset": 2, "epsilon": 1e-5}, head=head, pool="cls" if whole else "mean")


def _apply_hf_config(fields: dict[str, Any], hf_config: Mapping[str, Any]) -> dict[str, Any]:
    return encoders.apply_hf_config(fields, hf_config, NAMES, ("roberta", "xlm-roberta", "camembert"))


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return PretrainedConfig(
        **fields, source="names of Hugging Face's RoBERTa, whose padding token 1 moves positions by 2" + encoders.ASSUMED
    )


_TIES = {"lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight", "lm_head.decoder.bias": "lm_head.bias"}
_COMPLETE_STATE_DICT = hf_text_config.complete_state_dict("roberta.", "lm_head.bias", _TIES, "")
_TO_HF_CONFIG = hf_text_config.to_hf_config("Roberta", "roberta", pad_token_id=1)


@keymaps.register
def roberta() -> Keymap:
    """Liu et al. 2019; the pooler, which nothing trained, is left out."""
    ignored = (r"(roberta\.)?pooler\.dense\.(weight|bias)", r"(roberta\.)?embeddings\.position_ids")
    return Keymap(
        "roberta",
        _RULES,
        _infer,
        _config,
        ignored=ignored,
        apply_hf_config=_apply_hf_config,
        complete_state_dict=_COMPLETE_STATE_DICT,
        to_hf_config=_TO_HF_CONFIG,
    )
