"""Inverted residuals: rounded widths, what a block computes, padding, dropped branches."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax.models.layers import inverted_residual
from tljax.models.layers.convolution import DepthwiseConv
from tljax.models.layers.inverted_residual import InvertedResidual, Spec, SqueezeExcite, divisible, same

CONVENTIONS = {"padding": "symmetric", "epsilon": 1e-5, "momentum": 0.9}
ADDED = Spec("block", 3, 1, 8, 4, squeeze=2, drop_path=0.5)


def images(count, side, channels):
    return jnp.asarray(np.random.default_rng(0).normal(size=(count, side, side, channels)), jnp.float32)


def drawn(module, x):
    """Variables of a module, drawn without compiling anything."""
    shapes, r = jax.eval_shape(lambda: module.init(jax.random.key(0), x, False, False)), np.random.default_rng(1)
    return jax.tree.map(lambda leaf: jnp.asarray(r.uniform(0.2, 1, leaf.shape), jnp.float32), shapes)


def test_rounded_widths_are_the_nearest_multiples_of_eight_but_not_much_narrower():
    for tenths in range(1, 4000):
        channels = tenths / 10
        got = divisible(channels)
        near = {8 * n for n in range(1, 60) if abs(8 * n - channels) <= 4} or {8}
        assert got % 8 == 0 and got >= 0.9 * channels
        assert got in near or (got - 8 in near and got - 8 < 0.9 * channels), channels
    assert [divisible(n) for n in (1, 11, 12, 22.4, 44.8, 67.2)] == [8, 16, 16, 24, 48, 64]  # 11: 8 would be 27 % narrower


def test_the_squeezed_mean_gates_every_channel():
    x = images(2, 3, 4)
    r = np.random.default_rng(1)
    reduce, expand, bias = (r.normal(size=size).astype(np.float32) for size in ((4, 2), (2, 4), 2))
    params = {"reduce": {"kernel": reduce[None, None], "bias": bias}, "expand": {"kernel": expand[None, None], "bias": np.zeros(4)}}
    hidden = np.maximum(np.asarray(x).mean((1, 2)) @ reduce + bias, 0)
    gate = np.clip((hidden @ expand + 3) / 6, 0, 1)
    got = jax.jit(SqueezeExcite(2, ("relu", "hard_sigmoid")).apply)({"params": params}, x)
    np.testing.assert_allclose(got, x * gate[:, None, None], atol=1e-6)
    assert len(np.unique(gate.round(4))) > 4


def test_a_dropped_branch_leaves_an_example_as_it_is_and_the_others_twice_the_branch():
    module, x = InvertedResidual(ADDED, **CONVENTIONS), images(16, 5, 4)
    variables = drawn(module, x)
    run = jax.jit(functools.partial(module.apply, batch_stats_in=False), static_argnames="train")
    branch = run(variables, x, train=False) - x
    got = run(variables, x, train=True, rngs={"dropout": jax.random.key(3)}) - x
    kept = np.asarray(jnp.abs(got).max((1, 2, 3)) > 0)
    assert 3 < kept.sum() < 13
    np.testing.assert_allclose(got, 2 * branch * kept[:, None, None, None], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("spec", [ADDED._replace(stride=2), ADDED._replace(width=6)])
def test_where_the_shape_changes_nothing_is_added_and_no_branch_dropped(spec):
    x = images(2, 6, 4)
    module = InvertedResidual(spec, **CONVENTIONS)
    variables = drawn(module, x)
    # BatchNorm's scale of the projection is the last factor of the branch: with 0 all that is left would be the shortcut
    params = variables["params"] | {"project_bn": jax.tree.map(jnp.zeros_like, variables["params"]["project_bn"])}
    out = jax.jit(functools.partial(module.apply, train=True, batch_stats_in=False))(variables | {"params": params}, x)  # without an rng
    assert out.shape == (2, 6 // spec.stride, 6 // spec.stride, spec.width) and not np.asarray(out).any()


def test_nothing_widens_where_the_channels_inside_are_the_inputs():
    def layers(expanded, squeeze):
        module = InvertedResidual(ADDED._replace(expanded=expanded, squeeze=squeeze), **CONVENTIONS)
        return set(jax.eval_shape(lambda: module.init(jax.random.key(0), images(1, 5, 4), False, False))["params"])

    always = {"depthwise", "depthwise_bn", "project", "project_bn"}
    assert layers(4, 0) == always and layers(4, 1) == always | {"se"} and layers(8, 0) == always | {"expand", "expand_bn"}


@pytest.mark.parametrize("size", [3, 5])
def test_the_paddings_give_one_size_and_differ_only_where_it_is_even(size):
    kernel = {"params": {"kernel": jnp.asarray(np.random.default_rng(2).normal(size=(size, size, 1, 1)), jnp.float32)}}
    for side, differs in ((8, True), (9, False)):
        x = images(1, side, 1)
        a, b = (jax.jit(DepthwiseConv(size, 2, same(padding, size)).apply)(kernel, x) for padding in ("symmetric", "asymmetric"))
        assert a.shape == b.shape == (1, -(-side // 2), -(-side // 2), 1) and (np.abs(a - b).max() > 1e-3) == differs


@pytest.mark.parametrize("other", [{"padding": "same"}, {"epsilon": 0.0}, {"momentum": 1.0}])
def test_unknown_conventions_are_refused(other):
    network = inverted_residual.Network(8, {"stage1": (ADDED,)}, 8, "relu")
    values = CONVENTIONS | other
    message = "padding={padding!r} is symmetric or asymmetric, epsilon={epsilon} above 0, momentum={momentum}".format(**values)
    with pytest.raises(ValueError, match=message):
        inverted_residual.backbone(network, **values, in_channels=3, input_size=(32, 32), dtype="float32")
