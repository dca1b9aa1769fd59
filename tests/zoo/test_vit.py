"""Vision Transformers: what each argument does, and where a wrong one is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax import models, trees

TINY = "vit_tiny(patch=8, depth=2, width=16, heads=2{})"


def tiny(more: str = "", **kwargs) -> models.TransferModel:
    return models.create(TINY.format(more), num_classes=3, **({"input_size": (16, 24)} | kwargs))


@pytest.fixture(scope="module")
def variables():
    return models.init(tiny(), jax.random.key(0))


@pytest.fixture(scope="module")
def x():
    return jax.random.normal(jax.random.key(1), (3, 16, 24, 3))


def apply(model, variables, x, **kwargs):
    return jax.jit(lambda v, x: model.apply(v, x, **kwargs))(variables, x)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("vit_tiny", 5_717_416), ("vit_small(patch=32)", 22_878_952), ("vit_base", 86_567_656), ("vit_large(pool='mean')", 304_326_632)],
)
def test_stages_and_as_many_parameters_as_in_timm(name, parameters):
    model = models.create(name, 1000)
    depth = 24 if "large" in name else 12
    assert model.stages == ("embed", *(f"block{i:02}" for i in range(depth)), "norm")
    assert sum(leaf.size for leaf in trees.flatten(models.shapes(model)).values()) == parameters


def test_parameters_have_plain_names_and_float32_whatever_the_computation(variables):
    paths = trees.flatten(models.shapes(tiny(dtype="bfloat16")))
    assert all(leaf.dtype == jnp.float32 for leaf in paths.values()) and paths.keys() == trees.flatten(variables).keys()
    for path in (
        "embed/proj/kernel",
        "embed/cls",
        "embed/position",
        "block00/attention/query/kernel",
        "block01/mlp/fc1/bias",
        "norm/scale",
    ):
        assert f"params/backbone/{path}" in paths


def test_bfloat16_is_close(variables, x):
    exact, rough = apply(tiny(), variables, x), apply(tiny(dtype="bfloat16"), variables, x)
    assert rough.batch["x"].dtype == jnp.bfloat16 and rough.features.dtype == rough.logits.dtype == jnp.float32
    np.testing.assert_allclose(rough.features, exact.features, atol=0.05)


@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_features_are_normalized_and_pooled(pool, variables, x):
    model = tiny(f", pool={pool!r}")
    out = apply(model, variables, x, taps=model.stages)
    np.testing.assert_allclose(out.features.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(out.features.std(-1), 1, rtol=1e-3)
    tokens = out.taps["block01"]
    assert tokens.shape == (3, 1 + 6, 16)
    early = apply(model, variables, x, stop="norm").features
    np.testing.assert_allclose(early, tokens[:, 0] if pool == "cls" else tokens[:, 1:].mean(1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("ones", "share", "value"),
    [
        ("embed/position", 0.5, 2),
        ("block00/attention/out/bias", 0.5, 2),
        ("block00/mlp/fc2/bias", 0.5, 2),
        ("block00/mlp/fc1/bias", 0.25, 4 * jax.nn.gelu(1, approximate=False)),  # dropped after the GELU and after fc2
    ],
)
def test_dropout_at_each_of_its_sites(ones, share, value, half_dropped):
    """Parameters of 0 but for the given ones, and fc2 that passes hidden units on: tokens are 0, or what one site (for fc1 two) kept."""
    tokens = half_dropped(ones)
    np.testing.assert_allclose(np.unique(tokens), [0, value], rtol=1e-6)
    assert abs((tokens != 0).mean() - share) < 0.05


@pytest.fixture(scope="module")
def half_dropped():
    """The tokens after the first block, in training at rate 0.5, with parameters of 1 where asked for."""
    model = models.create("vit_tiny(patch=8, depth=1, width=16, heads=2, dropout=0.5)", 3, input_size=(16, 24))
    x = jnp.zeros((64, 16, 24, 3))
    run = jax.jit(lambda v: model.apply(v, x, taps=("block00",), train=True, rngs={"dropout": jax.random.key(0)}).taps["block00"])
    zeros = {path: jnp.zeros(leaf.shape) for path, leaf in trees.flatten(models.shapes(model)).items()}
    fc2 = {"params/backbone/block00/mlp/fc2/kernel": jnp.eye(64, 16)}

    def tokens(ones):
        path = f"params/backbone/{ones}"
        return np.asarray(run(trees.unflatten(zeros | fc2 | {path: jnp.ones_like(zeros[path])})))

    return tokens


def test_patches_are_a_set_but_for_their_positions(variables, x):
    """Turning the image's patches round and their position embeddings with them changes nothing but the order."""
    turned = jnp.flip(x.reshape(3, 2, 8, 3, 8, 3), (1, 3)).reshape(x.shape)
    params = trees.flatten(variables)
    position = params["params/backbone/embed/position"]
    params["params/backbone/embed/position"] = jnp.concatenate([position[:, :1], jnp.flip(position[:, 1:], 1)], axis=1)
    out = apply(tiny(), variables, x)
    np.testing.assert_allclose(apply(tiny(), trees.unflatten(params), turned).logits, out.logits, atol=1e-5)
    assert np.abs(apply(tiny(), variables, turned).logits - out.logits).max() > 1e-4


