"""YAMNet: size, resolutions, its first layers alone."""

import functools

import jax
import jax.numpy as jnp
import pytest

from tljax import models, trees


def test_the_size_of_the_published_model():
    full = models.shapes(models.create("yamnet", 521, in_channels=1))
    assert trees.size(full) == 3_751_369  # with statistics, as Keras counts
    assert not any(path.endswith("scale") for path in trees.flatten(full["params"]))


@pytest.mark.parametrize(("layers", "stages", "features"), [(1, 1, 32), (6, 4, 256), (7, 5, 512), (14, 6, 1024)])
def test_its_first_layers_and_their_stages(layers, stages, features):
    model = models.create(f"yamnet(layers={layers})", 3, in_channels=1)
    out = jax.eval_shape(functools.partial(model.apply, taps=model.stages), models.shapes(model), jnp.zeros((2, 96, 64, 1)))
    sides = [(48, 32), (48, 32), (24, 16), (12, 8), (6, 4), (3, 2)][:stages]
    assert [out.taps[stage].shape[1:3] for stage in model.stages] == sides and out.features.shape == (2, features)


@pytest.mark.parametrize("layers", [0, 15])
def test_a_wrong_number_of_layers_is_named(layers):
    with pytest.raises(ValueError, match=f"layers={layers}, expected 1 to 14"):
        models.create(f"yamnet(layers={layers})", 3, in_channels=1)
