"""DeiT with a distillation token, named as in Hugging Face's ``DeiTModel``, ``DeiTForImageClassificationWithTeacher``."""

from typing import Any

from tljax.weights.beside import published
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.keymaps.deit import NAMES
from tljax.weights.keymaps.vit_hf import backbone, found
from tljax.weights.rules.layers import Rules, linear
from tljax.weights.rules.presets import imagenet_config
from tljax.weights.rules.vit import fields, settled

_RULES: Rules = {
    **backbone(r"deit\."),
    r"deit\.embeddings\.distillation_token": ("params/backbone/embed/distilled", IDENTITY),
    **backbone(""),
    r"embeddings\.distillation_token": ("params/backbone/embed/distilled", IDENTITY),
    **linear("cls_classifier", "head/cls"),
    **linear("distillation_classifier", "head/distilled"),
}


def _infer(shapes: Shapes) -> dict[str, Any]:
    prefix = "deit." if any(name.startswith("deit.") for name in shapes) else ""
    if f"{prefix}embeddings.distillation_token" not in shapes:
        raise ValueError(f"it has no {prefix}embeddings.distillation_token")
    return fields(shapes, NAMES, found(shapes, prefix, 2), "cls_classifier.weight") | {"head": "distilled"}


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return imagenet_config(
        fields,
        interpolation="bicubic",
        source="names of Hugging Face's DeiT; 64 channels a head, a LayerNorm eps of 1e-12, ImageNet's mean and deviation, the central 224"
        " of 256, bicubic, and, for 1000 classes, the order of ImageNet's labels are assumed where no config.json says otherwise",
    )


def _publish(config: PretrainedConfig, shapes: Shapes) -> published.Files:
    content = {"model_type": "deit"} | published.vision_transformer(config)
    return published.classifier(config, "DeiT", content, "ForImageClassificationWithTeacher")


@keymaps.register
def deit_hf() -> Keymap:
    """Touvron et al. 2021; the pooler, which no classifier reads, is left out."""
    return Keymap("deit_hf", _RULES, _infer, _config, (r"(?:deit\.)?pooler\.dense\.(?:weight|bias)",), settle=settled, publish=_publish)
