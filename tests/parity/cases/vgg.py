"""VGG, beside those of torchvision, timm and Keras."""

import functools
from typing import Any

import numpy as np

from tests.parity.case import Case
from tests.parity.drawn import draw, unshrunk
from tljax.zoo.vgg.model import COUNTS

FACTORS = (1, 2, 4, 8, 8)
KERAS_STAGES = {f"stage{i}": f"block{i}_pool" for i in range(1, 6)}


def layers(depth: int, width: int) -> list[Any]:
    """torchvision's and timm's list of widths, "M" for a maximum."""
    return [v for factor, count in zip(FACTORS, COUNTS[depth], strict=True) for v in (*[width * factor] * count, "M")]


def torchvision(depth: int, norm: bool, num_classes: int, width: int = 64, fc: tuple[int, int] = (4096, 4096)) -> Any:
    """torchvision's model of any width: its class takes the convolutions, and has its other layers replaced."""
    import tests.parity.torchvision_alone  # noqa: F401, I001 - before torchvision
    import torch
    from torch import nn
    from torchvision.models import vgg

    with torch.device("meta"):  # the layers that are replaced are large
        net = vgg.VGG(vgg.make_layers(layers(depth, width), norm), num_classes, init_weights=False, dropout=0.0)
    net.features = vgg.make_layers(layers(depth, width), norm)
    for place, inputs, outputs in ((0, 8 * width * 49, fc[0]), (3, *fc), (6, fc[1], num_classes)):
        net.classifier[place] = nn.Linear(inputs, outputs)
    return net


def timm(depth: int, norm: bool, num_classes: int, width: int = 64, hidden: int = 4096) -> Any:
    """timm's model of any width; its second fully connected layer has 4096 outputs always."""
    import tests.parity.torchvision_alone  # noqa: F401, I001 - before torchvision
    from timm.models import vgg
    from torch import nn

    return vgg.VGG(layers(depth, width), num_classes, mlp_ratio=hidden / 4096, norm_layer=nn.BatchNorm2d if norm else None)


def keras(depth: int, num_classes: int, divisor: int = 1, fc: int = 4096, size: int = 224) -> Any:
    """Keras's model, its layers narrowed in its own description; 0 classes: without its top."""
    from keras import Model, applications

    top = {"classes": num_classes, "classifier_activation": None} if num_classes else {"include_top": False, "pooling": "avg"}
    config = getattr(applications, f"VGG{depth}")(weights=None, input_shape=(size, size, 3), **top).get_config()
    for layer in config["layers"]:
        inner, _ = layer["config"], layer.pop("build_config", None)  # which tells the shapes that it had
        if "filters" in inner:
            inner["filters"] //= divisor
        if inner["name"] in ("fc1", "fc2"):
            inner["units"] = fc
    return Model.from_config(config)


def _stages(depth: int, norm: bool, publisher: str) -> dict[str, str]:
    ends = np.cumsum([count * (3 if norm else 2) + 1 for count in COUNTS[depth]]) - 1
    fc = ("pre_logits.act1", "pre_logits.act2") if publisher == "timm" else ("classifier.1", "classifier.4")
    return {f"stage{i}": f"features.{end}" for i, end in enumerate(ends, 1)} | {"fc6": fc[0], "fc7": fc[1]}


def _case(depth: int, norm: bool, publisher: str, arguments: str, size: int, build: Any, **more: Any) -> Case:
    name = f"vgg{depth}{'_bn' if norm else ''}"
    label = f"{name}{'_timm' if publisher == 'timm' else ''}"
    return Case(
        label=f"{label}_full" if more.get("live") else label,
        family="vgg_timm" if publisher == "timm" else "vgg",
        model=f"{name}({arguments})" if arguments else name,
        reference=f"{publisher} {name}",
        stages=_stages(depth, norm, publisher),
        size=size,
        build=build,
        draw=lambda name, shape: unshrunk(name, draw(name, shape)),
        **more,
    )


SIZES = {("torchvision", 11, False): (8, 96), ("timm", 13, False): (4, 256)}
"""Width and image side of the cases that show how maps are read: of 96 pixels 3x3 are left for 7x7 means, over those of 256 a layer slides.

The others differ in how many layers there are and in their names.
"""


def _golden(depth: int, norm: bool, publisher: str) -> Case:
    width, size = SIZES.get((publisher, depth, norm), (4, 64))
    training = (publisher, depth) == ("torchvision", 16)
    if publisher == "timm":
        build, fc = functools.partial(timm, depth, norm, 10, width, 256), "fc=(256, 4096), sliding=True"
    else:
        build, fc = functools.partial(torchvision, depth, norm, 10, width, (512, 384)), "fc=(512, 384)"
    return _case(depth, norm, publisher, f"width={width}, {fc}", size, build, training=training)


def _live(depth: int, norm: bool, publisher: str) -> Case:
    build, arguments = (timm, "sliding=True") if publisher == "timm" else (torchvision, "")
    size = 224 if depth == 16 else 64  # the other depths differ in their names, which a small image shows as well
    return _case(
        depth, norm, publisher, arguments, size, functools.partial(build, depth, norm, 1000), num_classes=1000, training=norm, live=True
    )


def _keras_case(label: str, depth: int, arguments: str, stages: dict[str, str], build: Any, **more: Any) -> Case:
    return Case(
        label=label,
        family="vgg_keras",
        model=f"vgg{depth}({arguments})" if arguments else f"vgg{depth}",
        reference=f"Keras VGG{depth}",
        framework="keras",
        stages=stages,
        build=build,
        training=False,
        **more,
    )


KERAS_TOP = {"fc6": "fc1", "fc7": "fc2"}

VARIANTS = tuple((depth, norm, publisher) for depth in COUNTS for norm in (False, True) for publisher in ("torchvision", "timm"))

CASES = (
    *(_golden(*variant) for variant in VARIANTS),
    *(_live(*variant) for variant in VARIANTS),
    _keras_case(
        "vgg16_keras",
        16,
        "width=4, fc=(512, 512)",
        {f"stage{i}": f"block{i}_pool" for i in (3, 4, 5)} | KERAS_TOP,
        functools.partial(keras, 16, 10, 16, 512),
        size=224,
    ),
    _keras_case(
        "vgg16_keras_full", 16, "", KERAS_STAGES | KERAS_TOP, functools.partial(keras, 16, 1000), size=224, num_classes=1000, live=True
    ),
    _keras_case(
        "vgg19_keras_notop_full", 19, "fc=()", KERAS_STAGES, functools.partial(keras, 19, 0, size=64), size=64, num_classes=0, live=True
    ),
)
