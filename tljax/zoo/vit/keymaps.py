"""Key tables of Vision Transformers: names of timm, Hugging Face and big_vision's ``.npz`` files."""

from typing import Any

import numpy as np

from tljax import registry
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, Transform, keymaps
from tljax.weights.metadata import hf_config
from tljax.weights.rules.layers import Rules, conv, layer_norm, linear, numbered
from tljax.weights.rules.presets import imagenet_config
from tljax.weights.rules.vit import HEADS, apply_hf_config, facts, fields, hf_backbone, hf_facts, timm_block
from tljax.zoo.vit.model import SIZES

# timm

_TIMM: Rules = {
    r"cls_token": ("params/backbone/embed/cls", IDENTITY),
    r"pos_embed": ("params/backbone/embed/position", IDENTITY),
    **conv(r"patch_embed\.proj", "backbone/embed/proj", bias=True),
    **numbered("blocks", timm_block),
    **layer_norm("norm", "backbone/norm"),
    **layer_norm("fc_norm", "backbone/norm"),
    **linear(r"pre_logits\.fc", "backbone/pre_logits"),
    **linear("head", "head"),
}


def _infer_timm(shapes: Shapes) -> dict[str, Any]:
    if "norm.weight" in shapes and "fc_norm.weight" in shapes:
        raise ValueError("it has both norm and fc_norm")
    arguments = facts(
        shapes, "patch_embed.proj.weight", position="pos_embed", learned=1, block=r"blocks\.(\d+)\.", inner="blocks.0.mlp.fc1.weight"
    )
    arguments["heads"] = HEADS.get(arguments["width"], 0)
    arguments["pool"] = "mean" if "fc_norm.weight" in shapes else "cls"
    arguments["pre_logits"] = (shapes.get("pre_logits.fc.weight") or (0,))[0]
    return fields(shapes, tuple(SIZES), arguments, "head.weight")


def _timm_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        "unit",
        crop_fraction=0.9,
        interpolation="bicubic",
        source="names of timm's ViT; 64 channels a head, the inputs of its augreg weights (mean = std = 0.5, the central 0.9 of a bicubic"
        " resize) and, for 1000 classes, the order of ImageNet's labels are assumed",
    )


