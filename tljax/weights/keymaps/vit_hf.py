"""Vision Transformers named as in Hugging Face transformers' ``ViTModel``, ``ViTForImageClassification``."""

from typing import Any

from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import CONV, IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.keymaps.vit import Rules, assumed, blocks, fields, linear, norm


def _block(name: str, path: str) -> Rules:
    return {
        **norm(f"{name}layernorm_before", f"{path}norm1"),
        **linear(rf"{name}attention\.attention\.query", f"{path}attention/query"),
        **linear(rf"{name}attention\.attention\.key", f"{path}attention/key"),
        **linear(rf"{name}attention\.attention\.value", f"{path}attention/value"),
        **linear(rf"{name}attention\.output\.dense", f"{path}attention/out"),
        **norm(f"{name}layernorm_after", f"{path}norm2"),
        **linear(rf"{name}intermediate\.dense", f"{path}mlp/fc1"),
        **linear(rf"{name}output\.dense", f"{path}mlp/fc2"),
    }


def _backbone(prefix: str) -> Rules:
    return {
        rf"{prefix}embeddings\.cls_token": ("params/backbone/embed/cls", IDENTITY),
        rf"{prefix}embeddings\.position_embeddings": ("params/backbone/embed/position", IDENTITY),
        rf"{prefix}embeddings\.patch_embeddings\.projection\.weight": ("params/backbone/embed/proj/kernel", CONV),
        rf"{prefix}embeddings\.patch_embeddings\.projection\.bias": ("params/backbone/embed/proj/bias", IDENTITY),
        **blocks(rf"{prefix}encoder\.layer", _block),
        **norm(f"{prefix}layernorm", "params/backbone/norm"),
    }


_RULES = {**_backbone(r"vit\."), **_backbone(""), **linear("classifier", "params/head")}


def _infer(shapes: Shapes) -> dict[str, Any]:
    top = "vit." if any(name.startswith("vit.") for name in shapes) else ""
    return fields(
        shapes,
        f"{top}embeddings.patch_embeddings.projection.weight",
        f"{top}embeddings.position_embeddings",
        r"(?:vit\.)?encoder\.layer\.(\d+)\.",
        f"{top}encoder.layer.0.intermediate.dense.weight",
        "classifier.weight",
        epsilon=1e-12,
    )


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return assumed(
        fields,
        source="names of Hugging Face's ViT; 64 channels a head, a LayerNorm eps of 1e-12, inputs with mean = std = 0.5, a bilinear resize"
        " and, for 1000 classes, the order of ImageNet's labels are assumed",
    )


@keymaps.register
def vit_hf() -> Keymap:
    """Dosovitskiy et al. 2021; the pooler, which no classifier reads, is left out."""
    return Keymap("vit_hf", _RULES, _infer, _config, ignored=(r"(?:vit\.)?pooler\.dense\.(?:weight|bias)",))
