from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from tljax import data
from tljax.data.preprocess import fit, resize, with_channels

RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Config:
    input_size: tuple[int, ...] = (8, 8)
    in_channels: int = 3
    mean: tuple[float, ...] = (0.5, 0.4, 0.3)
    std: tuple[float, ...] = (0.2, 0.3, 0.4)
    channel_order: str = "RGB"
    crop_fraction: float = 1.0
    interpolation: str = "bilinear"


def image(*shape):
    return RNG.integers(0, 256, shape, np.uint8)


def host(x, **changes):
    return data.on_host(replace(Config(), **changes))({"x": x, "label": 1})["x"]


@pytest.mark.parametrize("crop", [1.0, 0.875])
def test_an_image_that_fits_is_not_touched(crop):
    x = image(8, 8, 3)
    assert host(x, crop_fraction=crop) is x
    f = x.astype(np.float32) / 255
    assert np.array_equal(host(f, crop_fraction=crop), f)


@pytest.mark.parametrize("shape", [(20, 30), (30, 20), (3, 5), (8, 40), (9, 8), (1, 1)])
@pytest.mark.parametrize("size", [(8, 8), (8, 12), (13, 5)])
@pytest.mark.parametrize("crop", [1.0, 0.875, 0.5])
def test_any_shape_comes_out_in_the_input_size(shape, size, crop):
    for x in (image(*shape, 3), image(*shape, 1), image(*shape, 3).astype(np.float32) / 255):
        y = host(x, input_size=size, crop_fraction=crop)
        assert y.shape == (*size, 3) and y.dtype == x.dtype


def test_resize_then_center_crop_as_pillow_does_it():
    x = image(40, 30, 3)
    resized = np.asarray(Image.fromarray(x).resize((16, 21), Image.Resampling.BICUBIC))  # 8 / .5 = 16; 40 * 16 / 30 = 21.3
    assert np.array_equal(fit(x, (8, 8), 0.5, "bicubic"), resized[6:14, 4:12])


def test_floats_and_bytes_are_resized_alike():
    x = image(40, 30, 3)
    for method in ("bilinear", "bicubic", "lanczos", "nearest", "box", "hamming"):
        y = fit(x.astype(np.float32) / 255, (8, 8), 0.8, method)
        assert np.abs(y - fit(x, (8, 8), 0.8, method) / 255.0).max() < 0.02 and y.min() >= 0 and y.max() <= 1


def test_shrinking_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::2] = 255
    assert np.abs(fit(stripes, (8, 8)).astype(int) - 128).max() < 10


def test_channels():
    gray, rgb = image(8, 8, 1), image(8, 8, 3)
    assert np.array_equal(host(gray), np.repeat(gray, 3, -1))
    luma = host(rgb, in_channels=1)
    assert luma.shape == (8, 8, 1) and luma.dtype == np.uint8
    assert np.abs(luma[..., 0].astype(int) - np.asarray(Image.fromarray(rgb).convert("L"))).max() <= 1
    assert np.array_equal(with_channels(np.repeat(gray, 3, -1), 1), gray)
    white = host(np.ones((8, 8, 3), np.float32), in_channels=1)
    assert white.dtype == np.float32 and np.allclose(white, 1) and white.max() <= 1
    for have, want in ((4, 3), (2, 3), (3, 4), (1, 2)):
        with pytest.raises(ValueError, match=f"x has {have} channels and the model takes {want}"):
            host(image(8, 8, have), in_channels=want)


def test_vectors_are_flattened():
    x = RNG.random((8, 8, 1)).astype(np.float32)
    assert np.array_equal(host(x, input_size=(), in_channels=64), x.reshape(64))


@pytest.mark.parametrize(
    ("x", "changes", "says"),
    [
        (np.zeros((8, 8), np.uint8), {}, r"uint8 \[8, 8\]"),
        (np.zeros((8, 8, 3), np.int64), {}, "int64"),
        (np.full((8, 8, 3), 255, np.float32), {}, "from 255 to 255"),
        (image(8, 8, 1), {"input_size": (), "in_channels": 48}, r"x \[8, 8, 1\] holds 64 values, but the model takes vectors of 48"),
        (image(8, 8, 3), {"interpolation": "cubic"}, "'cubic' is unknown; there are nearest, bilinear"),
        (image(8, 8, 3), {"crop_fraction": 1.2}, "crop_fraction 1.2"),
        (image(8, 8, 3), {"input_size": (8, 8, 3)}, r"input_size \(8, 8, 3\)"),
    ],
)
def test_what_the_host_refuses(x, changes, says):
    with pytest.raises(ValueError, match=says):
        host(x, **changes)


