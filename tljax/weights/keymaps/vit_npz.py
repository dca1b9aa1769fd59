"""Vision Transformers named as in the ``.npz`` files of Google's vision_transformer and AugReg (Steiner et al. 2022)."""

from typing import Any

import numpy as np

from tljax.models.vit import SIZES
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, Transform, keymaps
from tljax.weights.keymaps.vit import assumed
from tljax.weights.rules.layers import Rules
from tljax.weights.rules.vit import facts, fields


def _heads(width: int) -> int:
    return max(width // 64, 1)


def _split(a: np.ndarray) -> np.ndarray:
    """The last axis cut into heads of 64 channels."""
    return a.reshape(*a.shape[:-1], _heads(a.shape[-1]), -1)


IN = Transform("[D, heads, D / heads] -> [D, D]", 3, lambda a: a.reshape(len(a), -1), _split)
IN_BIAS = Transform("[heads, D / heads] -> [D]", 2, lambda a: a.reshape(-1), _split)
OUT = Transform(
    "[heads, D / heads, D] -> [D, D]", 3, lambda a: a.reshape(-1, a.shape[-1]), lambda a: a.reshape(_heads(len(a)), -1, a.shape[-1])
)


def _dense(name: str, path: str, kernel: Transform = IDENTITY, bias: Transform = IDENTITY) -> Rules:
    return {f"{name}/kernel": (f"params/{path}/kernel", kernel), f"{name}/bias": (f"params/{path}/bias", bias)}


def _norm(name: str, path: str) -> Rules:
    return {f"{name}/{leaf}": (f"params/{path}/{leaf}", IDENTITY) for leaf in ("scale", "bias")}


def _block(name: str, path: str) -> Rules:
    attention = "MultiHeadDotProductAttention_1"
    inward = [_dense(f"{name}{attention}/{part}", f"{path}attention/{part}", IN, IN_BIAS) for part in ("query", "key", "value")]
    return {
        **_norm(f"{name}LayerNorm_0", f"{path}norm1"),
        **{regex: target for rules in inward for regex, target in rules.items()},
        **_dense(f"{name}{attention}/out", f"{path}attention/out", OUT),
        **_norm(f"{name}LayerNorm_2", f"{path}norm2"),
        **_dense(f"{name}MlpBlock_3/Dense_0", f"{path}mlp/fc1"),
        **_dense(f"{name}MlpBlock_3/Dense_1", f"{path}mlp/fc2"),
    }


_RULES: Rules = {
    "cls": ("params/backbone/embed/cls", IDENTITY),
    "Transformer/posembed_input/pos_embedding": ("params/backbone/embed/position", IDENTITY),
    **_dense("embedding", "backbone/embed/proj"),
    **_block(r"Transformer/encoderblock_(\d)/", r"backbone/block0\1/"),
    **_block(r"Transformer/encoderblock_([1-9]\d)/", r"backbone/block\1/"),
    **_norm("Transformer/encoder_norm", "backbone/norm"),
    **_dense("pre_logits", "backbone/pre_logits"),
    **_dense("head", "head"),
}


def _infer(shapes: Shapes) -> dict[str, Any]:
    query = shapes.get("Transformer/encoderblock_0/MultiHeadDotProductAttention_1/query/kernel", ())
    if len(query) != 3:
        raise ValueError(f"encoderblock_0/.../query/kernel is {query or 'absent'}, not [width, heads, width / heads]")
    turned = {
        name: (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape[::-1] for name, shape in shapes.items() if len(shape) != 3
    }
    position = "Transformer/posembed_input/pos_embedding"
    turned |= {position: shapes.get(position, ())}
    block, inner = "Transformer/encoderblock_", "Transformer/encoderblock_0/MlpBlock_3/Dense_0/kernel"
    found = facts(turned, "embedding/kernel", position, 1, rf"{block}(\d+)/", inner)
    found |= {"heads": query[1], "pre_logits": (turned.get("pre_logits/kernel") or (0,))[0]}
    return fields(turned, tuple(SIZES), found, "head/kernel")


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return assumed(
        fields,
        source="names of Google's vision_transformer; its inputs (mean = std = 0.5, a bilinear resize without crop) and, for 1000 classes,"
        " the order of ImageNet's labels are assumed",
    )


@keymaps.register
def vit_npz() -> Keymap:
    """Dosovitskiy et al. 2021; AugReg: Steiner et al. 2022. Files of ImageNet-21k may have the layer ``pre_logits``."""
    return Keymap("vit_npz", _RULES, _infer, _config)
