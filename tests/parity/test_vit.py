"""Imported Vision Transformers give timm's gradients and positions, as tests/parity/make_vit.py wrote them, and open from files alone."""

import ast
import re
from pathlib import Path

import jax
import numpy as np
import pytest

from tests.parity.drawn import draw, images, sample
from tests.weights.foreign import named, shapes
from tljax import models, trees, weights
from tljax.weights.adapt import resample_position
from tljax.weights.load import fill

GOLDEN = Path(__file__).parent
MODELS = {
    "patch32": "vit_small(patch=32, depth=2)",
    "mean": "vit_tiny(depth=2, pool='mean')",
}
GRADIENTS = ("pos_embed", "cls_token", "patch_embed.proj.weight", "blocks.0.attn.qkv.weight", "blocks.1.norm2.weight")


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "vit_drawn.npz") as file:
        return dict(file)


def timm_file(label: str) -> dict[str, np.ndarray]:
    """What timm saves of that model: with mean pooling the last norm is called ``fc_norm``."""
    file = shapes("vit", models.create(MODELS[label], 10, input_size=(64, 64)))
    names = {name: f"fc_{name}" if label == "mean" and name.startswith("norm.") else name for name in file}
    return {names[name]: draw(names[name], shape) for name, shape in file.items()}


def assert_close(got, want, what):
    top = np.abs(want).max()
    assert np.abs(np.asarray(got) - want).max() <= 1e-4 * top, what


def assert_parity(out, stages, golden, label):
    got = {stage: sample(np.asarray(out.taps[stage])) for stage in stages}
    got |= {"features": sample(np.asarray(out.features)), "logits": np.asarray(out.logits)}
    for stage, value in got.items():
        want = golden[f"{label}:{stage}"]
        assert_close(value, want, stage)
        told_apart = np.abs(want[0] - want[1]).max() > 1e-2 * np.abs(want).max()
        assert told_apart, f"{stage}: the inputs are not told apart, so agreement means nothing"


@pytest.mark.parametrize("label", ["patch32", "mean"])
def test_gradients_agree(label, golden):
    model = models.create(MODELS[label], 10, input_size=(64, 64))
    variables, _ = fill(timm_file(label), model, None, "load", label)
    gradient = jax.jit(jax.grad(lambda p: (model.apply({"params": p}, images(2, 64)).logits ** 2).mean()))(variables["params"])
    flat = named("vit", trees.flatten({"params": jax.tree.map(np.asarray, gradient)}))
    for name in GRADIENTS:
        value = flat[name].reshape(-1)
        assert_close(value[:: 1 + value.size // 200], golden[f"{label}:gradient:{name}"], name)


HUGGING_FACE = {
    r"cls_token": "embeddings.cls_token",
    r"pos_embed": "embeddings.position_embeddings",
    r"patch_embed\.proj": "embeddings.patch_embeddings.projection",
    r"blocks\.": "encoder.layer.",
    r"norm1": "layernorm_before",
    r"norm2": "layernorm_after",
    r"attn\.proj": "attention.output.dense",
    r"mlp\.fc1": "intermediate.dense",
    r"mlp\.fc2": "output.dense",
    r"^norm": "layernorm",
}


def hugging_face(file: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """A file with timm's names as Hugging Face names it: query, key and value apart, and a pooler that no output needs."""
    out = {}
    for name, a in file.items():
        if name.startswith("head"):
            out[name.replace("head", "classifier")] = a
        elif ".attn.qkv." in name:
            block, kind = re.fullmatch(r"blocks\.(\d+)\.attn\.qkv\.(.*)", name).groups()
            for part, third in zip(("query", "key", "value"), np.split(a, 3), strict=True):
                out[f"{prefix}encoder.layer.{block}.attention.attention.{part}.{kind}"] = third
        else:
            for timm, theirs in HUGGING_FACE.items():
                name = re.sub(timm, theirs, name)
            out[prefix + name] = a
    return out | {f"{prefix}pooler.dense.weight": np.zeros((2, 2)), f"{prefix}pooler.dense.bias": np.zeros(2)}


def test_hugging_face_s_names_give_the_same_outputs(golden, tmp_path):
    np.savez(tmp_path / "x.npz", **hugging_face(timm_file("patch32"), ""))
    opened = weights.open(tmp_path / "x.npz")
    assert opened.report.family == "vit_hf" and opened.config.model == "vit_small(depth=2, patch=32, epsilon=1e-12)"
    assert len(opened.report.ignored) == 2 and not opened.report.new and opened.config.input_size == (64, 64)
    out = opened.model.apply(opened.variables, images(2, 64), taps=opened.model.stages)
    assert_parity(out, opened.model.stages, golden, "patch32")


def test_a_file_alone_opens_at_its_own_image_size_and_at_another(golden, tmp_path):
    np.savez(tmp_path / "x.npz", **timm_file("mean"))
    opened = weights.open(tmp_path / "x.npz")
    config = opened.config
    assert (config.model, config.num_classes, config.input_size) == ("vit_tiny(depth=2, pool='mean')", 10, (64, 64))
    assert (config.mean, config.std, config.crop_fraction, config.interpolation) == ((0.5,) * 3, (0.5,) * 3, 0.9, "bicubic")
    assert_parity(opened.model.apply(opened.variables, images(2, 64), taps=opened.model.stages), opened.model.stages, golden, "mean")

    wide = weights.open(tmp_path / "x.npz", input_size=(48, 96), in_channels=1)
    position = wide.variables["params"]["backbone"]["embed"]["position"]
    assert position.shape == (1, 1 + 3 * 6, 192) and wide.config.input_size == (48, 96)
    assert "4 x 4 -> 3 x 6" in wide.report.reshaped["params/backbone/embed/position"]
    np.testing.assert_array_equal(position[:, 0], opened.variables["params"]["backbone"]["embed"]["position"][:, 0])
    assert wide.model.apply(wide.variables, np.zeros((1, 48, 96, 1), np.float32)).logits.shape == (1, 10)

    weights.save(tmp_path / "saved", wide.variables, wide.config)
    again = weights.open(tmp_path / "saved")
    jax.tree.map(np.testing.assert_array_equal, again.variables, wide.variables)
    turned = weights.open(tmp_path / "saved", input_size=(96, 48))  # as many patches, but the config says how they were arranged
    assert "3 x 6 -> 6 x 3" in str(turned.report)
    with pytest.raises(ValueError, match="multiples of patch=16"):
        weights.open(tmp_path / "saved", input_size=(100, 100))


def test_resampled_positions_are_pytorch_s():
    with np.load(GOLDEN / "vit_position.npz") as file:
        for grids, want in file.items():
            old, new = ast.literal_eval(grids.replace(") (", "), ("))
            got = resample_position(draw("pos_embed", (1, 1 + old[0] * old[1], 6)), old, new)
            np.testing.assert_allclose(got, want, atol=2e-6)  # values of about 1.5: a few roundings of float32
