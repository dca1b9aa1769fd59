"""MobileNetV1 opened from files with Keras's and PyTorch's names gives their outputs, as tests/golden/make_mobilenet.py wrote them."""

import os
from pathlib import Path

import h5py
import jax
import numpy as np
import pytest

from tests.golden.drawn import draw, draw_keras, images, sample, unshrunk
from tests.weights import foreign
from tljax import models, weights
from tljax.weights.keymap import keymaps

GOLDEN = Path(__file__).parent.parent / "golden"
ARGUMENTS = {"keras": "activation='relu6', padding='asymmetric', epsilon=0.001", "torch": "activation='leaky_relu'"}
DRAW = {"keras": draw_keras, "torch": draw}
MOMENTUM = {"keras": 0.99, "torch": 0.9}


@pytest.fixture(scope="module", params=ARGUMENTS)
def drawn(request, tmp_path_factory):
    """The framework, a weight file under its names, and what it made of the same weights."""
    kind = request.param
    shapes = foreign.shapes(f"mobilenet_v1_{kind}", models.create(f"mobilenet_v1(width=0.25, {ARGUMENTS[kind]})", 10))
    shapes = {name.replace("depthwise_kernel", "kernel"): shape for name, shape in shapes.items()}  # as Keras 3 says
    path = tmp_path_factory.mktemp(kind) / "x.npz"
    np.savez(path, **{name: unshrunk(name, DRAW[kind](name, shape)) for name, shape in shapes.items()})
    with np.load(GOLDEN / f"mobilenet_v1_{kind}.npz") as golden:
        return kind, path, dict(golden)


def assert_agree(golden, mode, stages, out):
    for stage in (*stages, "logits"):
        got, want = np.asarray(out.logits) if stage == "logits" else sample(np.asarray(out.taps[stage])), golden[f"{mode}|{stage}"]
        top = np.abs(want).max()
        assert got.shape == want.shape and np.abs(got - want).max() <= 1e-4 * top, stage
        assert np.abs(want[0] - want[1]).max() > 1e-2 * top, f"{stage}: the inputs are not told apart, so agreement means nothing"


def test_evaluation(drawn):
    kind, path, golden = drawn
    opened = weights.open(path)
    assert opened.config.model == f"mobilenet_v1(width=0.25, {ARGUMENTS[kind]})" and not opened.report.new
    out = jax.jit(lambda v, x: opened.model.apply(v, x, taps=opened.model.stages))(opened.variables, images(2, 64))
    assert_agree(golden, "eval", opened.model.stages, out)


def test_training_mode_and_the_statistics_that_it_leaves(drawn):
    kind, path, golden = drawn
    model = models.create(f"mobilenet_v1(width=0.25, {ARGUMENTS[kind]}, momentum={MOMENTUM[kind]})", 10)
    variables, _ = weights.load(path, model)
    call = jax.jit(lambda v, x: model.apply(v, x, taps=model.stages, train=True, mutable=["batch_stats"]))
    out, updates = call(variables, images(4, 64))
    assert_agree(golden, "train", model.stages, out)
    for leaf, value in updates["batch_stats"]["backbone"]["stage5"]["block13"]["pointwise_bn"].items():
        before = variables["batch_stats"]["backbone"]["stage5"]["block13"]["pointwise_bn"][leaf]
        np.testing.assert_allclose(value, golden[leaf], atol=1e-4 * np.abs(golden[leaf]).max())
        assert np.abs(value - before).max() > 1e-3, "the statistics did not move, so agreement means nothing"


def test_the_numbered_names_of_keras_3_fill_the_same_leaves(drawn, tmp_path):
    kind, path, _ = drawn
    if kind == "torch":
        pytest.skip("torch has one naming")
    numbers = {"kernel": "0", "bias": "1", "gamma": "0", "beta": "1", "moving_mean": "2", "moving_variance": "3"}
    with h5py.File(tmp_path / "x.weights.h5", "w") as file, np.load(path) as arrays:
        for name, value in arrays.items():
            layer, leaf = name.split("/")
            held = file.require_group(f"layers/some_{layer}/vars")
            held.attrs["name"] = layer
            held[numbers[leaf]] = value
    a, b = weights.open(tmp_path / "x.weights.h5"), weights.open(path)
    assert a.config.model == b.config.model
    jax.tree.map(np.testing.assert_array_equal, a.variables, b.variables)


@pytest.mark.parametrize("width", [0.35, 1.3])
@pytest.mark.parametrize("kind", ARGUMENTS)
def test_any_width_opens(kind, width, tmp_path):
    shapes = foreign.shapes(f"mobilenet_v1_{kind}", models.create(f"mobilenet_v1(width={width}, {ARGUMENTS[kind]})", 2))
    np.savez(tmp_path / "x.npz", **{name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    assert not weights.open(tmp_path / "x.npz").report.new


def test_a_file_without_its_top_asks_for_the_number_of_classes(drawn, tmp_path):
    _, path, _ = drawn
    with np.load(path) as arrays:
        np.savez(tmp_path / "x.npz", **{k: v for k, v in arrays.items() if not k.startswith(("conv_preds", "fc."))})
    with pytest.raises(ValueError, match="say num_classes"):
        weights.open(tmp_path / "x.npz")
    opened = weights.open(tmp_path / "x.npz", num_classes=4)
    assert set(opened.report.new) == {"params/head/kernel", "params/head/bias"}


@pytest.mark.skipif("TLJAX_DATA" not in os.environ, reason="TLJAX_DATA names no folder with the published weights")
@pytest.mark.parametrize("file", ["imagenet_mobilenet_v1_0.25_224_keras_full.h5", "imagenet_mobilenetV1x0.25_pytorch.tar"])
def test_published_weights_open_from_their_file_alone(file):
    opened = weights.open(Path(os.environ["TLJAX_DATA"]) / "weights" / file)
    assert not opened.report.new and opened.config.num_classes == 1000 and opened.config.labels[985] == "daisy"
    assert set(keymaps) > {"mobilenet_v1_keras", "mobilenet_v1_torch"}
