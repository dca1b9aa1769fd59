"""Text encoders: what padding, segments, positions and pools must and must not change."""

import jax
import numpy as np
import pytest

from tests.parity.tokens import texts
from tljax import models, trees

SMALL = "width=16, depth=2, heads=4, mlp_dim=24, positions=20"
ENCODERS = {
    "cls": f"bert({SMALL}, pool='cls')",
    "pooler": f"bert({SMALL})",
    "roberta": f"bert({SMALL}, pool='mean', segments=1, offset=2)",
    "albert": f"albert({SMALL}, embedding=8, pool='pooler')",
}


def made(expression: str):
    """A model, its variables (matrices eight times as large as drawn, or at this width attention would hardly count), and its call."""
    model = models.create(expression, 3, in_channels=60, input_size=(12,))
    variables = jax.tree.map(lambda a: a * (8 if a.ndim > 1 else 1), models.init(model, jax.random.key(0)))
    quick = {"xla_backend_optimization_level": 0}  # each runs a few times: what LLVM would save is less than it takes
    return model, variables, jax.jit(model.apply, static_argnames=("start", "stop", "train", "taps"), compiler_options=quick)


@pytest.mark.parametrize("label", ENCODERS)
def test_what_lies_beyond_the_mask_changes_no_feature_and_what_lies_within_does(label):
    _, variables, run = made(ENCODERS[label])
    batch = texts(12)(2)
    assert batch["mask"].sum(1).tolist() == [12, 9]
    whole = run(variables, batch)
    beyond = (batch["x"] + 7 * (1 - batch["mask"])).astype(np.int32)
    np.testing.assert_array_equal(run(variables, batch | {"x": beyond}).features, whole.features)
    within = batch["x"].copy()
    within[:, 5] = 50
    assert np.abs(run(variables, batch | {"x": within}).features - whole.features).max(axis=1).min() > 1e-2
    shorter = run(variables, {name: a[1:, :9] for name, a in batch.items()})  # any length that there are positions for
    np.testing.assert_allclose(shorter.features, whole.features[1:], atol=1e-6)
    np.testing.assert_allclose(shorter.logits, whole.logits[1:], atol=1e-6)


def test_segments_and_order_matter():
    _, variables, run = made(ENCODERS["cls"])
    batch = texts(12)(2)
    of = [batch, batch | {"segment": 1 - batch["segment"]}, {name: np.concatenate([a[:, :1], a[:, :0:-1]], 1) for name, a in batch.items()}]
    first, *others = (np.asarray(run(variables, b).features) for b in of)
    assert all(np.abs(first - other).max() > 1e-2 for other in others)


def test_a_slice_equals_the_whole_dropout_included_and_hands_the_tokens_on():
    model, variables, run = made(f"bert({SMALL}, dropout=0.4)")
    batch, rngs = texts(12)(2), {"dropout": jax.random.key(1)}
    whole = run(variables, batch, train=True, rngs=rngs, taps=("block01",))
    first = run(variables, batch, stop="block01", train=True, rngs=rngs)
    rest = run(variables, first.batch, start="block01", train=True, rngs=rngs)
    np.testing.assert_array_equal(rest.logits, whole.logits)
    np.testing.assert_array_equal(rest.batch["tokens"], whole.taps["block01"])
    assert np.abs(whole.logits - run(variables, batch, train=True, rngs={"dropout": jax.random.key(2)}).logits).max() > 1e-2
    assert model.stages == ("embed", "block00", "block01", "pooler")


def test_too_many_tokens_and_a_missing_input_are_said():
    model = models.create(ENCODERS["roberta"], 3, in_channels=60, input_size=(12,))
    variables = models.shapes(model)

    def apply(**batch):
        jax.eval_shape(model.apply, variables, batch)

    with pytest.raises(ValueError, match=r"19 tokens, but there are positions for 18"):
        apply(x=np.zeros((1, 19), np.int32), mask=np.ones((1, 19), np.int32))
    with pytest.raises(ValueError, match=r"no 'mask'"):
        apply(x=np.zeros((1, 4), np.int32))
    with pytest.raises(ValueError, match=r"'x' is \(4,\)"):
        apply(x=np.zeros(4, np.int32), mask=np.ones(4, np.int32))


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("bert(heads=5)", "a width that the heads divide"),
        ("bert(pool='max')", "pool='max' must be one of cls, mean, pooler"),
        ("albert(activation='swish')", "activation='swish'"),
        ("bert(dropout=1.0)", r"dropout=1.0"),
        ("roberta_base(input_size=(513,))", r"1 to 512"),
        ("bert(input_size=(32, 32))", r"expected \(tokens,\)"),
    ],
)
def test_arguments_outside_their_range_are_named(expression, said):
    with pytest.raises(ValueError, match=said):
        models.create(expression, 3, in_channels=9)


@pytest.mark.parametrize(
    ("name", "vocabulary", "millions"),
    [  # as published: Devlin et al. 2019; Turc et al. 2019; Liu et al. 2019; Sanh et al. 2019; Lan et al. 2020; Wang et al. 2020
        ("bert_tiny", 30522, 4.4),
        ("bert_mini", 30522, 11.2),
        ("bert_small", 30522, 28.8),
        ("bert_medium", 30522, 41.4),
        ("bert_base", 30522, 109.5),
        ("bert_large", 30522, 335.1),
        ("roberta_base", 50265, 124.1),
        ("roberta_large", 50265, 354.3),
        ("distilbert", 30522, 66.4),
        ("minilm_l6", 30522, 22.6),
        ("albert_base", 30000, 11.7),
        ("albert_xxlarge", 30000, 222.6),
    ],
)
def test_sizes_are_the_published_ones(name, vocabulary, millions):
    backbone = models.shapes(models.create(name, 2, in_channels=vocabulary))["params"]["backbone"]
    assert round(trees.size(backbone) / 1e6, 1) == millions


def test_albert_s_depth_costs_no_parameter_and_changes_the_output():
    shallow, _, once = made("albert(width=16, depth=1, heads=4, embedding=8, positions=20)")
    deep, variables, thrice = made("albert(width=16, depth=3, heads=4, embedding=8, positions=20)")
    assert trees.flatten(models.shapes(shallow)) == trees.flatten(models.shapes(deep))
    assert np.abs(once(variables, texts(12)(2)).features - thrice(variables, texts(12)(2)).features).max() > 1e-2
