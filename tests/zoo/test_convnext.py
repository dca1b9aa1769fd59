"""ConvNeXt: sizes, stages, layer scale, stochastic depth, refusals."""

import jax
import numpy as np
import pytest

from tests.zoo.stage_shapes import stage_shapes
from tljax import models, trees

TINY = "convnext_tiny(width=4, depths=(1, 2){})"


def tiny(more: str = "") -> models.TransferModel:
    return models.create(TINY.format(more), 3, input_size=(32, 16))


@pytest.fixture(scope="module")
def variables():
    """Layer scale 1, so that the blocks count."""
    return models.init(tiny(", layer_scale=1.0"), jax.random.key(0))


@pytest.fixture(scope="module")
def x():
    return jax.random.normal(jax.random.key(1), (2, 32, 16, 3))


def apply(model, variables, x, **kwargs):
    return jax.jit(lambda v, x: model.apply(v, x, **kwargs), compiler_options={"xla_backend_optimization_level": 0})(variables, x)


def test_parameter_counts_are_the_published_ones():
    counts = {size: trees.size(models.shapes(models.create(f"convnext_{size}", 1000))["params"]) for size in ("tiny", "base")}
    assert counts == {"tiny": 28_589_128, "base": 88_591_464}


def test_stages_halve_the_map_and_the_norm_follows_the_mean(variables, x):
    model = tiny()
    assert model.stages == ("stem", "stage1", "stage2", "norm")
    assert stage_shapes(model, 32, 16) == [(8, 4, 4), (8, 4, 4), (4, 2, 8), (8,)]
    first = apply(model, variables, x, stop="norm")
    np.testing.assert_allclose(first.features, first.batch["x"].mean((1, 2)), rtol=1e-5, atol=1e-6)


def test_a_skipped_branch_is_the_identity_and_a_scale_of_zero_too(variables, x):
    model = tiny(", drop_path=0.999999")
    rows = apply(model, variables, x, taps=("stage1", "stage2"), train=True, rngs={"dropout": jax.random.key(0)})
    assert np.abs(rows.taps["stage1"] - apply(model, variables, x, taps=("stage1",)).taps["stage1"]).max() < 1e-6  # the first has rate 0
    flat = trees.flatten(variables)
    zeroed = trees.unflatten({p: np.zeros_like(a) if p.endswith("stage2/block1/scale") else a for p, a in flat.items()})
    without = {p: a for p, a in flat.items() if "block1" not in p}
    shorter = models.create("convnext_tiny(width=4, depths=(1, 1))", 3, input_size=(32, 16))
    np.testing.assert_allclose(apply(tiny(), zeroed, x).logits, apply(shorter, trees.unflatten(without), x).logits, atol=1e-6)
    assert "scale" not in models.shapes(tiny(", layer_scale=0.0"))["params"]["backbone"]["stage1"]["block0"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [("depths=()", r"depths=\(\)"), ("depths=(1, 0)", r"depths=\(1, 0\)"), ("width=0", "width=0"), ("drop_path=1.0", "drop_path=1.0")],
)
def test_arguments_outside_their_range_are_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        models.create(f"convnext_tiny({arguments})", 3)
