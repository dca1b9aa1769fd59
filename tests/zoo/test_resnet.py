"""ResNets: published sizes, resolutions, places of the strides, initialization."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax import models, trees

TINY = {18: "resnet18(width=4)", 50: "resnet50(width=4)"}
X = np.random.default_rng(1).normal(size=(2, 40, 33, 3)).astype(np.float32)


@functools.cache
def built(depth, dtype="float32"):
    """A narrow model, and variables that need no compilation."""
    model, r = models.create(TINY[depth], num_classes=3, dtype=dtype), np.random.default_rng(0)

    def drawn(leaf):
        fan_in = np.prod(leaf.shape[:-1])
        return r.normal(0, (2 / fan_in) ** 0.5, leaf.shape) if leaf.ndim > 1 else r.uniform(0.5, 1, leaf.shape)

    return model, jax.tree.map(lambda leaf: jnp.asarray(drawn(leaf), jnp.float32), models.shapes(model))


PUBLISHED = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnext50_32x4d": 25_028_904,
    "resnext101_64x4d": 83_455_272,
    "wide_resnet101_2": 126_886_696,
}
"""torchvision's table of weights."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_those_of_the_published_models(name):
    assert trees.size(models.shapes(models.create(name, 1000))["params"]) == PUBLISHED[name]


@pytest.mark.parametrize(("depth", "expansion"), [(18, 1), (50, 4)])
def test_resolutions_and_widths(depth, expansion):
    model, variables = built(depth)
    out = jax.eval_shape(functools.partial(model.apply, taps=model.stages), variables, X)
    assert model.stages == ("stem", "stage1", "stage2", "stage3", "stage4")
    sides = [(10, 9), (10, 9), (5, 5), (3, 3), (2, 2)]  # of 40 x 33: each stride of 2 rounds up
    widths = [4, *(4 * 2**i * expansion for i in range(4))]
    assert [out.taps[stage].shape for stage in model.stages] == [(2, *side, width) for side, width in zip(sides, widths, strict=True)]


def test_the_stride_is_on_the_bottleneck_s_3x3_convolution():
    model, variables = built(50)
    x = jnp.asarray(np.random.default_rng(2).uniform(size=(1, 4, 4, 16)), jnp.float32)

    def total(x):
        return model.apply(variables, {"x": x}, start="stage2", stop="stage3").batch["x"].sum()

    assert (jax.jit(jax.grad(total))(x)[:, 1::2, 1::2] != 0).any(), "a stride on the 1x1 convolution would never read odd pixels"


def test_v1_has_the_stride_on_the_first_convolution_and_keras_has_biases():
    model = models.create("resnet50(width=4, stride_first=True, bias=True)", 3)
    variables = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 0.1), models.shapes(model))
    paths = trees.flatten(variables)
    assert all(path.replace("kernel", "bias") in paths for path in paths if path.endswith("kernel"))

    def total(x):
        return model.apply(variables, {"x": x}, start="stage2", stop="stage3").batch["x"].sum()

    seen = jax.jit(jax.grad(total))(jnp.ones((1, 4, 4, 16)))[0].any(-1)
    assert seen[::2, ::2].all() and not seen[1::2].any() and not seen[:, 1::2].any()


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("resnet18(groups=2)", "no bottlenecks"),
        ("resnet50(width=8, base_width=4)", "without channels"),
        ("resnet34(base_width=32)", "resnet34"),
    ],
)
def test_mistakes_are_named(expression, said):
    with pytest.raises(ValueError, match=said):
        models.create(expression, 3)


def test_blocks_begin_as_their_shortcuts_unless_told_otherwise():
    for zero in (True, False):
        model = models.create(f"resnet50(width=4, zero_init_last={zero})", 3)
        scales = [path for path in trees.flatten(models.shapes(model)) if path.startswith("params") and path.endswith("scale")]
        drawn = trees.flatten(models.init(model, jax.random.key(0), scales))
        assert {path for path, leaf in drawn.items() if not leaf.any()} == {path for path in scales if zero and "/bn3/" in path}
        assert sum("/bn3/" in path for path in scales) == 16 and all(leaf.all() or not leaf.any() for leaf in drawn.values())


def test_kernels_are_drawn_by_fan_out():
    model = models.create(TINY[18], 3)
    paths = [f"params/backbone/stage4/block0/{name}/kernel" for name in ("conv1", "conv2", "shortcut_conv")]
    for path, kernel in trees.flatten(models.init(model, jax.random.key(0), paths)).items():
        size, _, _, width = kernel.shape
        assert abs(np.std(kernel) / np.sqrt(2 / (size * size * width)) - 1) < 0.15, path


def test_bfloat16_computes_in_it_and_keeps_the_rest_in_float32():
    (model, variables), (half, _) = built(18), built(18, "bfloat16")
    call = functools.partial(half.apply, stop="stage2", batch_stats_in=True, mutable=["batch_stats"])
    out, stats = jax.jit(call)(variables, X)
    assert out.batch["x"].dtype == jnp.bfloat16 and out.features.dtype == jnp.float32
    assert {leaf.dtype for leaf in trees.flatten(stats).values()} == {jnp.dtype("float32")}
    exact = jax.jit(functools.partial(model.apply, stop="stage2", batch_stats_in=True, mutable=["batch_stats"]))(variables, X)[0]
    np.testing.assert_allclose(out.features, exact.features, atol=0.02 * float(jnp.abs(exact.features).max()))
