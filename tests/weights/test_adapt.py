"""The rules for another head, for other input channels and for another image size."""

import numpy as np
import pytest

from tljax.weights.adapt import channel_rule, fold_channels, new_head, patch_grid, resample_position

KERNEL = np.random.default_rng(0).normal(size=(3, 3, 3, 5)).astype(np.float32)
LINEAR = {"params/head/kernel": (64, 10), "params/head/bias": (10,)}
COSINE = {"params/head/kernel": (64, 10), "params/head/scale": ()}


def mlp(hidden: int, classes: int) -> dict[str, tuple[int, ...]]:
    return {
        "params/head/hidden/kernel": (64, hidden),
        "params/head/hidden/bias": (hidden,),
        "params/head/out/kernel": (hidden, classes),
        "params/head/out/bias": (classes,),
    }


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("old", [1, 2, 3, 4])
def test_an_input_equal_on_all_channels_gives_the_same_response(old, channels):
    kernel = np.concatenate([KERNEL, KERNEL[:, :, :1]], axis=2)[:, :, :old]
    new = fold_channels(kernel, channels)
    assert new.shape == (3, 3, channels, 5) and new.dtype == kernel.dtype
    np.testing.assert_allclose(new.sum(axis=2), kernel.sum(axis=2), atol=1e-6)
    assert str(old) in channel_rule(old, channels) and str(channels) in channel_rule(old, channels)


def test_which_channel_goes_where():
    np.testing.assert_allclose(fold_channels(KERNEL, 1)[:, :, 0], KERNEL.sum(axis=2), rtol=1e-6)
    np.testing.assert_array_equal(fold_channels(KERNEL, 3), KERNEL)
    four = fold_channels(KERNEL, 4)
    np.testing.assert_array_equal(four[:, :, 1:3], KERNEL[:, :, 1:])
    np.testing.assert_array_equal(four[:, :, [0, 3]], KERNEL[:, :, [0, 0]] / 2)
    np.testing.assert_allclose(fold_channels(KERNEL, 2)[:, :, 0], KERNEL[:, :, 0] + KERNEL[:, :, 2], rtol=1e-6)


@pytest.mark.parametrize(
    ("file", "model", "reason"),
    [
        (LINEAR, LINEAR, ""),
        (LINEAR, {"params/head/kernel": (64, 5), "params/head/bias": (5,)}, "10 classes in the file, 5 in the model"),
        (LINEAR, {"params/head/kernel": (32, 5), "params/head/bias": (5,)}, ""),
        (LINEAR, {"params/head/kernel": (32, 10), "params/head/bias": (10,)}, ""),
        ({"params/head/kernel": (64, 2), "params/head/bias": (10,)}, LINEAR, ""),
        ({"params/head/kernel": (64, 2), "params/head/bias": (3,)}, LINEAR, ""),
        ({"params/head/kernel": (64, 10)}, LINEAR, ""),
        (LINEAR | {"params/head/more": (3,)}, LINEAR, ""),
        ({}, LINEAR, "the file has no head"),
        (LINEAR, COSINE, "another kind"),
        (COSINE, {"params/head/kernel": (64, 3), "params/head/scale": ()}, "10 classes in the file, 3 in the model"),
        (LINEAR, mlp(32, 10), "another kind"),
        (mlp(32, 10), mlp(32, 4), "10 classes in the file, 4 in the model"),
        (mlp(10, 4), mlp(10, 10), "4 classes in the file, 10 in the model"),
        (mlp(32, 10), mlp(16, 10), ""),
    ],
)
def test_when_the_head_is_new(file, model, reason):
    assert (reason in new_head(file, model, "auto")) if reason else (new_head(file, model, "auto") == "")
    assert new_head(file, model, "load") == ""
    assert "asked" in new_head(file, model, "new")


def test_an_unknown_policy():
    with pytest.raises(ValueError, match="head='maybe': one of auto, new, load"):
        new_head(LINEAR, LINEAR, "maybe")


@pytest.mark.parametrize(
    ("tokens", "size", "grid"),
    [
        (196, (), (14, 14)),
        (196, (224, 224), (14, 14)),
        (196, (112, 448), (7, 28)),
        (196, (32, 32), (14, 14)),
        (98, (), None),
        (98, (112, 224), (7, 14)),
    ],
)
def test_how_patches_are_arranged(tokens, size, grid):
    assert patch_grid(tokens, size, 16) == grid


def test_positions_keep_the_class_token_and_what_is_constant():
    position = np.random.default_rng(0).normal(size=(1, 1 + 12, 5))
    position[:, 1:, 0] = 3
    new = resample_position(position, (3, 4), (7, 2))
    assert new.shape == (1, 1 + 14, 5) and new.dtype == np.float32
    np.testing.assert_array_equal(new[:, 0], position[:, 0].astype(np.float32))
    np.testing.assert_allclose(new[:, 1:, 0], 3, rtol=1e-6)
    turned = resample_position(np.concatenate([position[:, :1], position[:, :0:-1]], axis=1), (3, 4), (7, 2))
    np.testing.assert_allclose(turned[:, 1:], new[:, :0:-1], atol=1e-5)  # no direction is preferred
