"""GoogLeNet: published size, resolutions, slices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax import models, strategies, trees

TINY = "googlenet(width=0.0625)"


@functools.cache
def built():
    """A narrow model, and variables that need no compilation."""
    model, r = models.create(TINY, 3), np.random.default_rng(1)
    return model, jax.tree.map(lambda leaf: jnp.asarray(r.uniform(0.1, 0.5, leaf.shape), jnp.float32), models.shapes(model))


def shapes(*size):
    """Of the stages' outputs, for images of a size."""
    model, variables = built()
    out = jax.eval_shape(functools.partial(model.apply, taps=model.stages), variables, np.zeros((1, *size, 3), np.float32))
    return [out.taps[stage].shape[1:] for stage in model.stages]


def test_the_size_is_that_of_the_published_model():
    assert trees.size(models.shapes(models.create("googlenet", 1000))["params"]) == 6_624_904  # torchvision's table of weights


def test_resolutions_round_up_and_widths_add_up():
    assert shapes(107, 80) == [(54, 40, 4), (27, 20, 12), (13, 10, 30), (6, 5, 52), (3, 3, 64)]
    assert [shape[0] for shape in shapes(224, 224)] == [112, 56, 28, 14, 7]  # the paper's


def test_a_slice_equals_the_whole_and_whole_stages_freeze():
    model, variables = built()
    x = np.random.default_rng(0).normal(size=(2, 48, 48, 3)).astype(np.float32)
    quick = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    whole = quick(functools.partial(model.apply, taps=("stage2",)))(variables, x)
    second = quick(functools.partial(model.apply, start="stage3"))(variables, {"x": whole.taps["stage2"]})
    np.testing.assert_allclose(second.logits, whole.logits, rtol=1e-5)
    assert np.abs(whole.logits[0] - whole.logits[1]).max() > 1e-3 * np.abs(whole.logits).max()
    phase = strategies.create("freeze_first(3)", model.stages).phases[0]
    assert strategies.trained_parts(strategies.groups(phase, variables["params"]), model.stages) == ("stage3", "stage4", "head")


@pytest.mark.parametrize(("width", "said"), [(0.0, "width=0.0 must be positive"), (0.05, "leaves a convolution with 16 outputs none")])
def test_mistakes_are_named(width, said):
    with pytest.raises(ValueError, match=said):
        models.create(f"googlenet(width={width})", 3)


def test_images_that_leave_no_pixel_are_refused():
    with pytest.raises(ValueError, match="the images are too small"):
        shapes(4, 4)
