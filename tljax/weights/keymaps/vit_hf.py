"""Vision Transformers named as in Hugging Face transformers' ``ViTModel``, ``ViTForImageClassification``."""

from typing import Any

from tljax.models.vit import SIZES
from tljax.weights.beside import published
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.keymaps.vit import assumed
from tljax.weights.rules.layers import Rules, conv, layer_norm, linear, numbered
from tljax.weights.rules.vit import HEADS, attention, facts, fields, settled


def _block(name: str, path: str) -> Rules:
    return {
        **layer_norm(f"{name}layernorm_before", f"{path}norm1"),
        **attention(rf"{name}attention\.attention", f"{path}attention", query="query", key="key", value="value"),
        **linear(rf"{name}attention\.output\.dense", f"{path}attention/out"),
        **layer_norm(f"{name}layernorm_after", f"{path}norm2"),
        **linear(rf"{name}intermediate\.dense", f"{path}mlp/fc1"),
        **linear(rf"{name}output\.dense", f"{path}mlp/fc2"),
    }


def backbone(prefix: str) -> Rules:
    """The rules of everything but the head, whose names begin with the regex `prefix`."""
    return {
        rf"{prefix}embeddings\.cls_token": ("params/backbone/embed/cls", IDENTITY),
        rf"{prefix}embeddings\.position_embeddings": ("params/backbone/embed/position", IDENTITY),
        **conv(rf"{prefix}embeddings\.patch_embeddings\.projection", "backbone/embed/proj", bias=True),
        **numbered(rf"{prefix}encoder\.layer", _block),
        **layer_norm(f"{prefix}layernorm", "backbone/norm"),
    }


def found(shapes: Shapes, prefix: str, learned: int) -> dict[str, Any]:
    """`facts`, heads and the epsilon of a file whose names begin with `prefix`."""
    proj, position = (f"{prefix}embeddings.{name}" for name in ("patch_embeddings.projection.weight", "position_embeddings"))
    told = facts(shapes, proj, position, learned, rf"{prefix}encoder\.layer\.(\d+)\.", f"{prefix}encoder.layer.0.intermediate.dense.weight")
    return told | {"heads": HEADS.get(told["width"], 0), "epsilon": 1e-12}


_RULES = {**backbone(r"vit\."), **backbone(""), **linear("classifier", "head")}


def _infer(shapes: Shapes) -> dict[str, Any]:
    prefix = "vit." if any(name.startswith("vit.") for name in shapes) else ""
    return fields(shapes, tuple(SIZES), found(shapes, prefix, 1), "classifier.weight")


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return assumed(
        fields,
        source="names of Hugging Face's ViT; 64 channels a head, a LayerNorm eps of 1e-12, inputs with mean = std = 0.5, a bilinear resize"
        " and, for 1000 classes, the order of ImageNet's labels are assumed where no config.json says otherwise",
    )


def _publish(config: PretrainedConfig, shapes: Shapes) -> published.Files:
    return published.classifier(config, "ViT", {"model_type": "vit"} | published.vision_transformer(config))


@keymaps.register
def vit_hf() -> Keymap:
    """Dosovitskiy et al. 2021; the pooler, which no classifier reads, is left out."""
    ignored = (r"(?:vit\.)?pooler\.dense\.(?:weight|bias)",)
    return Keymap("vit_hf", _RULES, _infer, _config, ignored, settle=settled, publish=_publish)
