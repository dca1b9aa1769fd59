"""Key tables of CLIP: names of the original and Hugging Face. A file holds two towers, each of which is a model."""

from collections.abc import Mapping
from typing import Any

from tljax.weights.config import PretrainedConfig, adapt_channels
from tljax.weights.keymap import CONV, IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.rules.layers import Rules, layer_norm, linear, numbered
from tljax.weights.rules.vit import TOKEN, TOKENS, apply_hf_config, facts, fields, hf_text_facts, packed, text_facts, towers_block
from tljax.zoo.clip.model import IMAGE, TEXT

_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of the pixels that CLIP was trained on, in [0, 1], RGB."""


# the original (github.com/openai/CLIP) and open_clip


def _openai_block(name: str, path: str) -> Rules:
    return {
        **layer_norm(f"{name}ln_1", f"{path}norm1"),
        **packed(rf"{name}attn\.in_proj", f"{path}attention", joint="_"),
        **linear(rf"{name}attn\.out_proj", f"{path}attention/out"),
        **layer_norm(f"{name}ln_2", f"{path}norm2"),
        **linear(rf"{name}mlp\.c_fc", f"{path}mlp/fc1"),
        **linear(rf"{name}mlp\.c_proj", f"{path}mlp/fc2"),
    }


_OPENAI_IMAGE: Rules = {
    r"visual\.class_embedding": ("params/backbone/embed/cls", TOKEN),
    r"visual\.positional_embedding": ("params/backbone/embed/position", TOKENS),
    r"visual\.conv1\.weight": ("params/backbone/embed/proj/kernel", CONV),
    **layer_norm(r"visual\.ln_pre", "backbone/embed/norm"),
    **numbered(r"visual\.transformer\.resblocks", _openai_block),
    **layer_norm(r"visual\.ln_post", "backbone/norm"),
    r"visual\.proj": ("params/backbone/projection/kernel", IDENTITY),
}
_OPENAI_TEXT: Rules = {
    r"token_embedding\.weight": ("params/backbone/embed/word", IDENTITY),
    r"positional_embedding": ("params/backbone/embed/position", IDENTITY),
    **numbered(r"transformer\.resblocks", _openai_block),
    **layer_norm("ln_final", "backbone/norm"),
    r"text_projection": ("params/backbone/projection/kernel", IDENTITY),
}
_BOTH = (r"logit_scale", r"input_resolution", r"context_length", r"vocab_size", r"attn_mask")
_NOT_IMAGE = (r"token_embedding\.weight", r"positional_embedding", r"transformer\..*", r"ln_final\..*", r"text_projection", *_BOTH)

_ASSUMED = (
    "64 channels a head, GELU approximated by x sigmoid(1.702 x) as in OpenAI's weights (open_clip's own are trained with the exact one)"
)


def _infer_image(shapes: Shapes) -> dict[str, Any]:
    block, inner = r"visual\.transformer\.resblocks\.(\d+)\.", "visual.transformer.resblocks.0.mlp.c_fc.weight"
    arguments = facts(shapes, "visual.conv1.weight", position="visual.positional_embedding", learned=1, block=block, inner=inner)
    return _image_fields(shapes, arguments, (shapes.get("visual.proj") or (0, 0))[-1])


def _image_fields(shapes: Shapes, arguments: dict[str, Any], projection: int) -> dict[str, Any]:
    """Builds the `fields` of an image tower from its `facts`."""
    return fields(shapes, tuple(IMAGE), arguments | {"heads": max(arguments["width"] // 64, 1), "projection": projection})


def _infer_text(shapes: Shapes) -> dict[str, Any]:
    projection = (shapes.get("text_projection") or (0, 0))[-1]
    inner, block = "transformer.resblocks.0.mlp.c_fc.weight", r"transformer\.resblocks\.(\d+)\."
    arguments = text_facts(shapes, word="token_embedding.weight", position="positional_embedding", inner=inner, block=block)
    return fields(shapes, tuple(TEXT), arguments | {"projection": projection})


def _image_config(fields: dict[str, Any], names: str) -> PretrainedConfig:
    """Assumes CLIP's mean and deviation, and the center of a bicubic resize."""
    channels = fields["in_channels"]
    return PretrainedConfig(
        **fields,
        mean=adapt_channels(_MEAN, channels),
        std=adapt_channels(_STD, channels),
        channel_order="L" if channels == 1 else "RGB",
        interpolation="bicubic",
        source=f"names of {names}; {_ASSUMED} and its preprocessing are assumed",
    )


