"""The ResNet-8 of MLPerf Tiny, beside the layers of Keras that its published file describes."""

from typing import Any

from tests.parity.case import Case


def keras_resnet8() -> Any:
    """The model in Keras."""
    from keras import Input, Model, layers

    def normal(x: Any) -> Any:
        return layers.BatchNormalization()(x)

    inputs = Input((32, 32, 3))
    x = layers.ReLU(name="stem")(normal(layers.Conv2D(16, 3, padding="same")(inputs)))
    for i, (width, stride) in enumerate(((16, 1), (32, 2), (64, 2)), 1):
        y = layers.ReLU()(normal(layers.Conv2D(width, 3, stride, padding="same")(x)))
        convolved = layers.Conv2D(width, 3, padding="same")(y)  # before the shortcut's, which so has the higher number
        x = layers.Conv2D(width, 1, stride, padding="same")(x) if stride > 1 else x
        x = layers.ReLU(name=f"stage{i}")(layers.Add()([x, normal(convolved)]))
    return Model(inputs, layers.Dense(10)(layers.Flatten()(layers.AveragePooling2D(8)(x))))


STAGES = {name: name for name in ("stem", "stage1", "stage2", "stage3")}

CASES = tuple(
    Case(
        label=f"resnet8{'_full' * live}",
        family="resnet8_keras",
        model="resnet8",
        reference="MLPerf Tiny ResNet-8 in Keras",
        build=keras_resnet8,
        stages=STAGES,
        size=32,
        framework="keras",
        live=live,
    )
    for live in (False, True)
)
