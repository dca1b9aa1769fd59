"""ALBERT, named as in Hugging Face transformers."""

from collections.abc import Mapping
from typing import Any

from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.metadata import hf_text_config
from tljax.weights.rules import encoders
from tljax.weights.rules.layers import Rules, linear

NAMES = ("albert_base", "albert_large", "albert_xlarge", "albert_xxlarge", "albert")
_LAYER = "encoder.albert_layer_groups.0.albert_layers.0."


def _backbone(prefix: str) -> Rules:
    layer = prefix + _LAYER.replace(".", r"\.")
    attention = {to: linear(rf"{layer}attention\.{to}", f"backbone/blocks/attention/{to}") for to in ("query", "key", "value")}
    return {
        **encoders.embeddings(prefix),
        **encoders.table(rf"{prefix}embeddings\.token_type_embeddings", "backbone/embed/segment"),
        **linear(rf"{prefix}encoder\.embedding_hidden_mapping_in", "backbone/embed/project"),
        **{regex: target for rules in attention.values() for regex, target in rules.items()},
        **linear(rf"{layer}attention\.dense", "backbone/blocks/attention/out"),
        **encoders.norm(rf"{layer}attention\.LayerNorm", "backbone/blocks/norm1"),
        **linear(rf"{layer}ffn", "backbone/blocks/fc1"),
        **linear(rf"{layer}ffn_output", "backbone/blocks/fc2"),
        **encoders.norm(rf"{layer}full_layer_layer_norm", "backbone/blocks/norm2"),
        **linear(rf"{prefix}pooler", "backbone/pooler/dense"),
    }


_RULES = {
    **_backbone(r"albert\."),
    **_backbone(""),
    **linear("classifier", "head"),
    **linear("qa_outputs", "head/span"),
    **linear(r"predictions\.dense", "head/dense"),
    **encoders.norm(r"predictions\.LayerNorm", "head/norm"),
    r"predictions\.bias": ("params/head/token_bias", IDENTITY),
    r"predictions\.decoder\.bias": ("params/head/token_bias", IDENTITY),
    r"predictions\.decoder\.weight": ("params/backbone/embed/word", IDENTITY),
}


def _infer(shapes: Shapes) -> dict[str, Any]:
    prefix = "albert." if "albert.embeddings.word_embeddings.weight" in shapes else ""
    facts = encoders.facts(shapes, prefix, inner=_LAYER + "ffn.weight")
    embedding, pooler = shapes[f"{prefix}embeddings.word_embeddings.weight"][1], f"{prefix}pooler.weight" in shapes
    published = {768: 12, 1024: 24, 2048: 24, 4096: 12}  # Lan et al. 2020, table 1
    facts |= {"depth": published.get(facts["width"], 0), "embedding": embedding, "activation": "gelu_tanh"}
    head = encoders.head(shapes, pooler)
    return encoders.fields(
        shapes, NAMES, arguments=facts, head=head, pool=encoders.pool(head, pooler, "sop_classifier.classifier.weight" in shapes)
    )


def _apply_hf_config(fields: dict[str, Any], hf_config: Mapping[str, Any]) -> dict[str, Any]:
    for key in ("num_hidden_groups", "inner_group_num"):
        if hf_config.get(key, 1) != 1:
            raise ValueError(f"config.json says {key}={hf_config[key]!r}, but only models whose layers share all parameters are covered")
    return encoders.apply_hf_config(fields, hf_config, NAMES, ("albert",))


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return PretrainedConfig(**fields, source="names of Hugging Face's ALBERT" + encoders.ASSUMED)


_TIES = {"predictions.decoder.weight": "albert.embeddings.word_embeddings.weight", "predictions.decoder.bias": "predictions.bias"}
_COMPLETE_STATE_DICT = hf_text_config.complete_state_dict("albert.", "predictions.bias", _TIES, "sop_classifier.classifier")
_TO_HF_CONFIG = hf_text_config.to_hf_config(
    "Albert", "albert", pad_token_id=0, embedding_size="=embedding", num_hidden_groups=1, inner_group_num=1
)


@keymaps.register
def albert() -> Keymap:
    """Lan et al. 2020; sentence-order prediction is left out."""
    ignored = (r"sop_classifier\.classifier\.(weight|bias)", r"(albert\.)?embeddings\.position_ids")
    return Keymap(
        "albert",
        _RULES,
        _infer,
        _config,
        ignored=ignored,
        apply_hf_config=_apply_hf_config,
        complete_state_dict=_COMPLETE_STATE_DICT,
        to_hf_config=_TO_HF_CONFIG,
        optional=(r"params/backbone/pooler/.*",),
    )
