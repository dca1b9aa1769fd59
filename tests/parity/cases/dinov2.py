"""DINOv2, beside timm's and Hugging Face's."""

import functools

from tests.parity.case import Case
from tests.parity.cases.vit import SMALL, hugging_face, in_hugging_face, in_timm, timm_model
from tests.parity.renamed import NOW, renaming, scaled

OURS = "dinov2_small(width=64, depth=2, heads=2{})"
_headless = SMALL | {"num_classes": 0, "img_size": 56}

CASES = (
    Case(
        label="dinov2", family="dinov2", model=OURS.format(""), size=56, num_classes=0, draw=scaled,
        build=functools.partial(timm_model, "vit_small_patch14_dinov2", **_headless), stages=in_timm(2), reference="timm DINOv2",
    ),
    Case(
        label="dinov2_timm", family="dinov2_timm", model=OURS.format(", registers=4, patches_only=True"), size=56, num_classes=0,
        draw=scaled, build=functools.partial(timm_model, "vit_small_patch14_reg4_dinov2", **_headless), stages=in_timm(2),
        reference="timm DINOv2 with registers", training=False,
    ),
    Case(
        label="dinov2_hf", family="dinov2_hf", model=OURS.format(", registers=4, pool='cls_mean'"), size=56,
        build=functools.partial(
            hugging_face, "Dinov2WithRegistersForImageClassification", "Dinov2WithRegistersConfig", image_size=56, patch_size=14
        ),
        reference="transformers Dinov2WithRegistersForImageClassification",
        stages=in_hugging_face("dinov2_with_registers", "encoder.layer", "layernorm"),
        draw=renaming({"^dinov2_with_registers": "dinov2"} | NOW),
    ),
    Case(
        label="dinov2_small_full", family="dinov2", model="dinov2_small", reference="timm vit_small_patch14_dinov2", size=518,
        num_classes=0,
        build=functools.partial(timm_model, "vit_small_patch14_dinov2"), stages=in_timm(12), draw=scaled, live=True,
    ),
    Case(
        label="dinov2_base_registers", family="dinov2_timm", model="dinov2_base(registers=4, patches_only=True)", size=224, num_classes=0,
        reference="timm vit_base_patch14_reg4_dinov2", stages=in_timm(12), live=True,
        build=functools.partial(timm_model, "vit_base_patch14_reg4_dinov2", img_size=224), draw=scaled,
    ),
)  # fmt: skip