def _text_config(fields: dict[str, Any], names: str) -> PretrainedConfig:
    """Adds the source; of a text tower nothing else is assumed."""
    return PretrainedConfig(**fields, source=f"names of {names}; {_ASSUMED}, is assumed")


@keymaps.register
def clip_image() -> Keymap:
    """Radford et al. 2021: the Vision Transformer, its features projected to where texts' are."""
    return Keymap("clip_image", _OPENAI_IMAGE, _infer_image, lambda fields: _image_config(fields, "CLIP and open_clip"), ignored=_NOT_IMAGE)


@keymaps.register
def clip_text() -> Keymap:
    """Radford et al. 2021: the text Transformer, its features projected to where images' are."""
    ignored = (r"visual\..*", *_BOTH)
    return Keymap("clip_text", _OPENAI_TEXT, _infer_text, lambda fields: _text_config(fields, "CLIP and open_clip"), ignored=ignored)


# Hugging Face: ``CLIPModel``, ``CLIPVisionModelWithProjection``, ``CLIPTextModelWithProjection``

_HF_IMAGE: Rules = {
    r"vision_model\.embeddings\.class_embedding": ("params/backbone/embed/cls", TOKEN),
    r"vision_model\.embeddings\.position_embedding\.weight": ("params/backbone/embed/position", TOKENS),
    r"vision_model\.embeddings\.patch_embedding\.weight": ("params/backbone/embed/proj/kernel", CONV),
    **layer_norm(r"vision_model\.pre_layrnorm", "backbone/embed/norm"),
    **numbered(r"vision_model\.encoder\.layers", towers_block),
    **layer_norm(r"vision_model\.post_layernorm", "backbone/norm"),
    **linear("visual_projection", "backbone/projection", bias=False),
}
_HF_TEXT: Rules = {
    r"text_model\.embeddings\.token_embedding\.weight": ("params/backbone/embed/word", IDENTITY),
    r"text_model\.embeddings\.position_embedding\.weight": ("params/backbone/embed/position", IDENTITY),
    **numbered(r"text_model\.encoder\.layers", towers_block),
    **layer_norm(r"text_model\.final_layer_norm", "backbone/norm"),
    **linear("text_projection", "backbone/projection", bias=False),
}
_IDS = r"(?:text|vision)_model\.embeddings\.position_ids"


def _infer_hf_image(shapes: Shapes) -> dict[str, Any]:
    top = "vision_model.embeddings."
    if f"{top}class_embedding" not in shapes:
        raise ValueError(f"it has no {top}class_embedding")
    block, inner = r"vision_model\.encoder\.layers\.(\d+)\.", "vision_model.encoder.layers.0.mlp.fc1.weight"
    arguments = facts(
        shapes, f"{top}patch_embedding.weight", position=f"{top}position_embedding.weight", learned=1, block=block, inner=inner
    )
    return _image_fields(shapes, arguments, (shapes.get("visual_projection.weight") or (0,))[0])


def _infer_hf_text(shapes: Shapes) -> dict[str, Any]:
    if "text_projection.weight" not in shapes:
        raise ValueError("it has no text_projection.weight")
    arguments = hf_text_facts(shapes)
    return fields(shapes, tuple(TEXT), arguments | {"projection": shapes["text_projection.weight"][0]})


def _apply_hf_config_image(fields: dict[str, Any], hf_config: Mapping[str, Any]) -> dict[str, Any]:
    return apply_hf_config(fields, hf_config, "vision_config")


def _apply_hf_config_text(fields: dict[str, Any], hf_config: Mapping[str, Any]) -> dict[str, Any]:
    return apply_hf_config(fields, hf_config, "text_config")


@keymaps.register
def clip_image_hf() -> Keymap:
    """Radford et al. 2021: the Vision Transformer, its features projected to where texts' are."""
    ignored = (r"text_model\..*", r"text_projection\.weight", r"logit_scale", _IDS)
    return Keymap(
        "clip_image_hf",
        _HF_IMAGE,
        _infer_hf_image,
        lambda fields: _image_config(fields, "Hugging Face's CLIP"),
        ignored=ignored,
        apply_hf_config=_apply_hf_config_image,
    )


@keymaps.register
def clip_text_hf() -> Keymap:
    """Radford et al. 2021: the text Transformer, its features projected to where images' are."""
    ignored = (r"vision_model\..*", r"visual_projection\.weight", r"logit_scale", _IDS)
    return Keymap(
        "clip_text_hf",
        _HF_TEXT,
        _infer_hf_text,
        lambda fields: _text_config(fields, "Hugging Face's CLIP"),
        ignored=ignored,
        apply_hf_config=_apply_hf_config_text,
    )
