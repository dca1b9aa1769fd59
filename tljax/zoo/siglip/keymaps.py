"""Key tables of SigLIP: names of Hugging Face, with two towers in a file, and timm, with the image tower alone."""

from collections.abc import Mapping
from typing import Any

from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.rules.layers import Rules, conv, layer_norm, linear, numbered
from tljax.weights.rules.presets import imagenet_config
from tljax.weights.rules.vit import TOKENS, apply_hf_config, facts, fields, hf_text_facts, packed, timm_block, towers_block
from tljax.zoo.siglip.model import SIZES

# Hugging Face: ``SiglipModel``

_HF_HEAD = r"vision_model\.head\."

_HF_IMAGE: Rules = {
    r"vision_model\.embeddings\.position_embedding\.weight": ("params/backbone/embed/position", TOKENS),
    **conv(r"vision_model\.embeddings\.patch_embedding", "backbone/embed/proj", bias=True),
    **numbered(r"vision_model\.encoder\.layers", towers_block),
    **layer_norm(r"vision_model\.post_layernorm", "backbone/norm"),
    f"{_HF_HEAD}probe": ("params/backbone/map/probe", IDENTITY),
    **packed(rf"{_HF_HEAD}attention\.in_proj", "backbone/map/attention", joint="_"),
    **linear(rf"{_HF_HEAD}attention\.out_proj", "backbone/map/attention/out"),
    **layer_norm(f"{_HF_HEAD}layernorm", "backbone/map/norm"),
    **linear(rf"{_HF_HEAD}mlp\.fc1", "backbone/map/mlp/fc1"),
    **linear(rf"{_HF_HEAD}mlp\.fc2", "backbone/map/mlp/fc2"),
}
_HF_TEXT: Rules = {
    r"text_model\.embeddings\.token_embedding\.weight": ("params/backbone/embed/word", IDENTITY),
    r"text_model\.embeddings\.position_embedding\.weight": ("params/backbone/embed/position", IDENTITY),
    **numbered(r"text_model\.encoder\.layers", towers_block),
    **layer_norm(r"text_model\.final_layer_norm", "backbone/norm"),
    **linear(r"text_model\.head", "backbone/projection"),
}
_BOTH = (r"logit_scale", r"logit_bias", r"(?:text|vision)_model\.embeddings\.position_ids")
_HEADS = {size["width"]: size["heads"] for size in SIZES.values()}


def _infer_hf_image(shapes: Shapes) -> dict[str, Any]:
    if "vision_model.head.probe" not in shapes:
        raise ValueError("it has no vision_model.head.probe")
    top, layer = "vision_model.embeddings.", "vision_model.encoder.layers.0.mlp.fc1.weight"
    block = r"vision_model\.encoder\.layers\.(\d+)\."
    arguments = facts(
        shapes, f"{top}patch_embedding.weight", position=f"{top}position_embedding.weight", learned=0, block=block, inner=layer
    )
    names = tuple(f"siglip_image_{size}" for size in SIZES)
    return fields(shapes, names, arguments | {"heads": _HEADS.get(arguments["width"], 0)})


def _infer_hf_text(shapes: Shapes) -> dict[str, Any]:
    if "text_model.head.weight" not in shapes:
        raise ValueError("it has no text_model.head.weight")
    arguments = hf_text_facts(shapes)
    arguments |= {"heads": _HEADS.get(arguments["width"], 0), "projection": shapes["text_model.head.weight"][0]}
    return fields(shapes, tuple(f"siglip_text_{size}" for size in SIZES), arguments)


def _apply_hf_config_image(fields: dict[str, Any], hf_config: Mapping[str, Any]) -> dict[str, Any]:
    return apply_hf_config(fields, hf_config, "vision_config")


def _apply_hf_config_text(fields: dict[str, Any], hf_config: Mapping[str, Any]) -> dict[str, Any]:
    return apply_hf_config(fields, hf_config, "text_config")


_HF_SOURCE = (
    "names of Hugging Face's SigLIP; the heads of the published sizes and GELU by tanh are assumed where no config.json says otherwise"
)


def _hf_image_config(fields: dict[str, Any]) -> PretrainedConfig:
    source = f"{_HF_SOURCE}; inputs with mean = std = 0.5, the center of a bicubic resize (SigLIP squeezes images to a square)"
    return imagenet_config(fields, "unit", crop_fraction=1.0, interpolation="bicubic", source=source)


def _hf_text_config(fields: dict[str, Any]) -> PretrainedConfig:
    return PretrainedConfig(**fields, source=f"{_HF_SOURCE}; texts are padded to their full length, padding is seen")


@keymaps.register
def siglip_image_hf() -> Keymap:
    """Zhai et al. 2023: patches without a class token, pooled by attention."""
    ignored = (r"text_model\..*", *_BOTH)
    return Keymap("siglip_image_hf", _HF_IMAGE, _infer_hf_image, _hf_image_config, ignored=ignored, apply_hf_config=_apply_hf_config_image)


@keymaps.register
def siglip_text_hf() -> Keymap:
    """Zhai et al. 2023: tokens that all see each other, pooled at the last one."""
    ignored = (r"vision_model\..*", *_BOTH)
    return Keymap("siglip_text_hf", _HF_TEXT, _infer_hf_text, _hf_text_config, ignored=ignored, apply_hf_config=_apply_hf_config_text)


# timm: ``vit_base_patch16_siglip_224``

_TIMM: Rules = {
    r"pos_embed": ("params/backbone/embed/position", IDENTITY),
    **conv(r"patch_embed\.proj", "backbone/embed/proj", bias=True),
    **numbered("blocks", timm_block),
    **layer_norm("norm", "backbone/norm"),
    r"attn_pool\.latent": ("params/backbone/map/probe", IDENTITY),
    **linear(r"attn_pool\.q", "backbone/map/attention/query"),
    **packed(r"attn_pool\.kv", "backbone/map/attention", ("key", "value")),
    **linear(r"attn_pool\.proj", "backbone/map/attention/out"),
    **layer_norm(r"attn_pool\.norm", "backbone/map/norm"),
    **linear(r"attn_pool\.mlp\.fc1", "backbone/map/mlp/fc1"),
    **linear(r"attn_pool\.mlp\.fc2", "backbone/map/mlp/fc2"),
    **linear("head", "head"),
}


def _infer_timm(shapes: Shapes) -> dict[str, Any]:
    if "attn_pool.latent" not in shapes:
        raise ValueError("it has no attn_pool.latent")
    arguments = facts(
        shapes, "patch_embed.proj.weight", position="pos_embed", learned=0, block=r"blocks\.(\d+)\.", inner="blocks.0.mlp.fc1.weight"
    )
    # timm's first SigLIP models have the exact GELU (its later ``gelu_tanh`` ones the same names)
    arguments |= {"heads": _HEADS.get(arguments["width"], 0), "activation": "gelu"}
    return fields(shapes, tuple(f"siglip_image_{size}" for size in SIZES), arguments, "head.weight")


def _timm_config(fields: dict[str, Any]) -> PretrainedConfig:
    source = (
        "names of timm's SigLIP; the heads of the published sizes and, as in timm, the exact GELU are assumed; inputs with mean = std ="
        " 0.5, a bicubic resize of which the center is taken"
    )
    return imagenet_config(fields, "unit", crop_fraction=1.0, interpolation="bicubic", source=source)


@keymaps.register
def siglip_image() -> Keymap:
    """Zhai et al. 2023: patches without a class token, pooled by attention; timm keeps no text tower."""
    return Keymap("siglip_image", _TIMM, _infer_timm, _timm_config, apply_hf_config=apply_hf_config)
