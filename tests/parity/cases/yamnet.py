"""YAMNet, beside the layers of Keras that its published file describes."""

from typing import Any

import numpy as np

from tests.parity import drawn
from tests.parity.case import Case

STRIDES = {3: 2, 5: 2, 7: 2, 13: 2}
WIDTHS = {2: 64, 3: 128, 4: 128, 5: 256, 6: 256, **dict.fromkeys(range(7, 13), 512), 13: 1024, 14: 1024}
ENDS = {1: 2, 2: 4, 3: 6, 4: 12, 5: 14}
"""Stage -> its last layer."""


def keras_yamnet(count: int, share: int, classes: int) -> Any:
    """The first `count` layers in Keras, their channels divided by `share`."""
    from keras import Input, Model, layers

    def normal(x: Any, name: str) -> Any:
        return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(epsilon=1e-4, scale=False, name=f"{name}_bn")(x))

    inputs = Input((96, 64, 1))
    x = normal(layers.Conv2D(32 // share, 3, 2, "same", use_bias=False, name="layer1_conv")(inputs), "layer1_conv")
    for n in range(2, count + 1):
        depthwise, pointwise = (f"layer{n}_{kind}_conv" for kind in ("depthwise", "pointwise"))
        x = layers.DepthwiseConv2D(3, STRIDES.get(n, 1), "same", use_bias=False, name=depthwise)(x)
        x = layers.Conv2D(WIDTHS[n] // share, 1, use_bias=False, name=pointwise)(normal(x, depthwise))
        x = normal(x, pointwise)
    x = layers.GlobalAveragePooling2D()(x)
    return Model(inputs, layers.Dense(classes, name="logits")(x) if classes else x)


def _inputs(count: int) -> dict[str, np.ndarray]:
    """Images with the shape of spectrograms."""
    return {"x": drawn.images(count, 96)[:, :, :64, :1]}


def _draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """As `drawn.draw_keras`, unshrunk; Keras 3 admits no ``/`` in the names of layers, where the published file has it."""
    return drawn.unshrunk(name, drawn.draw_keras(name.replace("/", "_"), shape))


CASES = (
    Case(
        label="yamnet",
        family="yamnet_keras",
        model="yamnet(layers=9, width=8)",
        reference="YAMNet in Keras",
        build=lambda: keras_yamnet(9, 4, 10),
        stages={"stem": "layer1_conv_relu"} | {f"stage{i}": f"layer{min(n, 9)}_pointwise_conv_relu" for i, n in ENDS.items() if i < 5},
        size=(96, 64),
        in_channels=1,
        inputs=_inputs,
        draw=_draw,
        framework="keras",
    ),
)
