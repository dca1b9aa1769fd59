import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax import models


def test_a_part_is_two_functions_of_its_parameters():
    x = jax.random.normal(jax.random.key(1), (5, 3))
    part = models.part("mlp(8, 1)", x)
    params = part.init(jax.random.key(0))
    shapes = {name: {k: v.shape for k, v in layer.items()} for name, layer in params.items()}
    assert shapes == {"layer0": {"kernel": (3, 8), "bias": (8,)}, "layer1": {"kernel": (8, 1), "bias": (1,)}}
    hidden = np.maximum(x @ params["layer0"]["kernel"] + params["layer0"]["bias"], 0)
    np.testing.assert_allclose(part.apply(params, x), hidden @ params["layer1"]["kernel"] + params["layer1"]["bias"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(part.init(jax.random.key(0))["layer0"]["kernel"], params["layer0"]["kernel"])
    gradient = jax.grad(lambda p: part.apply(p, x).sum())(params)
    assert float(jnp.abs(gradient["layer0"]["kernel"]).sum()) > 0


def test_shapes_are_enough_and_another_batch_size_fits():
    part = models.part("mlp(4)", jax.ShapeDtypeStruct((2, 6), jnp.bfloat16))
    out = part.apply(part.init(jax.random.key(0)), jnp.ones((7, 6), jnp.bfloat16))
    assert out.shape == (7, 4) and out.dtype == jnp.float32


@pytest.mark.parametrize(
    ("expression", "error"), [("mpl(8)", KeyError), ("mlp()", ValueError), ("mlp(0)", ValueError), ("mlp('a')", ValueError)]
)
def test_mistakes_are_named(expression, error):
    with pytest.raises(error, match="mlp"):
        models.part(expression, jnp.ones((1, 2)))
