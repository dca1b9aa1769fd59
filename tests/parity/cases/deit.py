"""DeiT with a distillation token, beside timm's and Hugging Face's."""

import functools
from typing import Any

from tests.parity.case import Case
from tests.parity.cases.vit import SMALL, hugging_face, in_hugging_face, in_timm, timm_model
from tests.parity.renamed import NOW, renaming, scaled


def _timm() -> Any:
    return timm_model("deit_tiny_distilled_patch16_224", **SMALL)


CASES = (
    Case(
        label="deit", family="deit", model="deit_tiny(width=64, depth=2, heads=2)", reference="timm DeiT, distilled", build=_timm,
        stages=in_timm(2), head="distilled", draw=scaled,
    ),
    Case(
        label="deit_hf", family="deit_hf", model="deit_tiny(width=64, depth=2, heads=2, epsilon=1e-12)", head="distilled",
        build=functools.partial(hugging_face, "DeiTForImageClassificationWithTeacher", "DeiTConfig", image_size=64),
        reference="transformers DeiTForImageClassificationWithTeacher", stages=in_hugging_face("deit", "layers", "layernorm"),
        draw=renaming(NOW),
    ),
    Case(
        label="deit_base_full", family="deit", model="deit_base", reference="timm deit_base_distilled_patch16_224", size=224,
        num_classes=1000, head="distilled", build=functools.partial(timm_model, "deit_base_distilled_patch16_224"), stages=in_timm(12),
        draw=scaled, live=True,
    ),
)  # fmt: skip