def device(x, **changes):
    return jax.jit(data.on_device(replace(Config(), **changes)))({"x": x, "label": np.zeros(len(x), np.int32)})["x"]


def test_arithmetic_on_the_device():
    x = image(2, 8, 8, 3)
    mean, std = np.array(Config().mean), np.array(Config().std)
    y = device(x)
    assert y.dtype == jnp.float32 and np.allclose(y, (x / 255 - mean) / std, atol=1e-5)
    assert np.allclose(device((x / 255).astype(np.float32)), y, atol=1e-5)
    assert np.allclose(device(x, channel_order="BGR"), (x[..., ::-1] / 255 - mean) / std, atol=1e-5)
    assert np.allclose(device(x, mean=(0.5,), std=(2.0,)), (x / 255 - 0.5) / 2, atol=1e-5)
    assert np.allclose(device(x, mean=(), std=()), x / 255, atol=1e-6)
    assert np.allclose(device(x, mean=(0.5,)), (x / 255 - 0.5) / std, atol=1e-5)


def test_vectors_on_the_device():
    x = RNG.random((4, 6)).astype(np.float32)
    vectors = {"input_size": (), "in_channels": 6}
    assert np.allclose(device(x, mean=(0.5,), std=(0.5,), **vectors), (x - 0.5) / 0.5, atol=1e-6)
    assert device(x, mean=(0.1,) * 6, std=(1.0,) * 6, **vectors).shape == (4, 6)


def test_streams_are_normalized_one_by_one():
    x = image(2, 8, 8, 3)
    batch = {"source": {"x": x, "label": np.arange(2)}, "target": {"x": x[:1]}, "step": np.int32(3)}
    out = data.on_device(Config())(batch)
    assert np.allclose(out["source"]["x"], device(x), atol=1e-5) and out["target"]["x"].shape == (1, 8, 8, 3) and out["step"] == 3
    assert np.array_equal(out["source"]["label"], np.arange(2)) and batch["source"]["x"] is x


@pytest.mark.parametrize(("size", "channels"), [((8, 8), 3), ((8, 8), 1), ((16, 20), 3), ((40, 24), 1)])
@pytest.mark.parametrize("given", [3, 1])
def test_a_batch_for_another_model_is_resized_and_its_channels_converted(size, channels, given):
    x = image(2, 16, 20, given)
    config = replace(Config(), input_size=size, in_channels=channels, mean=(0.5,), std=(0.25,))
    out = jax.jit(data.on_device(config, resize=True))({"x": x, "label": np.arange(2)})
    expected = np.stack([with_channels(resize(one, size), channels) for one in x]) / 255
    assert out["x"].shape == (2, *size, channels) and np.abs(0.25 * out["x"] + 0.5 - expected).max() < 1.5 / 255
    assert np.array_equal(out["label"], np.arange(2))


def test_resizing_leaves_what_fits_and_refuses_what_has_no_rule():
    x = image(2, 8, 8, 3)
    assert np.array_equal(data.on_device(Config(), resize=True)({"x": x})["x"], data.on_device(Config())({"x": x})["x"])
    for other, message in ((image(2, 9, 9, 4), "4 channels and the model takes 3"), (np.zeros((2, 7), np.float32), "only images")):
        with pytest.raises(ValueError, match=message):
            data.on_device(Config(), resize=True)({"x": other})


@pytest.mark.parametrize(
    ("batch", "changes", "says"),
    [
        ({"x": np.zeros((2, 8, 8, 3), np.int32)}, {}, "x is int32"),
        ({"x": np.zeros((2, 8, 9, 3), np.uint8)}, {}, r"x is \[2, 8, 9, 3\]; the model takes \[B, 8, 8, 3\]"),
        ({"x": np.zeros((8, 8, 3), np.uint8)}, {}, r"takes \[B, 8, 8, 3\]"),
        ({"x": np.zeros((2, 8, 8, 1), np.float32)}, {"input_size": ()}, r"takes \[B, 3\]"),
        ({"image": np.zeros((2, 8, 8, 3))}, {}, "holds image"),
        ({}, {"std": (0.2, 0.0, 0.2)}, "std above 0"),
        ({}, {"mean": (0.5,) * 2}, "for 0, 1 or 3 channels"),
        ({}, {"channel_order": "BGR", "input_size": ()}, "needs images of 3 channels"),
        ({}, {"channel_order": "GBR"}, "'GBR' must be"),
    ],
)
def test_what_the_device_refuses(batch, changes, says):
    with pytest.raises(ValueError, match=says):
        data.on_device(replace(Config(), **changes))(batch)
