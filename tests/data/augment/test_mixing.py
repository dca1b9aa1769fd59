import jax
import numpy as np
import pytest

from tests.data.augment.batches import images
from tljax import data, objectives

mixup = jax.jit(data.augmentation(("mixup(alpha=1.0)",), 3, 0))
cutmix = jax.jit(data.augmentation(("cutmix(alpha=1.0)",), 3, 0))


def parts(out, batch):
    """How much of the label is the example's own, where its neighbor has another one."""
    return np.asarray(out["label"])[np.arange(len(batch["label"])), batch["label"]]


def test_mixup_takes_the_next_example_with_the_share_that_the_label_says():
    batch = images(9)
    out, x = mixup(batch), batch["x"] / 255
    share = parts(out, batch)
    assert (np.asarray(out["label"]).sum(-1) == 1).all() and out["label"].dtype == np.float32
    wanted = share[:, None, None, None] * x + (1 - share)[:, None, None, None] * np.roll(x, -1, axis=0)
    assert np.abs(out["x"] - wanted).max() < 1e-4 and len(set(share.tolist())) > 6
    assert np.allclose(np.asarray(out["label"])[np.arange(9), np.roll(batch["label"], -1)], 1 - share)


def test_cutmix_pastes_a_rectangle_and_counts_its_pixels():
    batch = images(30, (16, 12))
    out, x = cutmix(batch), batch["x"] / 255
    own = np.isclose(out["x"], x).all(-1)
    pasted = np.isclose(out["x"], np.roll(x, -1, axis=0)).all(-1)
    assert (own | pasted).all() and np.abs(own.mean((1, 2)) - parts(out, batch)).max() < 2**-15
    for one in ~own:
        assert one.any(1).sum() * one.any(0).sum() == one.sum()
    assert np.allclose(np.asarray(out["label"]).sum(-1), 1, atol=1e-6) and 0.3 < own.mean() < 0.9


def test_the_share_is_a_beta_draw():
    batch = {**images(2000), "x": np.zeros((2000, 1, 1, 1), np.uint8), "label": np.arange(2000, dtype=np.int32) % 2}
    for alpha in (0.2, 1.0, 8.0):
        share = parts(jax.jit(data.augmentation((f"mixup(alpha={alpha})",), 2, 0))(batch), batch)
        assert abs(share.mean() - 0.5) < 0.04 and abs(share.var() / (0.25 / (2 * alpha + 1)) - 1) < 0.15


@pytest.mark.parametrize("augment", [mixup, cutmix])
def test_padding_is_not_mixed_in(augment):
    batch = {**images(6), "valid": np.array([1, 1, 0, 1, 1, 0], np.float32)}
    out, x = augment(batch), batch["x"] / 255
    for i, changes in enumerate([True, False, False, True, False, False]):
        assert (np.abs(out["x"][i] - x[i]).max() > 0.01) == changes
        assert (parts(out, batch)[i] == 1) != changes


def test_mixing_with_probability_zero_only_makes_labels_soft():
    out = jax.jit(data.augmentation(("mixup(p=0.0)", "cutmix(p=0.0)"), 3, 0))(images())
    assert np.abs(out["x"] - images()["x"] / 255).max() < 2**-15 and np.array_equal(out["label"], np.eye(3)[images()["label"]])


@pytest.mark.parametrize(
    ("kind", "label"),
    [("distribution", np.eye(3, dtype=np.float32)), ("classes", np.eye(3, dtype=np.int32) | np.eye(3, dtype=np.int32)[::-1])],
)
def test_several_classes_and_distributions_are_mixed_as_they_are(kind, label):
    share = parts(mixup(images(3)), images(3))[:, None]
    mix = data.augmentation(("mixup(alpha=1.0)",), 0, 0, {"x": "image", "label": kind})
    out = jax.jit(mix)({**images(3), "label": label})["label"]
    assert out.dtype == np.float32 and np.allclose(out, share * label + (1 - share) * np.roll(label, -1, axis=0), atol=1e-5)


@pytest.mark.parametrize("operation", ["mixup", "cutmix"])
@pytest.mark.parametrize("kind", ["number", "mask", "tags", "span", "boxes", "points", "text"])
def test_labels_that_have_no_mixture_are_refused_by_kind(operation, kind):
    with pytest.raises(ValueError, match=f"{operation} cannot mix labels of the kind {kind}"):
        data.augmentation(("flip", operation), 3, 0, {"x": "image", "label": kind})


def test_unlabeled_images_are_not_mixed():
    with pytest.raises(ValueError, match="mixup mixes labels, but no field 'label' is declared; the fields are x"):
        data.augmentation(("mixup",), 3, 0, {"x": "image"})


def test_two_mixtures_after_each_other_mix_distributions_the_second_time():
    batch = images(5)
    out = jax.jit(data.augmentation(("mixup", "cutmix"), 3, 0))(batch)["label"]
    assert out.shape == (5, 3) and np.allclose(np.asarray(out).sum(1), 1, atol=1e-6)


def test_an_example_alone_is_its_own_partner():
    batch = images(1)
    out = mixup(batch)
    assert np.abs(out["x"] - batch["x"] / 255).max() < 2**-15 and np.array_equal(out["label"], np.eye(3)[batch["label"]])


def test_classes_that_are_not_counted_are_refused():
    with pytest.raises(ValueError, match="num_classes, which is 0"):
        data.augmentation(("mixup",), 0, 0)


def test_the_loss_of_a_mixture_is_the_mixture_of_the_losses():
    """Zhang et al. 2018: cross-entropy is linear in the label."""
    batch = images(4)
    out, logits = mixup(batch), np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)

    def loss(label):
        class Outputs:
            pass

        Outputs.logits = logits
        return float(objectives.create("cross_entropy").loss(lambda b: Outputs, {"label": label}, None)[0])

    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    share, rows = parts(out, batch), np.arange(4)
    wanted = -(share * log_p[rows, batch["label"]] + (1 - share) * log_p[rows, np.roll(batch["label"], -1)]).mean()
    assert loss(out["label"]) == pytest.approx(wanted, rel=1e-5)
