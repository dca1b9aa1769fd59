"""MobileNetV1: shapes, stages, options."""

import jax
import numpy as np
import pytest

from tests.zoo.stage_shapes import stage_shapes
from tljax import models, trees

TINY = models.create("mobilenet_v1(width=0.125)", 3, input_size=(32, 32))


def test_parameter_counts_of_the_paper():
    """Table 6 and 7 of Howard et al. 2017 round them: 4.2, 2.6, 1.3, 0.5 million with the classifier."""
    counts = {w: trees.size(models.shapes(models.create(f"mobilenet_v1(width={w})", 1000))["params"]) for w in (1.0, 0.75, 0.5, 0.25)}
    assert [round(n / 1e6, 1) for n in counts.values()] == [4.2, 2.6, 1.3, 0.5]


def test_one_stage_per_resolution():
    assert [shape[:2] for shape in stage_shapes(TINY, 32, 32)] == [(16, 16), (16, 16), (8, 8), (4, 4), (2, 2), (1, 1)]


def test_the_options_change_the_function():
    variables = models.init(TINY, jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (2, 32, 32, 3)) * 20
    seen = [np.asarray(TINY.apply(variables, x).features)]
    for option in ("activation='relu6'", "activation='leaky_relu'", "padding='asymmetric'", "epsilon=0.1"):
        other = models.create(f"mobilenet_v1(width=0.125, {option})", 3, input_size=(32, 32))
        seen.append(np.asarray(other.apply(variables, x).features))
    assert all(np.abs(a - b).max() > 1e-4 for i, a in enumerate(seen) for b in seen[:i])


@pytest.mark.parametrize(
    ("arguments", "said"), [("activation='gelo'", "gelo"), ("padding='same'", "same"), ("width=0.01", "0 channels"), ("width='1'", "width")]
)
def test_mistakes_are_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        models.create(f"mobilenet_v1({arguments})", 3)
