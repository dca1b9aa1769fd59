"""MobileNetV1's tables: names of Keras 1 to 3, any width, files without a top, what is assumed of the inputs."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.weights import foreign
from tljax import models, weights
from tljax.weights import imagenet
from tljax.weights.keymap import table

KERAS, TORCH = "mobilenet_v1_keras", "mobilenet_v1_torch"
TINY = {
    KERAS: "mobilenet_v1(width=0.125, activation='relu6', padding='asymmetric', epsilon=0.001)",
    TORCH: "mobilenet_v1(width=0.125, activation='leaky_relu')",
}
NUMBERS = {"kernel": "0", "bias": "1", "gamma": "0", "beta": "1", "moving_mean": "2", "moving_variance": "3"}


def opened(folder, arrays, **overrides):
    np.savez(folder / "x.npz", **arrays)
    return weights.open(folder / "x.npz", **overrides)


def numbered(name):
    layer, leaf = name.split("/")
    return f"{layer}/{NUMBERS[leaf]}"


def keras_1(name):
    return name.replace("kernel", "depthwise_kernel") if "conv_dw" in name else name


def test_the_names_of_every_keras_are_the_same_model(tmp_path):
    arrays = foreign.drawn(KERAS, models.create(TINY[KERAS], 5))
    for change in (lambda name: name, numbered, keras_1):
        renamed = {change(name): a for name, a in arrays.items()}
        assert len(renamed) == len(arrays) == 137
        found = opened(tmp_path, renamed)
        assert found.config.model == TINY[KERAS] and found.config.num_classes == 5 and not found.report.new
        params = found.variables["params"]
        np.testing.assert_array_equal(params["head"]["kernel"], arrays["conv_preds/kernel"][0, 0])
        depthwise = params["backbone"]["stage2"]["block3"]["depthwise"]["kernel"]
        np.testing.assert_array_equal(depthwise[:, :, 0], arrays["conv_dw_3/kernel"][..., 0])


@pytest.mark.parametrize("family", TINY)
@pytest.mark.parametrize("width", [0.35, 1.3])
def test_any_width_is_read_off_the_shapes(family, width):
    wanted = TINY[family].replace("0.125", str(width))
    found = table(family).infer(foreign.shapes(family, models.create(wanted, 7, in_channels=4)))
    shapes = models.shapes(models.create(found["model"], 7, in_channels=4))
    assert shapes == models.shapes(models.create(wanted, 7, in_channels=4))
    assert (found["num_classes"], found["in_channels"]) == (7, 4)


@pytest.mark.parametrize("family", TINY)
def test_a_file_without_its_top_gives_features_or_a_new_head(family, tmp_path):
    arrays = foreign.drawn(family, models.create(TINY[family], 5))
    backbone = {name: a for name, a in arrays.items() if not name.startswith(("conv_preds", "fc."))}
    assert len(arrays) - len(backbone) == 2
    assert opened(tmp_path, backbone).config.head == "features"
    assert set(opened(tmp_path, backbone, num_classes=4).report.new) == {"params/head/kernel", "params/head/bias"}


@pytest.mark.parametrize(
    ("family", "mean", "std", "said"),
    [
        (KERAS, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "keras.applications.MobileNet"),
        (TORCH, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "Pytorch_Retinaface"),
    ],
)
def test_the_config_of_an_imagenet_model(family, mean, std, said):
    config = table(family).config({"model": "mobilenet_v1", "num_classes": 1000, "in_channels": 3})
    assert config.mean == mean and config.std == std and config.channel_order == "RGB"
    assert config.input_size == (224, 224) and config.crop_fraction == 0.875 and config.interpolation == "bilinear"
    assert config.num_classes == 1000 and config.in_channels == 3 and config.labels == imagenet.labels()
    assert said in config.source and "assumed" in config.source


@pytest.mark.parametrize(("family", "mean", "std"), [(KERAS, 0.5, 0.5), (TORCH, 0.449, 0.226)])
def test_grey_images_and_other_classes(family, mean, std):
    config = table(family).config({"model": "mobilenet_v1", "num_classes": 2, "in_channels": 1})
    assert config.mean == pytest.approx((mean,)) and config.std == pytest.approx((std,))
    assert config.channel_order == "L" and config.labels == ()


@pytest.mark.parametrize("family", TINY)
def test_what_is_no_such_mobilenet_is_told_why(family):
    with pytest.raises(ValueError, match="has no 4-dimensional"):
        table(family).infer({"conv1/kernel": (3, 3, 3, 8), "stage1.0.0.weight": (8, 3, 3, 3)})


@pytest.mark.skipif("TLJAX_DATA" not in os.environ, reason="TLJAX_DATA names no folder with the published weights")
@pytest.mark.parametrize("file", ["imagenet_mobilenet_v1_0.25_224_keras_full.h5", "imagenet_mobilenetV1x0.25_pytorch.tar"])
def test_published_weights_open_from_their_file_alone(file):
    found = weights.open(Path(os.environ["TLJAX_DATA"]) / "weights" / file)
    assert not found.report.new and found.config.num_classes == 1000 and found.config.labels[985] == "daisy"
