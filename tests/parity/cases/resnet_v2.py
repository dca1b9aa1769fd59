"""Pre-activation ResNets: BiT's beside timm's, from its names and through the npz file that timm reads itself; Keras's."""

import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.parity.case import Case
from tests.parity.cases.resnet import keras_model
from tests.parity.drawn import draw, draw_keras
from tests.weights import foreign
from tljax import models

NPZ = "bit_r50x1(blocks=(1, 1, 2, 1), width=32)"
STAGES = {"stem": "stem"} | {f"stage{i + 1}": f"stages.{i}" for i in range(4)} | {"norm": "norm"}


def narrow_timm() -> Any:
    """timm's BiT, narrow and of few blocks."""
    import tests.parity.torchvision_alone  # noqa: F401 - before torchvision  # isort: skip
    from timm.layers import StdConv2d
    from timm.models.resnetv2 import ResNetV2

    conv, channels = functools.partial(StdConv2d, eps=1e-8), (128, 256, 512, 1024)
    return ResNetV2([1, 1, 2, 1], channels, num_classes=10, stem_chs=32, stem_type="fixed", conv_layer=conv)


def narrow_npz() -> Any:
    """The same, its weights read by timm from a file in BiT's layout, and never again: it hides its own names."""
    net = narrow_timm()
    arrays = {name: draw_keras(name, shape) for name, shape in foreign.shapes("bit", models.create(NPZ, 10)).items()}
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "bit.npz", **arrays)
        net.load_pretrained(str(Path(folder) / "bit.npz"))
    net.state_dict = dict
    return net


def draw_calm(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """As `draw`, the last scale of each block a third: else 33 blocks amplify float32's own rounding to 6e-5 of the largest value."""
    return draw(name, shape) * np.float32(0.35 if name.endswith("norm3.weight") else 1)


def timm_model(name: str) -> Any:
    """timm's model."""
    import tests.parity.torchvision_alone  # noqa: F401 - before torchvision  # isort: skip
    import timm

    return timm.create_model(name, num_classes=1000)


def few_blocks() -> Any:
    """Keras's ResNetV2 with two blocks a stage."""
    from keras.src.applications import resnet

    def stack(x: Any) -> Any:
        for i, stride in enumerate((2, 2, 2, 1)):
            x = resnet.stack_residual_blocks_v2(x, 64 << i, 2, stride1=stride, name=f"conv{i + 2}")
        return x

    return resnet.ResNet(stack, True, True, weights=None, input_shape=(48, 48, 3), classes=10, classifier_activation=None)


def _keras(label: str, model: str, build: Any, blocks: tuple[int, ...], size: int, classes: int, live: bool) -> Case:
    ends = {"stem": "pool1_pool", "norm": "post_relu"} | {f"stage{i}": f"conv{i + 1}_block{n}_out" for i, n in enumerate(blocks, 1)}
    return Case(label, "resnet_v2_keras", model, "keras ResNet50V2", build, ends, size, classes, framework="keras", live=live)


CASES = (
    Case(
        label="bit_timm",
        family="bit_timm",
        model="bit_r50x1(blocks=(1, 1, 2, 1), width=32, standard=1e-8)",
        reference="timm ResNetV2, BiT",
        build=narrow_timm,
        stages=STAGES,
    ),
    Case(
        label="bit",
        family="bit",
        model=NPZ,
        reference="timm ResNetV2, BiT's npz",
        build=narrow_npz,
        stages=STAGES,
        draw=draw_keras,
        training=False,  # as in evaluation: there is no dropout, and GroupNorm has no statistics
    ),
    *(
        Case(
            label=f"resnetv2_{name}_full",
            family="bit_timm",
            model=f"bit_r{name}(standard=1e-8)",
            reference=f"timm resnetv2_{name}_bit",
            build=functools.partial(timm_model, f"resnetv2_{name}_bit"),
            stages=STAGES,
            size=224,
            num_classes=1000,
            draw=draw_calm,
            live=True,
        )
        for name in ("50x1", "101x1")
    ),
    _keras("resnetv2_keras", "resnet50_v2(blocks=(2, 2, 2, 2))", few_blocks, (2, 2, 2, 2), 48, 10, False),
    _keras(
        "resnet50v2_keras_full",
        "resnet50_v2",
        functools.partial(keras_model, "ResNet50V2", 224, 1000),
        (3, 4, 6, 3),
        224,
        1000,
        True,
    ),
)