def test_drop_path_skips_whole_branches_and_scales_what_is_kept(variables):
    model = tiny(", drop_path=0.5")  # the first block has rate 0, the second 0.5
    x = jax.random.normal(jax.random.key(3), (64, 16, 24, 3))
    rngs = {"dropout": jax.random.key(0)}
    run = jax.jit(lambda v, train: model.apply(v, x, taps=model.stages, train=train, rngs=rngs).taps, static_argnums=1)
    flat = trees.flatten(variables)
    out = "params/backbone/block01/attention/out/"
    flat |= {path: jnp.zeros_like(leaf) for path, leaf in flat.items() if path.startswith(out)}
    trained, without_attention = run(variables, True), run(trees.unflatten(flat), False)
    np.testing.assert_allclose(trained["block00"], without_attention["block00"], atol=1e-6)
    added = trained["block01"] - trained["block00"]
    mlp = without_attention["block01"] - without_attention["block00"]
    for kept in (0, 2 * mlp):  # both branches skipped, only attention skipped: a quarter of the 64 each
        assert 6 <= (np.abs(added - kept).max(axis=(1, 2)) < 1e-5).sum() <= 28


def test_gradients_reach_every_parameter_in_bfloat16(variables, x):
    model = tiny(dtype="bfloat16")
    gradient = jax.jit(jax.grad(lambda p: (model.apply({"params": p}, x).logits ** 2).sum()))(variables["params"])
    for path, leaf in trees.flatten(gradient).items():
        assert leaf.dtype == jnp.float32 and np.isfinite(leaf).all()
        if "key/bias" not in path:  # it shifts all logits of a query alike, which a softmax does not see
            assert np.abs(leaf).max() > 0, path


@pytest.mark.parametrize(
    ("expression", "kwargs", "said"),
    [
        ("vit_tiny", {"input_size": (224, 200)}, r"multiples of patch=16, not input_size=\(224, 200\)"),
        ("vit_tiny", {"input_size": ()}, "images"),
        ("vit_tiny(patch=0)", {}, "patch=0"),
        ("vit_tiny(pool='max')", {}, "pool='max' must be one of cls, mean"),
        ("vit_tiny(heads=5)", {}, "width=192, heads=5.*multiple of the heads"),
        ("vit_tiny(depth=0)", {}, "depth=0.*1 to 100 blocks"),
        ("vit_tiny(dropout=1.0)", {}, "dropout=1.0 is a rate"),
        ("vit_tiny(drop_path=-0.1)", {}, "drop_path=-0.1 is a rate"),
    ],
)
def test_arguments_outside_their_range_are_named(expression, kwargs, said):
    with pytest.raises(ValueError, match=said):
        models.create(expression, 3, **kwargs)


def test_an_image_of_another_size_is_refused(variables):
    with pytest.raises(ValueError, match="'x' has 24 x 16 pixels, but the position embeddings are for 16 x 24"):
        tiny().apply(variables, jnp.zeros((1, 24, 16, 3)))
