"""Key tables of DeiT with a distillation token: names of timm, which are the original's, and Hugging Face."""

from typing import Any

from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.metadata import hf_config
from tljax.weights.rules.layers import Rules, conv, layer_norm, linear, numbered
from tljax.weights.rules.presets import imagenet_config
from tljax.weights.rules.vit import HEADS, apply_hf_config, facts, fields, hf_backbone, hf_facts, timm_block

_MODELS = ("deit_tiny", "deit_small", "deit_base")

# timm and the original (github.com/facebookresearch/deit)

_TIMM: Rules = {
    r"cls_token": ("params/backbone/embed/cls", IDENTITY),
    r"dist_token": ("params/backbone/embed/distilled", IDENTITY),
    r"pos_embed": ("params/backbone/embed/position", IDENTITY),
    **conv(r"patch_embed\.proj", "backbone/embed/proj", bias=True),
    **numbered("blocks", timm_block),
    **layer_norm("norm", "backbone/norm"),
    **linear("head", "head/cls"),
    **linear("head_dist", "head/distilled"),
}


def _infer_timm(shapes: Shapes) -> dict[str, Any]:
    if "dist_token" not in shapes:
        raise ValueError("it has no dist_token")
    arguments = facts(
        shapes, "patch_embed.proj.weight", position="pos_embed", learned=2, block=r"blocks\.(\d+)\.", inner="blocks.0.mlp.fc1.weight"
    )
    return fields(shapes, _MODELS, arguments | {"heads": HEADS.get(arguments["width"], 0)}, "head.weight") | {"head": "distilled"}


def _timm_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        crop_fraction=0.9,
        interpolation="bicubic",
        source="names of timm's DeiT; 64 channels a head, ImageNet's mean and deviation, the central 0.9 of a bicubic resize and, for 1000"
        " classes, the order of ImageNet's labels are assumed",
    )


@keymaps.register
def deit() -> Keymap:
    """Touvron et al. 2021; both classifiers, averaged. Without a distillation token a file is one of the family ``vit``."""
    return Keymap("deit", _TIMM, _infer_timm, _timm_config, apply_hf_config=apply_hf_config)


# Hugging Face: ``DeiTModel``, ``DeiTForImageClassificationWithTeacher``

_HUGGING_FACE: Rules = {
    **hf_backbone(r"deit\."),
    r"deit\.embeddings\.distillation_token": ("params/backbone/embed/distilled", IDENTITY),
    **hf_backbone(""),
    r"embeddings\.distillation_token": ("params/backbone/embed/distilled", IDENTITY),
    **linear("cls_classifier", "head/cls"),
    **linear("distillation_classifier", "head/distilled"),
}


def _infer_hf(shapes: Shapes) -> dict[str, Any]:
    prefix = "deit." if any(name.startswith("deit.") for name in shapes) else ""
    if f"{prefix}embeddings.distillation_token" not in shapes:
        raise ValueError(f"it has no {prefix}embeddings.distillation_token")
    return fields(shapes, _MODELS, hf_facts(shapes, prefix, 2), "cls_classifier.weight") | {"head": "distilled"}


def _hf_config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        interpolation="bicubic",
        source="names of Hugging Face's DeiT; 64 channels a head, a LayerNorm eps of 1e-12, ImageNet's mean and deviation, the central 224"
        " of 256, bicubic, and, for 1000 classes, the order of ImageNet's labels are assumed where no config.json says otherwise",
    )


def _to_hf_config(config: PretrainedConfig, shapes: Shapes) -> hf_config.Files:
    content = {"model_type": "deit"} | hf_config.vit_fields(config)
    return hf_config.classifier_files(config, "DeiT", content, "ForImageClassificationWithTeacher")


@keymaps.register
def deit_hf() -> Keymap:
    """Touvron et al. 2021; the pooler, which no classifier reads, is left out."""
    return Keymap(
        "deit_hf",
        _HUGGING_FACE,
        _infer_hf,
        _hf_config,
        ignored=(r"(?:deit\.)?pooler\.dense\.(?:weight|bias)",),
        apply_hf_config=apply_hf_config,
        to_hf_config=_to_hf_config,
    )
