"""MobileNetV3, beside torchvision's and timm's."""

import functools
from collections.abc import Mapping
from typing import Any

from tests.parity.case import Case, Spot
from tests.parity.gated import draw_gated

TORCHVISION: dict[str, Mapping[str, Spot]] = {
    "large": {"stem": "features.0"}
    | {f"stage{i}": f"features.{last}" for i, last in enumerate((1, 3, 6, 12, 15), 1)}
    | {"last": "features.16", "penultimate": "classifier.1"},
    "small": {"stem": "features.0"}
    | {f"stage{i}": f"features.{last}" for i, last in enumerate((1, 3, 8, 11), 1)}
    | {"last": "features.12", "penultimate": "classifier.1"},
}
TIMM: dict[str, Mapping[str, Spot]] = {
    "large": {"stem": "bn1"}
    | {f"stage{i}": f"blocks.{last}" for i, last in enumerate((0, 1, 2, 4, 5), 1)}
    | {"last": "blocks.6", "penultimate": "flatten"},
    "small": {"stem": "bn1"}
    | {f"stage{i}": f"blocks.{last}" for i, last in enumerate((0, 1, 3, 4), 1)}
    | {"last": "blocks.5", "penultimate": "flatten"},
}


def torchvision(kind: str, classes: int, width: float) -> Any:
    """torchvision's model."""
    import tests.parity.torchvision_alone  # noqa: F401 - before torchvision  # isort: skip
    from torchvision import models

    return getattr(models, f"mobilenet_v3_{kind}")(weights=None, num_classes=classes, width_mult=width, dropout=0.0)


def timm(kind: str, classes: int, width: float, **more: Any) -> Any:
    """timm's model."""
    import tests.parity.torchvision_alone  # noqa: F401 - before timm, which imports torchvision  # isort: skip
    from timm.models import mobilenetv3

    return mobilenetv3._gen_mobilenet_v3(f"mobilenetv3_{kind}_100", width, num_classes=classes, **more)


_small = functools.partial(Case, draw=draw_gated)
_full = functools.partial(Case, size=224, num_classes=1000, draw=functools.partial(draw_gated, wider=1.1), live=True, double=True)
SAME = {"bn_eps": 1e-3, "pad_type": "same"}

CASES = (
    *(
        _small(
            label=f"mobilenet_v3_{kind}",
            family="mobilenet_v3",
            model=f"mobilenet_v3_{kind}(width={width})",
            reference=f"torchvision mobilenet_v3_{kind}",
            build=functools.partial(torchvision, kind, 10, width),
            stages=TORCHVISION[kind],
        )
        for kind, width in (("small", 0.5), ("large", 0.35))
    ),
    *(
        _small(
            label=f"mobilenet_v3_{kind}_timm{'_tf' * tf}",
            family="mobilenet_v3_timm",
            model=f"mobilenet_v3_{kind}(width={width}, ratios=True{', padding=' + repr('asymmetric') if tf else ', epsilon=1e-5'})",
            reference=f"timm {'tf_' * tf}mobilenetv3_{kind}",
            build=functools.partial(timm, kind, 10, width, **(SAME if tf else {})),
            stages=TIMM[kind],
            training=tf,  # that of the large one is compared in full size
        )
        for kind, width, tf in (("small", 0.5, True), ("large", 0.35, False))
    ),
    *(
        _full(
            label=f"mobilenet_v3_{kind}_full",
            family="mobilenet_v3",
            model=f"mobilenet_v3_{kind}",
            reference=f"torchvision mobilenet_v3_{kind}",
            build=functools.partial(torchvision, kind, 1000, 1.0),
            stages=TORCHVISION[kind],
        )
        for kind in ("small", "large")
    ),
    _full(
        label="mobilenet_v3_large_timm_full",
        family="mobilenet_v3_timm",
        model="mobilenet_v3_large(epsilon=1e-5)",
        reference="timm mobilenetv3_large_100",
        build=functools.partial(timm, "large", 1000, 1.0),
        stages=TIMM["large"],
    ),
)
