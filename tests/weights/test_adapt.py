"""The rules for another head and for other input channels."""

import numpy as np
import pytest

from tljax.weights.adapt import channel_rule, fold_channels, new_head

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
