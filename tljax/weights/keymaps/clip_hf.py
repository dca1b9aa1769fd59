"""CLIP's two towers, named as in Hugging Face's ``CLIPModel``, ``CLIPVisionModelWithProjection``, ``CLIPTextModelWithProjection``."""

from collections.abc import Mapping
from typing import Any

from tljax.models.clip import TEXT
from tljax.weights.keymap import CONV, IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.keymaps.clip import image_config, image_fields, text_config, text_facts
from tljax.weights.rules.layers import Rules, layer_norm, linear, numbered
from tljax.weights.rules.vit import TOKEN, TOKENS, facts, fields, settled, towers_block

_IMAGE: Rules = {
    r"vision_model\.embeddings\.class_embedding": ("params/backbone/embed/cls", TOKEN),
    r"vision_model\.embeddings\.position_embedding\.weight": ("params/backbone/embed/position", TOKENS),
    r"vision_model\.embeddings\.patch_embedding\.weight": ("params/backbone/embed/proj/kernel", CONV),
    **layer_norm(r"vision_model\.pre_layrnorm", "backbone/embed/norm"),
    **numbered(r"vision_model\.encoder\.layers", towers_block),
    **layer_norm(r"vision_model\.post_layernorm", "backbone/norm"),
    **linear("visual_projection", "backbone/projection", bias=False),
}
_TEXT: Rules = {
    r"text_model\.embeddings\.token_embedding\.weight": ("params/backbone/embed/word", IDENTITY),
    r"text_model\.embeddings\.position_embedding\.weight": ("params/backbone/embed/position", IDENTITY),
    **numbered(r"text_model\.encoder\.layers", towers_block),
    **layer_norm(r"text_model\.final_layer_norm", "backbone/norm"),
    **linear("text_projection", "backbone/projection", bias=False),
}
TEXT_FACTS = (
    "text_model.embeddings.token_embedding.weight",
    "text_model.embeddings.position_embedding.weight",
    "text_model.encoder.layers.0.mlp.fc1.weight",
    r"text_model\.encoder\.layers\.(\d+)\.",
)
"""Where `text_facts` finds what it reads."""

_IDS = r"(?:text|vision)_model\.embeddings\.position_ids"


def _infer_image(shapes: Shapes) -> dict[str, Any]:
    top = "vision_model.embeddings."
    if f"{top}class_embedding" not in shapes:
        raise ValueError(f"it has no {top}class_embedding")
    block, inner = r"vision_model\.encoder\.layers\.(\d+)\.", "vision_model.encoder.layers.0.mlp.fc1.weight"
    found = facts(shapes, f"{top}patch_embedding.weight", f"{top}position_embedding.weight", 1, block, inner)
    return image_fields(shapes, found, (shapes.get("visual_projection.weight") or (0,))[0])


def _infer_text(shapes: Shapes) -> dict[str, Any]:
    if "text_projection.weight" not in shapes:
        raise ValueError("it has no text_projection.weight")
    found = text_facts(shapes, *TEXT_FACTS)
    return fields(shapes, tuple(TEXT), found | {"projection": shapes["text_projection.weight"][0]})


def _settle_image(fields: dict[str, Any], foreign: Mapping[str, Any]) -> dict[str, Any]:
    return settled(fields, foreign, "vision_config")


def _settle_text(fields: dict[str, Any], foreign: Mapping[str, Any]) -> dict[str, Any]:
    return settled(fields, foreign, "text_config")


@keymaps.register
def clip_image_hf() -> Keymap:
    """Radford et al. 2021: the Vision Transformer, its features projected to where texts' are."""
    ignored = (r"text_model\..*", r"text_projection\.weight", r"logit_scale", _IDS)
    return Keymap(
        "clip_image_hf", _IMAGE, _infer_image, lambda fields: image_config(fields, "Hugging Face's CLIP"), ignored, settle=_settle_image
    )


@keymaps.register
def clip_text_hf() -> Keymap:
    """Radford et al. 2021: the text Transformer, its features projected to where images' are."""
    ignored = (r"vision_model\..*", r"visual_projection\.weight", r"logit_scale", _IDS)
    return Keymap(
        "clip_text_hf", _TEXT, _infer_text, lambda fields: text_config(fields, "Hugging Face's CLIP"), ignored, settle=_settle_text
    )
