import json
import os
import pathlib
import subprocess
import sys

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.data.augment.batches import images
from tljax import data, weights
from tljax.data.augment import operations

ROOT = pathlib.Path(__file__).parents[3]
EACH = ("random_zoom(scale=(0.3, 1.0))", "flip", "pad_crop(padding=2)", "color", "randaugment", "erase")
each = jax.jit(data.augmentation(EACH, 3, 0))
mixed = jax.jit(data.augmentation(("flip", "mixup(alpha=0.5)", "cutmix"), 3, 0))
flips = jax.jit(lambda batch, seed: data.augmentation(("flip", "flip"), 3, seed)(batch))


def same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert np.array_equal(a[key], b[key]) and a[key].dtype == b[key].dtype, key


def test_shapes_types_ranges_and_the_rest_stay():
    batch = images()
    for augment in (each, mixed):
        out = augment(batch)
        assert out["x"].shape == batch["x"].shape and out["x"].dtype == jnp.float32
        assert out["x"].min() >= 0 and out["x"].max() <= 1 and not np.array_equal(out["x"], batch["x"] / 255)
        same({k: v for k, v in out.items() if k not in ("x", "label")}, {k: v for k, v in batch.items() if k not in ("x", "label")})
    assert np.array_equal(each(images())["label"], images()["label"]) and mixed(images())["label"].shape == (4, 3)


def test_bytes_and_floats_are_the_same_images():
    batch, seed = images(), np.uint32(0)
    out = flips({**batch, "x": np.float32(batch["x"] / 255)}, seed)
    assert np.abs(flips(batch, seed)["x"] - out["x"]).max() < 1e-6


def test_nothing_asked_for_changes_nothing():
    batch = images()
    assert data.augmentation((), 3, 0)(batch) is batch


def test_an_example_follows_from_seed_epoch_and_index_alone():
    batch = images(n=4)
    first = each(batch)
    same(each(batch), first)
    order = np.array([2, 0, 3, 1])
    assert np.array_equal(each({k: v[order] for k, v in batch.items()})["x"], first["x"][order])
    alike = {**batch, "x": np.repeat(batch["x"][:1], 4, axis=0)}
    for change in ({"epoch": np.arange(4, dtype=np.int32), "index": np.zeros(4, np.int32)}, {}):
        out = np.asarray(each({**alike, **change})["x"])
        assert all(not np.array_equal(out[i], out[j]) for i in range(4) for j in range(i))
    assert not np.array_equal(each({**batch, "epoch": batch["epoch"] + 1})["x"], first["x"])


def test_seeds_and_places_in_the_list_draw_differently_and_a_traced_seed_is_the_same_seed():
    batch = {**images(64, (2, 3)), "x": np.broadcast_to(np.arange(3, dtype=np.uint8)[:, None], (64, 2, 3, 1))}
    once, other = (np.asarray(jax.jit(data.augmentation(("flip",), 3, seed))(batch)["x"][:, 0, 0, 0] > 0) for seed in (0, 1))
    assert 16 < once.sum() < 48 and 16 < (once != other).sum() < 48
    twice = np.asarray(flips(batch, np.uint32(0))["x"][:, 0, 0, 0] > 0)
    assert 16 < (once != twice).sum() < 48  # the second flip is a coin of its own
    same(flips(batch, np.uint32(7)), jax.jit(data.augmentation(("flip", "flip"), 3, 7))(batch))


def test_streams_are_augmented_each_with_draws_of_its_own():
    one = images()
    streams = jax.jit(data.augmentation(("random_zoom",), 3, 0))({"source": one, "target": one})
    assert streams["source"]["x"].dtype == jnp.float32
    assert not np.array_equal(streams["source"]["x"], streams["target"]["x"])
    same({k: v for k, v in streams["source"].items() if k != "x"}, {k: v for k, v in one.items() if k != "x"})


