import dataclasses

import jax
import numpy as np
import pytest

from tests.train.tiny import DATA, batch, same, tiny
from tljax import models, trees
from tljax.train import initialise


def test_pretrained_values_go_in_and_a_new_head_is_imprinted_through_recalibrated_statistics():
    run = tiny("probe", bn="recalibrate")
    start = dataclasses.replace(run.start, head_init="imprint")
    state = initialise.initialise(start, None)
    assert same(state.params["backbone"], start.pretrained["params"]["backbone"])
    assert not same(state.stats, start.pretrained["batch_stats"])
    variables = {"params": start.pretrained["params"], "batch_stats": state.stats}
    features = np.asarray(run.model.apply(variables, DATA["x"]).features, np.float64)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    means = np.stack([unit[DATA["label"] == c].mean(0) for c in range(3)], 1)
    np.testing.assert_allclose(state.params["head"]["kernel"], means / np.linalg.norm(means, axis=0), rtol=1e-4, atol=1e-6)


def test_recalibrated_statistics_are_those_of_the_data():
    model = models.create("cnn(widths=(4,))", 3, in_channels=1, input_size=(8, 8))
    variables = models.init(model, jax.random.key(0))
    stats = initialise.recalibrated(model, variables, [batch(0), batch(1), batch(2)])
    kernel = variables["params"]["backbone"]["stem"]["conv"]["kernel"]
    out = jax.lax.conv_general_dilated(DATA["x"], kernel, (1, 1), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC"))
    np.testing.assert_allclose(stats["backbone"]["stem"]["bn"]["mean"], out.mean((0, 1, 2)), atol=1e-5)
    np.testing.assert_allclose(stats["backbone"]["stem"]["bn"]["var"], out.var((0, 1, 2)), rtol=1e-4)


def test_what_cannot_be_done_is_said():
    plain = tiny("full", model="mlp(widths=(8,))")
    with pytest.raises(ValueError, match="has no BatchNorm"):
        initialise.recalibrated(plain.model, plain.start.pretrained, [batch(0)])
    deep = tiny("full", model="mlp(widths=(8,))", head="mlp(hidden=4)")
    with pytest.raises(ValueError, match="one kernel"):
        initialise.initialise(dataclasses.replace(deep.start, head_init="ridge"), None)


def test_the_same_seed_gives_the_same_start_and_another_does_not():
    start = dataclasses.replace(tiny("full").start, pretrained=None)
    a, b = (initialise.initialise(start, None) for _ in range(2))
    c = initialise.initialise(dataclasses.replace(start, seed=1), None)
    assert same(a.params, b.params) and not same(a.params, c.params)
    assert trees.flatten(a.params).keys() == trees.flatten(models.shapes(start.model)["params"]).keys()
