"""Inception-v3, beside torchvision's and Keras's."""

from typing import Any

from tests.parity.case import Case
from tests.parity.cases.googlenet import drawn, many, renormalized, torchvision

TORCH = {"stem": "Conv2d_2b_3x3", "stage1": "Conv2d_4a_3x3", "stage2": "Mixed_5d", "stage3": "Mixed_6e", "stage4": "Mixed_7c"}
KERAS = {"stem": "activation_2", "stage1": "activation_4", "stage2": "mixed2", "stage3": "mixed7", "stage4": "mixed10"}
KERAS_MODEL = "inception_v3(count_padding=False, norm_scale=False)"


def keras(name: str, size: int, num_classes: int = 10) -> Any:
    """A model of keras.applications that gives logits; its layers without names are counted from 0."""
    import keras

    keras.backend.clear_session()
    make = getattr(keras.applications, name)
    return make(weights=None, input_shape=(size, size, 3), classes=num_classes, classifier_activation=None)


def small(stages: dict[str, str]) -> dict[str, str]:
    """The stages whose outputs are small enough to be stored."""
    return {stage: spot for stage, spot in stages.items() if stage not in ("stem", "stage1")}


CASES = (
    Case(
        label="inception_v3",
        family="inception_v3",
        model="inception_v3",
        reference="torchvision inception_v3",
        build=lambda: torchvision("inception_v3"),
        stages=small(TORCH),
        size=108,
        inputs=many(108),
        draw=drawn,
    ),
    Case(
        label="inception_v3_keras",
        family="inception_v3_keras",
        model=KERAS_MODEL,
        reference="keras InceptionV3",
        build=lambda: keras("InceptionV3", 108),
        stages=small(KERAS),
        size=108,
        inputs=many(108),
        framework="keras",
    ),
    Case(
        label="inception_v3_full",
        family="inception_v3",
        model="inception_v3",
        reference="torchvision inception_v3",
        build=lambda: torchvision("inception_v3", 1000, auxiliary=True),
        stages=TORCH,
        size=299,
        num_classes=1000,
        call=renormalized,
        draw=drawn,
        training=False,
        live=True,
    ),
    Case(
        label="inception_v3_keras_full",
        family="inception_v3_keras",
        model=KERAS_MODEL,
        reference="keras InceptionV3",
        build=lambda: keras("InceptionV3", 299, 1000),
        stages=KERAS,
        size=299,
        num_classes=1000,
        framework="keras",
        live=True,
    ),
)
