"""EfficientNets, beside torchvision's, timm's and Keras's."""

import functools
from typing import Any

from tests.parity.case import Case
from tests.parity.gated import draw_gated

TORCHVISION = {"stem": "features.0", "stage1": "features.1", "stage2": "features.2", "stage3": "features.3"}
TORCHVISION |= {"stage4": "features.5", "stage5": "features.7", "last": "features.8"}
TIMM = {
    "stem": "bn1",
    "stage1": "blocks.0",
    "stage2": "blocks.1",
    "stage3": "blocks.2",
    "stage4": "blocks.4",
    "stage5": "blocks.6",
    "last": "bn2",
}
TF = "padding='asymmetric', epsilon=0.001"


def torchvision(name: str = "efficientnet_b0", classes: int = 1000, **scaled: float) -> Any:
    """torchvision's model, or one of other multipliers."""
    import tests.parity.torchvision_alone  # noqa: F401 - before torchvision  # isort: skip
    from torchvision import models
    from torchvision.models.efficientnet import EfficientNet, _efficientnet_conf

    if not scaled:
        return getattr(models, name)(weights=None, num_classes=classes, dropout=0.0, stochastic_depth_prob=0.0)
    settings, last = _efficientnet_conf(name, **scaled)
    return EfficientNet(settings, dropout=0.0, stochastic_depth_prob=0.0, num_classes=classes, last_channel=last)


def timm(name: str, classes: int, **arguments: float) -> Any:
    """timm's model, or one of other multipliers."""
    import tests.parity.torchvision_alone  # noqa: F401 - before timm, which imports torchvision  # isort: skip
    import timm
    from timm.models import efficientnet

    if not arguments:
        return timm.create_model(name, num_classes=classes)
    return efficientnet._gen_efficientnet(name, num_classes=classes, **arguments)


def keras_efficientnet(width: float, depth: float, size: int, classes: int) -> Any:
    """Keras's model behind a layer that undoes the division by 255 in its first."""
    from keras import Input, layers
    from keras.src.applications.efficientnet import EfficientNet

    pixels = layers.Rescaling(255.0)(Input((size, size, 3)))
    return EfficientNet(width, depth, size, 0.0, 0.0, weights=None, input_tensor=pixels, classes=classes, classifier_activation=None)


def _keras_ends(counts: tuple[int, ...]) -> dict[str, str]:
    def end(row: int) -> str:
        return f"block{row}{chr(96 + counts[row - 1])}_" + ("add" if counts[row - 1] > 1 else "project_bn")

    rows = {"stage1": 1, "stage2": 2, "stage3": 3, "stage4": 5, "stage5": 7}
    return {"stem": "stem_activation", "last": "top_activation"} | {stage: end(row) for stage, row in rows.items()}


def _full(name: str, size: int, wider: float) -> Case:
    """Drawn less wide the deeper it is, and at smaller images than the published ones."""
    model = f"{name}(epsilon=0.001)" if name > "efficientnet_b4" else name
    build = functools.partial(torchvision, name)
    return Case(
        f"{name}_full",
        "efficientnet",
        model,
        f"torchvision {name}",
        build,
        TORCHVISION,
        size,
        1000,
        draw=functools.partial(draw_gated, wider=wider),
        live=True,
        double=True,
    )


SMALL = "efficientnet_b0(width=0.25, depth=0.3)"

_case = functools.partial(Case, draw=draw_gated)

CASES = (
    _case(
        label="efficientnet",
        family="efficientnet",
        model=SMALL,
        reference="torchvision EfficientNet",
        build=functools.partial(torchvision, classes=10, width_mult=0.25, depth_mult=0.3),
        stages=TORCHVISION,
    ),
    _case(
        label="efficientnet_timm",
        family="efficientnet_timm",
        model=SMALL,
        reference="timm efficientnet",
        build=functools.partial(timm, "efficientnet_b0", 10, channel_multiplier=0.25, depth_multiplier=0.3),
        stages=TIMM,
        training=False,  # the next case, with the other conventions, has it
    ),
    _case(
        label="efficientnet_timm_tf",
        family="efficientnet_timm",
        model=SMALL.replace(")", f", {TF})"),
        reference="timm tf_efficientnet",
        build=functools.partial(
            timm, "tf_efficientnet_b0", 10, channel_multiplier=0.25, depth_multiplier=0.3, bn_eps=1e-3, pad_type="same"
        ),
        stages=TIMM,
    ),
    _case(
        label="efficientnet_keras",
        family="efficientnet_keras",
        model=SMALL.replace(")", f", {TF})"),
        reference="keras EfficientNet",
        build=functools.partial(keras_efficientnet, 0.25, 0.3, 64, 10),
        stages=_keras_ends((1, 1, 1, 1, 1, 2, 1)) | {"stage1": "block1a_add"},  # here 8 channels stay 8
        framework="keras",
    ),
    *(_full(f"efficientnet_{name}", size, wider) for name, size, wider in (("b0", 224, 1.1), ("b7", 192, 1.0))),
    _case(
        label="efficientnet_b0_timm_full",
        family="efficientnet_timm",
        model="efficientnet_b0",
        reference="timm efficientnet_b0",
        build=functools.partial(timm, "efficientnet_b0", 1000),
        stages=TIMM,
        size=224,
        num_classes=1000,
        draw=functools.partial(draw_gated, wider=1.1),
        live=True,
        double=True,
    ),
    _case(
        label="efficientnet_b0_keras_full",
        family="efficientnet_keras",
        model=f"efficientnet_b0({TF})",
        reference="keras EfficientNetB0",
        build=functools.partial(keras_efficientnet, 1.0, 1.0, 224, 1000),
        stages=_keras_ends((1, 2, 2, 3, 3, 4, 1)),
        size=224,
        num_classes=1000,
        framework="keras",
        draw=functools.partial(draw_gated, wider=1.1),
        live=True,
    ),
)
