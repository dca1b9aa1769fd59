"""ConvNeXt, named as in torchvision, in timm, in the original, and in Hugging Face's ``ConvNextForImageClassification``."""

import functools
from typing import Any

from tljax import registry
from tljax.weights.calls import call_arguments
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.metadata import hf_config
from tljax.weights.rules.presets import imagenet_config
from tljax.zoo.convnext.rules import LEAVES, SCALE, Names, infer, rules


def _block(*theirs: str) -> dict[str, str]:
    return dict(zip(LEAVES, theirs, strict=True))


TORCHVISION = Names(
    stem=("features.0.0", "features.0.1"),
    stage="features.{i}",
    downsample="features.{i}",
    numbers={stage: (2 * stage - 1, 2 * stage - 2) for stage in (1, 2, 3, 4)},
    block=_block("block.0", "block.2", "block.3", "block.5", "layer_scale"),
    norm="classifier.0",
    head="classifier.2",
    scale=SCALE,
)
_FROM_0 = {stage: (stage - 1, stage - 1) for stage in (1, 2, 3, 4)}
TIMM = Names(
    stem=("stem.0", "stem.1"),
    stage="stages.{i}.blocks",
    downsample="stages.{i}.downsample",
    numbers=_FROM_0,
    block=_block("conv_dw", "norm", "mlp.fc1", "mlp.fc2", "gamma"),
    norm="head.norm",
    head="head.fc",
)
ORIGINAL = Names(
    stem=("downsample_layers.0.0", "downsample_layers.0.1"),
    stage="stages.{i}",
    downsample="downsample_layers.{i}",
    numbers=_FROM_0,
    block=_block("dwconv", "norm", "pwconv1", "pwconv2", "gamma"),
    norm="norm",
    head="head",
)
HUGGING_FACE = Names(
    stem=("convnext.embeddings.patch_embeddings", "convnext.embeddings.layernorm"),
    stage="convnext.encoder.stages.{i}.layers",
    downsample="convnext.encoder.stages.{i}.downsampling_layer",
    numbers=_FROM_0,
    block=_block("dwconv", "layernorm", "pwconv1", "pwconv2", "layer_scale_parameter"),
    norm="convnext.layernorm",
    head="classifier",
)

RESIZED = {"convnext_tiny": 236, "convnext_small": 230, "convnext_base": 232, "convnext_large": 232}
"""The shorter side of the images whose central 224 pixels torchvision's models take."""


def _torchvision_config(fields: dict[str, Any]) -> PretrainedConfig:
    said = "names of torchvision's ConvNeXt; its preprocessing (the central 224 of {}, bilinear) and the order of the labels are assumed"
    side = RESIZED[registry.parse(fields["model"])[0]]
    return imagenet_config(fields, crop_fraction=224 / side, source=said.format(side))


def _config(fields: dict[str, Any], names: str) -> PretrainedConfig:
    said = f"names of {names} ConvNeXt; its preprocessing (the central 224 of 256, bicubic) and the order of the labels are assumed"
    return imagenet_config(fields, interpolation="bicubic", source=said)


@keymaps.register
def convnext() -> Keymap:
    """Liu et al. 2022."""
    return Keymap("convnext", rules(TORCHVISION), functools.partial(infer, TORCHVISION), _torchvision_config)


@keymaps.register
def convnext_timm() -> Keymap:
    """Liu et al. 2022; not the variants whose MLPs are stored as 1x1 convolutions."""
    return Keymap("convnext_timm", rules(TIMM), functools.partial(infer, TIMM), lambda fields: _config(fields, "timm's"))


@keymaps.register
def convnext_original() -> Keymap:
    """Liu et al. 2022, github.com/facebookresearch/ConvNeXt."""
    return Keymap("convnext_original", rules(ORIGINAL), functools.partial(infer, ORIGINAL), lambda fields: _config(fields, "the original"))


def _to_hf_config(config: PretrainedConfig, shapes: Shapes) -> hf_config.Files:
    of = call_arguments(config.model)
    content = {"model_type": "convnext", "patch_size": 4, "hidden_act": "gelu", "image_size": min(config.input_size)}
    sizes = {"depths": list(of["depths"]), "hidden_sizes": [of["width"] << i for i in range(len(of["depths"]))]}
    return hf_config.classifier_files(config, "ConvNext", content | sizes)


@keymaps.register
def convnext_hf() -> Keymap:
    """Liu et al. 2022; its last LayerNorm has an eps of 1e-12, here as the others 1e-6: without effect on features of this size."""
    config = functools.partial(_config, names="Hugging Face's")
    return Keymap("convnext_hf", rules(HUGGING_FACE), functools.partial(infer, HUGGING_FACE), config, to_hf_config=_to_hf_config)
