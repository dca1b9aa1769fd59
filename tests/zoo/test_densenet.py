"""DenseNet: published sizes, resolutions, connections, options."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from tljax import models, trees

TINY = models.create("densenet121(layers=(1, 2, 1, 1), growth=2, width=4, dropout=0.5)", 3)


@functools.cache
def variables():
    r = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(r.uniform(0.1, 1, leaf.shape), jnp.float32), models.shapes(TINY))


def test_the_size_of_the_published_model():
    assert trees.size(models.shapes(models.create("densenet121", 1000))["params"]) == 7_978_856  # torchvision's table of weights


def test_resolutions_and_widths():
    x = jnp.zeros((2, 70, 64, 3))
    out = jax.eval_shape(functools.partial(TINY.apply, taps=TINY.stages), variables(), x)
    wanted = {"stem": (18, 16, 4), "stage1": (18, 16, 6), "stage2": (9, 8, 7), "stage3": (4, 4, 5), "stage4": (2, 2, 4), "norm": (2, 2, 4)}
    assert {stage: out.taps[stage].shape[1:] for stage in TINY.stages} == wanted


def test_a_layer_keeps_what_it_was_given_and_dropout_touches_only_what_it_adds():
    x = jnp.asarray(np.random.default_rng(1).uniform(size=(2, 8, 8, 4)), jnp.float32)
    run = functools.partial(TINY.apply, variables(), {"x": x}, start="stage1", stop="stage2", batch_stats_in=())
    plain = run().batch["x"]
    dropped = run(train=True, rngs={"dropout": jax.random.key(0)}).batch["x"]
    np.testing.assert_array_equal(plain[..., :4], x)
    np.testing.assert_array_equal(dropped[..., :4], x)
    kept = dropped[..., 4:] != 0
    assert 0.3 < kept.mean() < 0.7
    np.testing.assert_allclose(dropped[..., 4:], jnp.where(kept, 2 * plain[..., 4:], 0), rtol=1e-5)
