"""What is assumed of EfficientNets and MobileNets, and how timm's config.json settles which of two conventions a file has."""

import pytest

from tljax import models
from tljax.weights.keymap import table

TF = "padding='asymmetric', epsilon=0.001"


def fields(model, classes=1000):
    return {"model": model, "num_classes": classes, "in_channels": 3}


@pytest.mark.parametrize(
    ("family", "model", "size", "crop", "interpolation"),
    [
        ("efficientnet", "efficientnet_b0", 224, 224 / 256, "bicubic"),
        ("efficientnet", "efficientnet_b1", 240, 240 / 255, "bilinear"),
        ("efficientnet", "efficientnet_b7(epsilon=0.001)", 600, 1.0, "bicubic"),
        ("efficientnet_timm", "efficientnet_b3", 300, 0.904, "bicubic"),
        ("efficientnet_keras", f"efficientnet_b4({TF})", 380, 0.922, "bicubic"),
        ("mobilenet_v3", "mobilenet_v3_large", 224, 224 / 232, "bilinear"),
        ("mobilenet_v3", "mobilenet_v3_small", 224, 0.875, "bilinear"),
        ("mobilenet_v3_timm", "mobilenet_v3_small(ratios=True)", 224, 0.875, "bicubic"),
        ("mobilenet_v2", "mobilenet_v2", 224, 0.875, "bilinear"),
        ("mobilenet_v2_timm", "mobilenet_v2", 224, 0.875, "bicubic"),
    ],
)
def test_the_preprocessing_of_published_models(family, model, size, crop, interpolation):
    config = table(family).config(fields(model))
    assert (config.input_size, config.crop_fraction, config.interpolation) == ((size, size), crop, interpolation)
    assert config.mean == (0.485, 0.456, 0.406) and config.std == (0.229, 0.224, 0.225) and len(config.labels) == 1000
    assert "assumed" in config.source


def test_keras_s_mobilenet_v2_takes_inputs_from_minus_one_to_one():
    config = table("mobilenet_v2_keras").config(fields(f"mobilenet_v2({TF})", 5))
    assert config.mean == config.std == (0.5,) * 3 and config.labels == () and "0.999" in config.source


@pytest.mark.parametrize(
    ("family", "model", "architecture"),
    [
        ("efficientnet_timm", "efficientnet_b2", "efficientnet_b2"),
        ("mobilenet_v3_timm", "mobilenet_v3_large(width=0.75, ratios=True, epsilon=1e-05)", "mobilenetv3_large_075"),
        ("mobilenet_v3_timm", "mobilenet_v3_small(ratios=True, epsilon=1e-05)", "mobilenetv3_small_100"),
    ],
)
def test_timm_s_config_tells_tensorflow_s_conventions_and_is_written_again(family, model, architecture):
    keymap, plain = table(family), fields(model)
    assert keymap.apply_hf_config(plain, {}) == keymap.apply_hf_config(plain, {"architecture": architecture}) == plain
    settled = keymap.apply_hf_config(plain, {"architecture": f"tf_{architecture}"})
    stem = [dict(models.create(f["model"], 2).backbone.layout[0][2]) for f in (plain, settled)]
    assert [(arguments["padding"], arguments["epsilon"]) for arguments in stem] == [("symmetric", 1e-5), ("asymmetric", 1e-3)]
    for wanted, name in ((plain, architecture), (settled, f"tf_{architecture}")):
        written = keymap.to_hf_config(keymap.config(wanted), {})["config.json"]
        assert written["architecture"] == name and written["num_classes"] == 1000
        assert models.create(keymap.apply_hf_config(plain, written)["model"], 2) == models.create(wanted["model"], 2)
