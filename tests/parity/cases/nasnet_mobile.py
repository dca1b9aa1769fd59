"""NASNet-Mobile, beside Keras's (which has it on another backend than torch)."""

from typing import Any

from tests.parity.case import Case
from tests.parity.cases.inception_v3 import keras


def short() -> Any:
    """Of Keras's cells a narrow network of one normal cell a stage, numbered as in the whole; sides are even and odd on the way down."""
    import keras
    from keras import layers
    from keras.src.applications import nasnet

    keras.backend.clear_session()
    inputs = keras.Input((72, 72, 3))
    x = layers.Conv2D(8, 3, strides=2, use_bias=False, name="stem_conv1")(inputs)
    x = layers.BatchNormalization(epsilon=1e-3, name="stem_bn1")(x)
    p = None
    for cell, filters, name in (
        (nasnet._reduction_a_cell, 4, "stem_1"),
        (nasnet._reduction_a_cell, 8, "stem_2"),
        (nasnet._normal_a_cell, 16, "0"),
        (nasnet._reduction_a_cell, 32, "reduce_4"),
        (nasnet._normal_a_cell, 32, "5"),
        (nasnet._reduction_a_cell, 64, "reduce_8"),
        (nasnet._normal_a_cell, 64, "9"),
    ):
        x, p = cell(x, p, filters, block_id=name)
    x = layers.Activation("relu", name="end")(x)
    return keras.Model(inputs, layers.Dense(10, name="predictions")(layers.GlobalAveragePooling2D()(x)))


def steady(net: Any) -> Any:
    """With another momentum of BatchNorm: 0.9997 would let too little of a batch's statistics into the running ones to find them there."""
    for layer in net.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.9
    return net


CASES = (
    Case(
        label="nasnet_mobile",
        family="nasnet_mobile",
        model="nasnet_mobile(filters=16, cells=1, stem_width=8)",
        reference="keras NASNet cells, 1 a stage",
        build=lambda: steady(short()),
        stages={
            "stem": "stem_bn1",
            "stage1": "reduction_concat_stem_1",
            "stage2": "normal_concat_0",
            "stage3": "normal_concat_5",
            "stage4": "end",
        },
        size=72,
        framework="keras",
    ),
    Case(
        label="nasnet_mobile_full",
        family="nasnet_mobile",
        model="nasnet_mobile",
        reference="keras NASNetMobile",
        build=lambda: steady(keras("NASNetMobile", 224, 1000)),
        stages={
            "stem": "stem_bn1",
            "stage1": "reduction_concat_stem_1",
            "stage2": "normal_concat_3",
            "stage3": "normal_concat_8",
            "stage4": ("normal_concat_12", lambda y: y.clip(0)),
        },
        size=224,
        num_classes=1000,
        framework="keras",
        live=True,
    ),
)