def _rename_norm(config: PretrainedConfig, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Calls the last norm ``fc_norm`` where the patches are averaged, as timm does."""
    mean = registry.parse(config.model)[2].get("pool") == "mean"
    return {f"fc_{name}" if mean and name.startswith("norm.") else name: a for name, a in arrays.items()}


@keymaps.register
def vit() -> Keymap:
    """Dosovitskiy et al. 2021; class token with the norm before pooling, or mean of the patches with the norm (``fc_norm``) after it.

    DeiT without a distillation token (Touvron et al. 2021) has the same names and shapes, but ImageNet's mean and deviation.
    """
    return Keymap("vit", _TIMM, _infer_timm, _timm_config, apply_hf_config=apply_hf_config, complete_state_dict=_rename_norm)


# Hugging Face: ``ViTModel``, ``ViTForImageClassification``

_HUGGING_FACE = {**hf_backbone(r"vit\."), **hf_backbone(""), **linear("classifier", "head")}


def _infer_hf(shapes: Shapes) -> dict[str, Any]:
    prefix = "vit." if any(name.startswith("vit.") for name in shapes) else ""
    return fields(shapes, tuple(SIZES), hf_facts(shapes, prefix, 1), "classifier.weight")


def _hf_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        "unit",
        crop_fraction=1.0,
        source="names of Hugging Face's ViT; 64 channels a head, a LayerNorm eps of 1e-12, inputs with mean = std = 0.5, a bilinear resize"
        " and, for 1000 classes, the order of ImageNet's labels are assumed where no config.json says otherwise",
    )


def _to_hf_config(config: PretrainedConfig, shapes: Shapes) -> hf_config.Files:
    return hf_config.classifier_files(config, "ViT", {"model_type": "vit"} | hf_config.vit_fields(config))


@keymaps.register
def vit_hf() -> Keymap:
    """Dosovitskiy et al. 2021; the pooler, which no classifier reads, is left out."""
    ignored = (r"(?:vit\.)?pooler\.dense\.(?:weight|bias)",)
    return Keymap(
        "vit_hf", _HUGGING_FACE, _infer_hf, _hf_config, ignored=ignored, apply_hf_config=apply_hf_config, to_hf_config=_to_hf_config
    )


# .npz files of Google's vision_transformer and AugReg (Steiner et al. 2022)


def _npz_heads(width: int) -> int:
    return max(width // 64, 1)


def _split_heads(a: np.ndarray) -> np.ndarray:
    """Splits the last axis into heads of 64 channels."""
    return a.reshape(*a.shape[:-1], _npz_heads(a.shape[-1]), -1)


_INWARD = Transform("[D, heads, D / heads] -> [D, D]", 3, lambda a: a.reshape(len(a), -1), _split_heads)
_INWARD_BIAS = Transform("[heads, D / heads] -> [D]", 2, lambda a: a.reshape(-1), _split_heads)
_OUTWARD = Transform(
    "[heads, D / heads, D] -> [D, D]", 3, lambda a: a.reshape(-1, a.shape[-1]), lambda a: a.reshape(_npz_heads(len(a)), -1, a.shape[-1])
)


def _npz_dense(name: str, path: str, kernel: Transform = IDENTITY, bias: Transform = IDENTITY) -> Rules:
    return {f"{name}/kernel": (f"params/{path}/kernel", kernel), f"{name}/bias": (f"params/{path}/bias", bias)}


def _npz_norm(name: str, path: str) -> Rules:
    return {f"{name}/{leaf}": (f"params/{path}/{leaf}", IDENTITY) for leaf in ("scale", "bias")}


def _npz_block(name: str, path: str) -> Rules:
    attention = "MultiHeadDotProductAttention_1"
    inward = [
        _npz_dense(f"{name}{attention}/{part}", f"{path}attention/{part}", _INWARD, _INWARD_BIAS) for part in ("query", "key", "value")
    ]
    return {
        **_npz_norm(f"{name}LayerNorm_0", f"{path}norm1"),
        **{regex: target for rules in inward for regex, target in rules.items()},
        **_npz_dense(f"{name}{attention}/out", f"{path}attention/out", _OUTWARD),
        **_npz_norm(f"{name}LayerNorm_2", f"{path}norm2"),
        **_npz_dense(f"{name}MlpBlock_3/Dense_0", f"{path}mlp/fc1"),
        **_npz_dense(f"{name}MlpBlock_3/Dense_1", f"{path}mlp/fc2"),
    }


_NPZ: Rules = {
    "cls": ("params/backbone/embed/cls", IDENTITY),
    "Transformer/posembed_input/pos_embedding": ("params/backbone/embed/position", IDENTITY),
    **_npz_dense("embedding", "backbone/embed/proj"),
    **_npz_block(r"Transformer/encoderblock_(\d)/", r"backbone/block0\1/"),
    **_npz_block(r"Transformer/encoderblock_([1-9]\d)/", r"backbone/block\1/"),
    **_npz_norm("Transformer/encoder_norm", "backbone/norm"),
    **_npz_dense("pre_logits", "backbone/pre_logits"),
    **_npz_dense("head", "head"),
}


def _infer_npz(shapes: Shapes) -> dict[str, Any]:
    query = shapes.get("Transformer/encoderblock_0/MultiHeadDotProductAttention_1/query/kernel", ())
    if len(query) != 3:
        raise ValueError(f"encoderblock_0/.../query/kernel is {query or 'absent'}, not [width, heads, width / heads]")
    turned = {
        name: (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape[::-1] for name, shape in shapes.items() if len(shape) != 3
    }
    position = "Transformer/posembed_input/pos_embedding"
    turned |= {position: shapes.get(position, ())}
    block, inner = "Transformer/encoderblock_", "Transformer/encoderblock_0/MlpBlock_3/Dense_0/kernel"
    arguments = facts(turned, "embedding/kernel", position=position, learned=1, block=rf"{block}(\d+)/", inner=inner)
    arguments |= {"heads": query[1], "pre_logits": (turned.get("pre_logits/kernel") or (0,))[0]}
    return fields(turned, tuple(SIZES), arguments, "head/kernel")


def _npz_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        "unit",
        crop_fraction=1.0,
        source="names of Google's vision_transformer; its inputs (mean = std = 0.5, a bilinear resize without crop) and, for 1000 classes,"
        " the order of ImageNet's labels are assumed",
    )


@keymaps.register
def vit_npz() -> Keymap:
    """Dosovitskiy et al. 2021; AugReg: Steiner et al. 2022. Files of ImageNet-21k may have the layer ``pre_logits``."""
    return Keymap("vit_npz", _NPZ, _infer_npz, _npz_config)
