"""The configs that the names of Keras and of PyTorch imply: preprocessing, labels, and what is said about them."""

import pytest

from tests.weights import foreign
from tljax import models
from tljax.weights import imagenet
from tljax.weights.keymap import keymaps

KERAS, TORCH = "mobilenet_v1_keras", "mobilenet_v1_torch"


@pytest.mark.parametrize(
    ("family", "mean", "std", "said"),
    [
        (KERAS, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "keras.applications.MobileNet"),
        (TORCH, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "Pytorch_Retinaface"),
    ],
)
def test_the_config_of_an_imagenet_model(family, mean, std, said):
    keymap = keymaps[family]()
    config = keymap.config(keymap.infer(foreign.shapes(family, models.create("mobilenet_v1(width=0.25)", 1000))))
    assert config.mean == mean and config.std == std and config.channel_order == "RGB"
    assert config.input_size == (224, 224) and config.crop_fraction == 0.875 and config.interpolation == "bilinear"
    assert config.num_classes == 1000 and config.in_channels == 3 and config.labels == imagenet.labels()
    assert said in config.source and "assumed" in config.source


@pytest.mark.parametrize(("family", "mean", "std"), [(KERAS, 0.5, 0.5), (TORCH, 0.449, 0.226)])
def test_grey_images_and_other_classes(family, mean, std):
    config = keymaps[family]().config({"model": "mobilenet_v1", "num_classes": 2, "in_channels": 1})
    assert config.mean == pytest.approx((mean,)) and config.std == pytest.approx((std,))
    assert config.channel_order == "L" and config.labels == ()
