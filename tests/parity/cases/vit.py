"""Vision Transformers, beside timm's and Hugging Face's; Google's ``.npz`` names are those of timm's model, renamed and turned."""

import functools
import re
from typing import Any

import numpy as np

from tests.parity.case import Case
from tests.parity.renamed import NOW, renaming, scaled


def timm_model(name: str, **arguments: Any) -> Any:
    """timm's model."""
    import tests.parity.torchvision_alone  # noqa: F401 - before timm, which imports torchvision  # isort: skip
    import timm

    return timm.create_model(name, pretrained=False, **arguments)


SMALL = {"img_size": 64, "depth": 2, "embed_dim": 64, "num_heads": 2, "num_classes": 10}
OURS = "vit_tiny(width=64, depth=2, heads=2{})"


def in_timm(depth: int, norm: str = "norm") -> dict[str, str]:
    """Our stages -> timm's modules."""
    return {"embed": "norm_pre", **{f"block{i:02}": f"blocks.{i}" for i in range(depth)}, "norm": norm}


def hugging_face(kind: str, config: str, **sizes: Any) -> Any:
    """A model of transformers of 2 blocks, 64 channels, 2 heads."""
    import transformers

    small = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 256, "num_labels": 10}
    return getattr(transformers, kind)(getattr(transformers, config)(**(small | sizes)))


def in_hugging_face(prefix: str, layer: str, norm: str) -> dict[str, str]:
    """Our stages -> modules of transformers."""
    return {"embed": f"{prefix}.embeddings", **{f"block{i:02}": f"{prefix}.{layer}.{i}" for i in range(2)}, "norm": f"{prefix}.{norm}"}


NPZ = {
    r"^cls$": "cls_token",
    r"^Transformer/posembed_input/pos_embedding": "pos_embed",
    r"^embedding": "patch_embed.proj",
    r"^Transformer/encoderblock_(\d+)/": r"blocks.\1.",
    r"^Transformer/encoder_norm": "norm",
    r"LayerNorm_0": "norm1",
    r"LayerNorm_2": "norm2",
    r"MlpBlock_3/Dense_0": "mlp.fc1",
    r"MlpBlock_3/Dense_1": "mlp.fc2",
    r"MultiHeadDotProductAttention_1/out": "attn.proj",
    r"/(?:kernel|scale)$": ".weight",
    r"/bias$": ".bias",
}


def draw_npz(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The arrays of the ``.npz`` that holds what timm's model draws, written as timm reads them back."""
    if "/" not in name and name != "cls":
        return scaled(name, shape)
    timm = name
    for regex, text in NPZ.items():
        timm = re.sub(regex, text, timm)
    if match := re.fullmatch(r"(blocks\.\d+\.)MultiHeadDotProductAttention_1/(query|key|value)\.(weight|bias)", timm):
        width = shape[0] if match[3] == "weight" else shape[0] * shape[1]
        whole = scaled(f"{match[1]}attn.qkv.{match[3]}", (3 * width, width)[: 2 if match[3] == "weight" else 1])
        mine = np.split(whole, 3)[("query", "key", "value").index(match[2])]
        return np.ascontiguousarray(mine.T).reshape(shape)
    if timm.endswith("attn.proj.weight"):
        return np.ascontiguousarray(scaled(timm, (shape[-1], shape[-1])).T).reshape(shape)
    if timm.endswith("weight") and len(shape) > 1:
        turned = (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape[::-1]
        return scaled(timm, turned).transpose((2, 3, 1, 0) if len(shape) == 4 else (1, 0))
    return scaled(timm, shape)


_golden = functools.partial(Case, family="vit", draw=scaled)

CASES = (
    _golden(
        label="vit", model=OURS.format(""), reference="timm ViT", stages=in_timm(2),
        build=functools.partial(timm_model, "vit_tiny_patch16_224", **SMALL),
    ),
    _golden(
        label="vit_mean", model=OURS.format(", pool='mean', mlp_dim=96"), reference="timm ViT, mean of the patches",
        build=functools.partial(timm_model, "vit_tiny_patch16_224", global_pool="avg", mlp_ratio=1.5, **SMALL),
        stages=in_timm(2, "fc_norm"), draw=renaming({"^fc_norm": "norm"}),
    ),
    _golden(
        label="vit_hf", family="vit_hf", model=OURS.format(", epsilon=1e-12"), reference="transformers ViTForImageClassification",
        build=functools.partial(hugging_face, "ViTForImageClassification", "ViTConfig", image_size=64),
        stages=in_hugging_face("vit", "layers", "layernorm"), draw=renaming(NOW),
    ),
    _golden(
        label="vit_npz", family="vit_npz", model="vit_tiny(width=128, depth=2, heads=2)", reference="timm ViT, its names Google's",
        build=functools.partial(timm_model, "vit_tiny_patch16_224", **(SMALL | {"embed_dim": 128})), stages=in_timm(2), draw=draw_npz,
        training=False,
    ),
    *(
        Case(
            label=f"vit_{size}_full", family="vit", model=f"vit_{size}", reference=f"timm vit_{size}_patch16_224", size=224,
            num_classes=1000, build=functools.partial(timm_model, f"vit_{size}_patch16_224"), stages=in_timm(12), draw=scaled, live=True,
        )
        for size in ("tiny", "base")
    ),
)  # fmt: skip
