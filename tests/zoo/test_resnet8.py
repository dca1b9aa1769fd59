"""ResNet-8: size, resolutions, TensorFlow's padding."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from tljax import models, trees

MODEL = models.create("resnet8(width=2)", 3)


@functools.cache
def variables():
    r = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(r.uniform(0.1, 1, leaf.shape), jnp.float32), models.shapes(MODEL))


def test_resolutions_and_parameters():
    out = jax.eval_shape(functools.partial(MODEL.apply, taps=MODEL.stages), variables(), jnp.zeros((1, 32, 32, 3)))
    shapes = [out.taps[stage].shape[1:] for stage in MODEL.stages]
    assert shapes == [(32, 32, 2), (32, 32, 2), (16, 16, 4), (8, 8, 8)]
    assert trees.size(models.shapes(models.create("resnet8", 10))) == 78_666  # with statistics, as Keras counts


def test_a_stride_of_2_pads_only_at_the_bottom_and_right():
    x = jnp.zeros((1, 8, 8, 2)).at[0, 0, 0].set(1.0)

    def total(x):
        return MODEL.apply(variables(), {"x": x}, start="stage2", stop="stage3").batch["x"][0, 0, 0].sum()

    seen = jax.grad(total)(x + 1)[0].any(-1)
    # output 0 of conv2 (3x3, stride 1) reads outputs 0 and 1 of conv1, which read rows 0-2 and 2-4
    assert seen[:5, :5].all() and not seen[5:].any() and not seen[:, 5:].any()