def test_each_stream_has_expressions_and_kinds_of_its_own():
    one = images()
    unlabeled = {name: value for name, value in one.items() if name != "label"}
    kinds = {"source": {"x": "image", "label": "class"}, "target": {"x": "image"}}
    batch = {"source": one, "target": unlabeled, "step": np.int32(3)}
    out = jax.jit(data.augmentation({"source": ("flip", "mixup")}, 3, 0, kinds))(batch)
    assert out["source"]["label"].shape == (4, 3) and out["step"] == 3
    same(out["target"], unlabeled)
    out = jax.jit(data.augmentation({"source": ("mixup",), "target": ("flip(p=1.0)",)}, 3, 0, kinds))(batch)
    assert np.allclose(out["target"]["x"], one["x"][:, :, ::-1] / 255) and out["source"]["label"].shape == (4, 3)
    with pytest.raises(ValueError, match="mixup mixes labels, but no field 'label' is declared"):
        data.augmentation({"target": ("mixup",)}, 3, 0, kinds)
    with pytest.raises(ValueError, match="mixup mixes labels"):
        data.augmentation(("mixup",), 3, 0, kinds)
    shared = jax.jit(data.augmentation(("flip",), 3, 0, kinds))(batch)
    same(shared["source"], jax.jit(data.augmentation(("flip",), 3, 0))(batch)["source"])


def test_streams_that_are_not_there_are_named():
    one, kinds = images(), {"source": {"x": "image", "label": "class"}}
    with pytest.raises(ValueError, match="declared for the streams sauce; the batch has source, target"):
        data.augmentation({"sauce": ("flip",)}, 3, 0)({"source": one, "target": one})
    with pytest.raises(ValueError, match="declared for the streams source; the batch has none"):
        data.augmentation({"source": ("flip",)}, 3, 0)(one)
    with pytest.raises(ValueError, match="declared for the streams source; the batch has source, target"):
        data.augmentation(("flip",), 3, 0, kinds)({"source": one, "target": one})
    with pytest.raises(ValueError, match="stream 'target' is to be augmented and has no kinds of fields; kinds= has only source"):
        data.augmentation({"target": ("flip",)}, 3, 0, kinds)


def test_operations_stand_for_their_expressions():
    flip = operations.create("flip(p=1.0)")
    batch = images()
    same(jax.jit(data.augmentation((flip, "color"), 3, 0))(batch), jax.jit(data.augmentation(("flip(p=1.0)", "color"), 3, 0))(batch))


def test_what_the_loader_does_is_left_to_it():
    batch = images()
    assert data.augmentation(("random_resized_crop",), 3, 0)(batch) is batch
    same(flips(batch, np.uint32(0)), jax.jit(data.augmentation(("random_resized_crop", "flip", "flip"), 3, 0))(batch))


def test_workers_and_processes_do_not_change_what_comes_out(folder_of_images):
    source, host = data.create(f"folder({str(folder_of_images)!r}, 'train')"), data.on_host(weights.PretrainedConfig("cnn", 3, 3, (12, 10)))

    def batches(**more):
        return list(data.train_batches(source, 4, 1, num_steps=3, transform=host, **more))

    blocks = [batches(process_index=p, process_count=2) for p in (0, 1)]
    for one, worked, *parts in zip(batches(), batches(workers=2), *blocks, strict=True):
        same(each(one), each(worked))
        same(mixed(one), mixed(worked))
        separate = [each(part) for part in parts]
        same(each(one), {k: np.concatenate([part[k] for part in separate]) for k in one})
        same(mixed(one), mixed({k: np.concatenate([part[k] for part in parts]) for k in one}))


def test_eight_devices_give_what_one_gives():
    env = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, ROOT / "tests/data/augment/devices.py"], env=env, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["differ"] == dict.fromkeys(images(), 0.0) and found["changed"] > 0.1
    assert found["talks"]["each"] == [] and "all-gather" not in found["talks"]["mixed"]


def test_one_program_serves_all_batches_and_seeds():
    augment = data.augmentation(("flip", "mixup"), 3, 0)
    traced_once = jax.jit(chex.assert_max_traces(augment, n=1))
    with jax.transfer_guard_device_to_host("disallow"):
        for epoch in range(3):
            traced_once(images(epoch=epoch, seed=epoch))


