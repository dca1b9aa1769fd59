"""ConvNeXt, beside torchvision's, timm's and Hugging Face's; the original's names are those of timm's model, renamed."""

import functools
from typing import Any

from tests.parity.case import Case
from tests.parity.renamed import renaming, scaled

WIDTHS, DEPTHS = (8, 16, 32, 64), (1, 1, 1, 1)
OURS = "convnext_tiny(width=8, depths=(1, 1, 1, 1))"


def _torchvision() -> Any:
    import tests.parity.torchvision_alone  # noqa: F401 - before torchvision  # isort: skip
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    nexts = (*WIDTHS[1:], None)
    settings = [CNBlockConfig(*sizes) for sizes in zip(WIDTHS, nexts, DEPTHS, strict=True)]
    return ConvNeXt(settings, layer_scale=1.0, num_classes=10)


def _torchvision_full() -> Any:
    import tests.parity.torchvision_alone  # noqa: F401 - before torchvision  # isort: skip
    from torchvision import models

    return models.convnext_tiny(weights=None, stochastic_depth_prob=0.0)


def _timm(name: str, **arguments: Any) -> Any:
    import tests.parity.torchvision_alone  # noqa: F401 - before timm, which imports torchvision  # isort: skip
    import timm

    return timm.create_model(name, pretrained=False, **arguments)


def _hugging_face() -> Any:
    import transformers

    config = transformers.ConvNextConfig(hidden_sizes=list(WIDTHS), depths=list(DEPTHS), num_labels=10, layer_scale_init_value=1.0)
    return transformers.ConvNextForImageClassification(config)


def _flat(y: Any) -> Any:
    return y.flatten(1)


IN_TORCHVISION = {"stem": "features.0"} | {f"stage{i}": f"features.{2 * i - 1}" for i in (1, 2, 3, 4)} | {"norm": ("classifier.0", _flat)}
IN_TIMM = {"stem": "stem"} | {f"stage{i}": f"stages.{i - 1}" for i in (1, 2, 3, 4)} | {"norm": ("head.norm", _flat)}
IN_HUGGING_FACE = {
    "stem": "convnext.embeddings",
    **{f"stage{i}": f"convnext.encoder.stages.{i - 1}" for i in (1, 2, 3, 4)},
    "norm": "convnext.layernorm",
}
ORIGINAL = {
    r"^downsample_layers\.0": "stem",
    r"^downsample_layers\.(\d)": r"stages.\1.downsample",
    r"^stages\.(\d)\.(\d+)": r"stages.\1.blocks.\2",
    r"dwconv": "conv_dw",
    r"pwconv": "mlp.fc",
    r"^norm": "head.norm",
    r"^head\.(weight|bias)": r"head.fc.\1",
}

_small = functools.partial(Case, model=OURS, draw=scaled)
_timm_small = functools.partial(_timm, "convnext_tiny", dims=WIDTHS, depths=DEPTHS, num_classes=10)
_full = functools.partial(Case, size=224, num_classes=1000, draw=scaled, live=True)

CASES = (
    _small(label="convnext", family="convnext", reference="torchvision ConvNeXt", build=_torchvision, stages=IN_TORCHVISION),
    _small(label="convnext_timm", family="convnext_timm", reference="timm ConvNeXt", build=_timm_small, stages=IN_TIMM, training=False),
    _small(
        label="convnext_hf", family="convnext_hf", reference="transformers ConvNextForImageClassification", build=_hugging_face,
        stages=IN_HUGGING_FACE, training=False,
    ),
    _small(
        label="convnext_original", family="convnext_original", reference="timm ConvNeXt, its names the original's", build=_timm_small,
        stages=IN_TIMM, draw=renaming(ORIGINAL), training=False,
    ),
    _full(
        label="convnext_tiny_full", family="convnext", model="convnext_tiny", reference="torchvision convnext_tiny",
        build=_torchvision_full, stages=IN_TORCHVISION,
    ),
    _full(
        label="convnext_base_timm", family="convnext_timm", model="convnext_base", reference="timm convnext_base",
        build=functools.partial(_timm, "convnext_base"), stages=IN_TIMM,
    ),
)  # fmt: skip
