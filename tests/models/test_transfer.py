import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax import models, trees
from tljax.models.transfer import Backbone, TransferModel, stage

CASES = [
    ("resnet20_cifar(width=4)", {"input_size": (8, 8)}),
    (
        "cnn(widths=(4, 8), dropout=0.3)",
        {"in_channels": 1, "input_size": (8, 8), "head": "mlp(mlp_dim=4, dropout=0.5)", "remat": ("stage1",)},
    ),
    ("mlp(widths=(8, 6), dropout=0.5)", {"in_channels": 5, "input_size": (), "head": "cosine"}),
    ("cnn(widths=(4, 4, 4))", {"input_size": (8, 8)}),
]


@functools.cache
def build(case):
    expression, kwargs = CASES[case]
    model = models.create(expression, num_classes=3, **kwargs)
    variables = models.init(model, jax.random.key(0))
    return model, variables, jax.random.normal(jax.random.key(1), (4, *model.input_spec["x"].shape))


@pytest.mark.parametrize("case", range(len(CASES)))
def test_stages_own_the_parameters_and_slices_equal_the_whole(case):
    model, variables, x = build(case)
    assert set(variables["params"]["backbone"]) == set(model.stages)
    assert all(trees.size(stage) > 0 for stage in variables["params"]["backbone"].values())
    for train in ((), True):

        def call(batch, train=train, **bounds):
            rngs = {"dropout": jax.random.key(3)}
            return model.apply(variables, batch, train=train, rngs=rngs, mutable=["batch_stats"], **bounds)

        whole, stats = call(x, taps=model.stages[:1])
        assert set(whole.taps) == {model.stages[0]}
        for cut in (*model.stages, "head"):
            first, a = call(x, stop=cut)
            second, b = call(first.batch, start=cut)
            assert first.logits is None
            np.testing.assert_array_equal(second.logits, whole.logits)
            np.testing.assert_array_equal(second.features, whole.features)
            assert trees.flatten(a).keys() == trees.flatten(b).keys() == trees.flatten(stats).keys()


def test_a_bare_array_of_features_is_enough_for_the_head():
    model, variables, x = build(3)
    whole = model.apply(variables, x)
    np.testing.assert_array_equal(model.apply(variables, whole.features, start="head").logits, whole.logits)


def test_batch_norm_updates_only_where_told():
    model, variables, x = build(3)
    _, updated = model.apply(variables, x, train=("stage2", "head"), mutable=["batch_stats"])
    before, after = trees.flatten(variables["batch_stats"]), trees.flatten(updated["batch_stats"])
    moved = {path.split("/")[1] for path in before if not np.array_equal(before[path], after[path])}
    assert moved == {"stage2"}
    _, updated = model.apply(variables, x, train=(), batch_stats_in=("stem",), mutable=["batch_stats"])
    after = trees.flatten(updated["batch_stats"])
    assert {p.split("/")[1] for p in before if not np.array_equal(before[p], after[p])} == {"stem"}


def test_evaluation_is_the_default_and_needs_no_rng():
    model, variables, x = build(1)
    np.testing.assert_array_equal(model.apply(variables, x).logits, model.apply(variables, {"x": x}).logits)


def test_bfloat16_computes_in_it_and_keeps_the_rest_in_float32():
    model = models.create("cnn(widths=(4, 8))", 3, dtype="bfloat16", input_size=(8, 8))
    variables = models.init(model, jax.random.key(0))
    assert {leaf.dtype for leaf in trees.flatten(variables).values()} == {jnp.dtype("float32")}
    x = jax.random.normal(jax.random.key(1), (2, 8, 8, 3))
    out, stats = model.apply(variables, x, batch_stats_in=True, mutable=["batch_stats"])
    assert out.batch["x"].dtype == jnp.bfloat16 and out.logits.dtype == out.features.dtype == jnp.float32
    assert {leaf.dtype for leaf in trees.flatten(stats).values()} == {jnp.dtype("float32")}
    exact = models.create("cnn(widths=(4, 8))", 3, input_size=(8, 8)).apply(variables, x).logits
    np.testing.assert_allclose(model.apply(variables, x).logits, exact, atol=0.05)


def test_models_compare_and_hash_by_value():
    a, b = (models.create("resnet20_cifar", 10) for _ in range(2))
    assert a == b and hash(a) == hash(b) and a != models.create("resnet32_cifar", 10)


def test_depths_have_the_published_sizes():
    published = {20: 0.27, 32: 0.46, 44: 0.66, 56: 0.85, 110: 1.7}  # million parameters, He et al. 2016, table 6
    for depth, millions in published.items():
        size = trees.size(models.shapes(models.create(f"resnet{depth}_cifar", 10))["params"])
        assert abs(size / 1e6 - millions) < 0.035


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m, v, x: m.apply(v, x, start="stage9"), "no stage is called 'stage9'"),
        (lambda m, v, x: m.apply(v, x, start="stage1", stop="stem"), "comes before"),
        (lambda m, v, x: m.apply(v, x, train=("steam",)), "no part is called"),
        (lambda m, v, x: m.apply(v, x, taps=("nowhere",)), "no intermediate is called"),
        (lambda m, v, x: m.apply(v, x[..., :2]), "the model takes"),
        (lambda m, v, x: m.apply(v, {"label": x}), "has no 'x'"),
        (lambda m, v, x: models.create("resnet20_cifar", 0), "at least 1"),
        (lambda m, v, x: models.create("resnet20_cifar", 2, dtype="float16"), "bfloat16"),
        (lambda m, v, x: models.create("resnet20_cifar", 2, remat=("stage7",)), "remat names"),
        (lambda m, v, x: models.create("mlp(widths=())", 2), "at least one width"),
    ],
)
def test_mistakes_are_named(call, said):
    with pytest.raises(ValueError, match=said):
        call(*build(3))


def test_a_mask_weighs_tokens():
    x = jnp.arange(12.0).reshape(1, 3, 4)
    mask = jnp.array([[1, 0, 1]])
    np.testing.assert_allclose(models.mean_pool({"x": x, "mask": mask}), (x[:, 0] + x[:, 2]) / 2)
    assert np.isfinite(models.mean_pool({"x": x, "mask": jnp.zeros((1, 3))})).all()


@pytest.mark.parametrize(("output", "kind"), [(lambda x: x, "an array"), (lambda x: None, "NoneType")])
def test_a_stage_that_returns_no_batch_is_named(output, kind):
    class Broken(nn.Module):
        @nn.compact
        def __call__(self, batch, *, train, batch_stats_in):
            return output(nn.Dense(2)(batch["x"]))

    for remat in ((), ("b",)):
        backbone = Backbone((stage("a", Whole), stage("b", Broken)), inputs=(("x", (3,), "float32"),), remat=remat)
        model = TransferModel(backbone, nn.Dense(2))
        with pytest.raises(ValueError, match=f"stage 'b' returned {kind}, expected the batch: return batch | "):
            model.init(jax.random.key(0), jnp.ones((1, 3)))


class Whole(nn.Module):
    @nn.compact
    def __call__(self, batch, *, train, batch_stats_in):
        return batch | {"x": nn.Dense(3)(batch["x"])}
