"""DeiT, DINOv2, CLIP's and SigLIP's image towers: what they change in a Vision Transformer."""

import functools

import jax
import numpy as np
import pytest

from tljax import models, trees

SIZES = "patch=8, depth=1, width=16, heads=2"


def tiny(expression: str, head: str = "linear", **kwargs) -> models.TransferModel:
    return models.create(expression.format(SIZES), 3, head, input_size=(16, 24), **kwargs)


@pytest.fixture(scope="module")
def x():
    return jax.random.normal(jax.random.key(1), (2, 16, 24, 3))


@functools.partial(jax.jit, static_argnums=(0, 3, 4, 5), compiler_options={"xla_backend_optimization_level": 0})
def run(model, variables, x, taps, start, stop):
    return model.apply(variables, x, taps=taps, start=start, stop=stop)


def apply(model, variables, x, taps=(), start=None, stop=None):
    return run(model, variables, x, taps, start, stop)


@pytest.mark.parametrize(
    ("name", "count"),
    [("deit_tiny", 5_524_800), ("dinov2_small", 21_628_800), ("clip_image_base", 87_849_216), ("clip_image_large", 303_966_208),
     ("siglip_image_base", 92_884_224)],
)  # fmt: skip
def test_as_many_parameters_as_published(name, count):
    assert trees.size(models.shapes(models.create(name, 1))["params"]["backbone"]) == count


def test_deit_averages_two_classifiers_of_two_tokens(x):
    model = tiny("deit_tiny({})", "distilled")
    variables = models.init(model, jax.random.key(0))
    out = apply(model, variables, x, taps=("norm",))
    head = variables["params"]["head"]
    tokens = np.asarray(out.taps["norm"])
    assert tokens.shape == (2, 2 + 6, 16) and out.features.shape == (2, 32)
    logits = [tokens[:, i] @ head[name]["kernel"] + head[name]["bias"] for i, name in enumerate(("cls", "distilled"))]
    np.testing.assert_allclose(out.logits, (logits[0] + logits[1]) / 2, atol=1e-5)
    with pytest.raises(ValueError, match="two tokens of equal width, but the backbone gives 15"):
        models.shapes(models.create("vit_tiny(width=15, heads=3)", 3, "distilled"))


def test_registers_are_seen_but_have_no_position_and_are_not_pooled(x):
    model = tiny("dinov2_small({}, registers=3, pool='cls_mean', layer_scale=1.0)")
    variables = models.init(model, jax.random.key(0))
    embed = variables["params"]["backbone"]["embed"]
    assert embed["registers"].shape == (1, 3, 16) and embed["position"].shape == (1, 1 + 6, 16)
    out = apply(model, variables, x, taps=("norm", "embed"))
    tokens = out.taps["norm"]
    np.testing.assert_allclose(out.features, np.concatenate([tokens[:, 0], tokens[:, 4:].mean(1)], axis=1), atol=1e-5)
    np.testing.assert_allclose(out.taps["embed"][:, 1:4], np.broadcast_to(embed["registers"], (2, 3, 16)), atol=1e-6)
    embed["registers"] = jax.random.normal(jax.random.key(2), (1, 3, 16))
    assert np.abs(apply(model, variables, x).features - out.features).max() > 1e-3


def test_positions_of_the_patches_alone(x):
    model = tiny("dinov2_small({}, registers=3, patches_only=True)")
    variables = models.init(model, jax.random.key(0))
    embed = variables["params"]["backbone"]["embed"]
    assert embed["position"].shape == (1, 6, 16)
    tokens = apply(model, variables, x, taps=("embed",)).taps["embed"]
    assert tokens.shape == (2, 1 + 3 + 6, 16)
    np.testing.assert_allclose(tokens[:, 0], np.broadcast_to(embed["cls"][0], (2, 16)), atol=1e-6)


def test_clip_projects_the_class_token_and_its_patches_have_no_bias(x):
    model = tiny("clip_image_base({}, projection=5)")
    variables = models.init(model, jax.random.key(0))
    backbone = variables["params"]["backbone"]
    assert set(backbone["embed"]["proj"]) == {"kernel"} and set(backbone["embed"]) == {"proj", "cls", "position", "norm"}
    out = apply(model, variables, x, taps=("norm",))
    np.testing.assert_allclose(out.features, out.taps["norm"][:, 0] @ backbone["projection"]["kernel"], atol=1e-5)
    early = apply(model, variables, x, stop="projection")
    np.testing.assert_allclose(early.features, out.taps["norm"][:, 0], atol=1e-5)
    np.testing.assert_array_equal(apply(model, variables, early.batch, start="projection").logits, out.logits)


def test_siglip_pools_a_set_of_patches(x):
    model = tiny("siglip_image_base({})")
    variables = models.init(model, jax.random.key(0))
    assert set(variables["params"]["backbone"]["embed"]) == {"proj", "position"} and model.stages[-2:] == ("norm", "map")
    early = apply(model, variables, x, stop="map")
    whole = apply(model, variables, x).features
    turned = early.batch | {"x": early.batch["x"][:, ::-1]}
    np.testing.assert_allclose(apply(model, variables, turned, start="map").features, whole, atol=1e-5)
    np.testing.assert_allclose(early.features, early.batch["x"].mean(1), atol=1e-5)
    assert whole.shape == (2, 16)


def test_pre_logits_are_bounded(x):
    model = tiny("vit_tiny({}, pre_logits=4)")
    variables = models.init(model, jax.random.key(0))
    variables["params"]["backbone"]["pre_logits"]["kernel"] *= 100
    features = np.abs(apply(model, variables, x).features)
    assert features.shape == (2, 4) and features.max() <= 1 and features.max() > 0.9


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("vit_tiny(activation='relo')", "activation='relo'.*gelu, gelu_tanh, .*quick_gelu"),
        ("dinov2_small(registers=-1)", "registers"),
        ("siglip_image_base(mlp_dim=-4)", "mlp_dim"),
        ("clip_image_base(pool='mean ')", "pool='mean ' must be one of"),
    ],
)
def test_arguments_outside_their_range_are_named(expression, said):
    with pytest.raises(ValueError, match=said):
        models.create(expression, 3)