@pytest.mark.parametrize("batch", [images(1, (5, 4), 1), images(1, (1, 1), 3)])
def test_one_example_one_channel_and_images_of_one_pixel(batch):
    everything = tuple(sorted(operations, key=lambda name: name != "random_resized_crop"))  # the loader's crop stands first
    out = jax.jit(data.augmentation(everything, 3, 0))(batch)
    assert len(everything) >= 8 and out["x"].shape == batch["x"].shape and np.isfinite(out["x"]).all()


def test_double_precision_elsewhere_does_not_reach_images():
    with jax.enable_x64(True):
        out = jax.eval_shape(data.augmentation((*EACH, "mixup", "cutmix"), 3, 0), images())
    assert out["x"].dtype == out["label"].dtype == np.float32


@pytest.mark.parametrize(
    ("expressions", "said"),
    [
        ("flip", "a tuple of expressions"),
        (("flip(p=1.5)",), "p=1.5"),
        (("flip(q=1.5)",), "called as flip"),
        (("pad_crop(padding=-1)",), "padding=-1"),
        (("pad_crop(mode='edge')",), "mode='edge'"),
        (("random_zoom(scale=(0.5, 0.3))",), "scale="),
        (("random_zoom(scale=(0.0, 1.0))",), "scale="),
        (("random_zoom(scale=(0.5, 1.0, 1.0))",), "scale="),
        (("random_zoom(ratio=(0.0, 1.0))",), "ratio="),
        (("random_resized_crop(scale=(0.5, 0.3))",), "scale="),
        (("flip", "random_resized_crop"), "random_resized_crop crops .* must come first, and once; the first is flip"),
        (("random_resized_crop", "random_resized_crop"), "must come first, and once"),
        (("rotate(degrees=181)",), "degrees=181"),
        (("rotate(fill=-0.1)",), "fill=-0.1"),
        (("translate(x=1.5)",), "x=1.5"),
        (("erase(fill=2.0)",), "fill=2.0"),
        (("erase(p=-1.0)",), "p=-1.0"),
        (("color(hue=0.7)",), "hue=0.7"),
        (("color(contrast=-0.1)",), "contrast=-0.1"),
        (("randaugment(layers=0)",), "layers=0"),
        (("randaugment(magnitude=11)",), "magnitude=11"),
        (("mixup(alpha=0.0)",), "alpha=0.0"),
        (("cutmix(p=2.0)",), "p=2.0"),
        (("mixup(num_classes=3)",), "called as mixup"),
    ],
)
def test_bad_settings_are_named(expressions, said):
    with pytest.raises(ValueError, match=said):
        data.augmentation(expressions, 3, 0)


def test_unknown_operations_are_named():
    with pytest.raises(KeyError, match="did you mean flip"):
        data.augmentation(("flop",), 3, 0)


@pytest.mark.parametrize(
    ("expression", "change", "said"),
    [
        ("flip", {"index": None}, "index"),
        ("flip", {"x": None}, "needs x"),
        ("flip", {"x": np.zeros((4, 7), np.float32)}, r"x is \[4, 7\]; augmentation takes images"),
        ("flip", {"x": np.zeros((4, 7, 7, 3), np.int32)}, "int32"),
        ("color", {"x": np.zeros((4, 7, 7, 2), np.uint8)}, "1 or 3 channels"),
        ("randaugment", {"x": np.zeros((4, 7, 7, 4), np.uint8)}, "1 or 3 channels"),
        ("pad_crop(padding=7, mode='reflect')", {"x": np.zeros((4, 7, 7, 3), np.uint8)}, "must be larger than the padding"),
        ("mixup", {"label": None}, "mixes labels"),
    ],
)
def test_batches_that_do_not_fit_are_named(expression, change, said):
    batch = {k: v for k, v in (images() | change).items() if v is not None}
    with pytest.raises(ValueError, match=said):
        jax.eval_shape(data.augmentation((expression,), 3, 0), batch)
