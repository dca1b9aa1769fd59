"""MLPerf Tiny's ResNet-8: numbers of layers that begin anywhere, relatives, and the published file on CIFAR-10."""

import os
import re
import tarfile
from pathlib import Path

import jax
import numpy as np
import pytest

from tests.weights import foreign
from tljax import data, models, weights
from tljax.data import preprocess
from tljax.weights.keymap import table

KEYMAP = table("resnet8_keras")


def shifted(name, by):
    """The name with the layer's number higher by `by`."""
    kind, number, leaf = re.fullmatch(r"(.*?)(?:_(\d+))?/(.*)", name).groups()
    return f"{kind}_{int(number or 0) + by}/{leaf}"


@pytest.mark.parametrize("by", [3, 95])
def test_the_numbers_of_the_layers_may_begin_anywhere(tmp_path, by):
    arrays = foreign.drawn("resnet8_keras", models.create("resnet8(width=4)", 7))
    assert {"conv2d/kernel", "batch_normalization_6/gamma", "dense/bias"} <= set(arrays)
    opened = []
    for names in (lambda name: name, lambda name: shifted(name, by)):
        np.savez(tmp_path / "x.npz", **{names(name): a for name, a in arrays.items()})
        opened.append(weights.open(tmp_path / "x.npz"))
    assert opened[1].config.model == "resnet8(width=4)" and opened[1].config.num_classes == 7 and not opened[1].report.new
    jax.tree.map(np.testing.assert_array_equal, opened[0].variables, opened[1].variables)


def test_another_network_of_numbered_layers_is_refused():
    shapes = foreign.shapes("resnet8_keras", models.create("resnet8", 10))
    with pytest.raises(ValueError, match="not those of a ResNet-8 of width 16"):
        KEYMAP.infer(shapes | {"conv2d_5/kernel": (3, 3, 16, 32)})
    with pytest.raises(ValueError, match="not those of a ResNet-8 of width 0"):
        KEYMAP.infer({})


def test_the_inputs_are_pixels_as_they_are():
    config = KEYMAP.config({"model": "resnet8", "num_classes": 10, "in_channels": 3})
    x = np.arange(3072, dtype=np.uint8).reshape(1, 32, 32, 3)
    np.testing.assert_allclose(preprocess.on_device(config)({"x": x})["x"], x, rtol=1e-5)
    assert config.labels[5] == "dog"


@pytest.mark.skipif("TLJAX_DATA" not in os.environ, reason="TLJAX_DATA names no folder with the published weights")
def test_the_published_file_opens_alone_and_classifies_cifar10(tmp_path):
    """Keras gets 0.7613 of these 3,000 strongly compressed JPEGs right; of CIFAR-10's own test images its makers ask for 0.85."""
    folder = Path(os.environ["TLJAX_DATA"])
    opened = weights.open(folder / "weights" / "cifar10_mlperf_resnet8_keras.h5")
    assert opened.config.model == "resnet8" and not opened.report.new
    with tarfile.open(folder / "archives" / "cifar10_jpeg_8k_3k.tar") as tar:
        tar.extractall(tmp_path, members=[m for m in tar if m.name.startswith("test")], filter="data")
    source = data.create(f"folder({str(tmp_path)!r}, split='test')")
    assert source.classes == opened.config.labels
    ready = preprocess.on_device(opened.config)
    run = jax.jit(lambda x: opened.model.apply(opened.variables, ready({"x": x})["x"]).logits.argmax(-1))
    examples = [source[i] for i in range(len(source))]
    found = np.concatenate([run(np.stack([e["x"] for e in examples[i : i + 500]])) for i in range(0, len(examples), 500)])
    assert abs((found == [e["label"] for e in examples]).mean() - 0.7613) < 0.002
