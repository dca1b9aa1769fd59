"""Heads that read tokens."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.parity.tokens import texts
from tljax import models

SMALL = "bert(width=16, depth=1, heads=4, positions=20, pool={!r})"


def run(head: str, num_classes: int, pool: str):
    model = models.create(SMALL.format(pool), num_classes, head, in_channels=60, input_size=(12,))
    variables = models.init(model, jax.random.key(0))
    return model, variables, jax.jit(model.apply)(variables, texts(12)(2))


def test_tokens_are_read_from_behind_a_pooler_too():
    for pool in ("mean", "pooler"):
        _, variables, out = run("tokens", 5, pool)
        assert out.logits.shape == (2, 12, 5)
        kernel = variables["params"]["head"]["kernel"]
        assert np.abs(out.logits - (out.batch["tokens"] if pool == "pooler" else out.batch["x"]) @ kernel).max() < 1e-5
    with pytest.raises(ValueError, match=r"vectors of tokens \[B, T, D\], but the backbone gives \(1, 16\)"):
        models.shapes(models.create("mlp(widths=(16,))", 5, "tokens"))


def test_a_span_has_two_ends():
    _, _, out = run("span", 2, "mean")
    assert out.logits["start"].shape == out.logits["end"].shape == (2, 12)
    assert np.abs(out.logits["start"] - out.logits["end"]).max() > 1e-3
    with pytest.raises(ValueError, match="not num_classes=3"):
        models.create(SMALL.format("mean"), 3, "span", in_channels=60, input_size=(12,))


def test_the_masked_language_head_shares_the_word_embeddings():
    model, variables, out = run("masked_lm", 60, "pooler")
    assert out.logits.shape == (2, 12, 60) and set(variables["params"]["head"]) == {"dense", "norm", "token_bias"}

    def of_unused_token(params):  # 59 does not occur in the input, so only the decoder reads its row
        return model.apply({"params": params}, texts(12)(2) | {"x": jnp.full((2, 12), 7)}).logits[:, 0, 59].sum()

    gradient = jax.jit(jax.grad(of_unused_token))(variables["params"])["backbone"]["embed"]["word"]
    assert np.abs(gradient[59]).max() > 1e-2 and np.abs(gradient[58]).max() == 0
    with pytest.raises(ValueError, match="num_classes=61, but the vocabulary holds 60"):
        models.shapes(models.create(SMALL.format("mean"), 61, "masked_lm", in_channels=60, input_size=(12,)))


def test_features_alone_have_no_parameter_and_can_have_length_one():
    _, variables, out = run("features(normalize=True)", 16, "mean")
    assert "head" not in variables["params"]
    np.testing.assert_allclose(np.linalg.norm(out.logits, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(out.logits * np.linalg.norm(out.features, axis=1, keepdims=True), out.features, atol=1e-6)
    with pytest.raises(ValueError, match="num_classes=15, but the backbone gives 16"):
        models.shapes(models.create(SMALL.format("mean"), 15, "features", in_channels=60, input_size=(12,)))
