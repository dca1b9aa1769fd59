import tracemalloc
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn import metrics as sk

from tljax import metrics
from tljax.metrics import batch_statistics, join_batches


@pytest.mark.parametrize("batch_size", [1, 4, 11])
def test_agrees_with_scikit_learn_on_the_tokens_that_count(measured, batch_size):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(11, 6, 5)).astype(np.float32), rng.integers(-2, 4, (11, 6)).astype(np.int32)  # class 4 has no token
    numbers = measured(metrics.token_accuracy(), logits, labels, batch_size=batch_size)
    counted = labels >= 0
    truth, predicted, present = labels[counted], logits[counted].argmax(1), range(4)
    assert numbers["accuracy"] == pytest.approx(sk.accuracy_score(truth, predicted))
    assert numbers["loss"] == pytest.approx(-log_softmax(logits[counted], axis=1)[np.arange(len(truth)), truth].mean(), rel=1e-5)
    assert numbers["per_class"][:4] == pytest.approx(list(sk.recall_score(truth, predicted, average=None, labels=present)))
    assert numbers["per_class"][4] is None and numbers["balanced_accuracy"] == pytest.approx(np.mean(numbers["per_class"][:4]))
    assert numbers["macro_f1"] == pytest.approx(sk.f1_score(truth, predicted, average="macro", labels=present))


def test_only_tokens_with_a_label_are_measured(measured):
    logits = np.eye(3, dtype=np.float32)[np.array([[0, 1, 2], [2, 2, 0]])] * 9
    logits[0, 2] = np.nan  # no label, no harm
    labels = np.array([[0, 1, -100], [2, 0, -1]], np.int32)
    numbers = measured(metrics.token_accuracy(), logits, labels)
    assert numbers["accuracy"] == 0.75 and numbers["per_class"] == [0.5, 1.0, 1.0]
    assert metrics.token_accuracy().signed(numbers) == 0.75


def test_awkward(measured):
    metric, logits = metrics.token_accuracy(), np.zeros((2, 3, 2), np.float32)
    with pytest.raises(ValueError, match="no labeled tokens to measure in 2 examples"):
        measured(metric, logits, np.full((2, 3), -100, np.int32))
    with pytest.raises(ValueError, match="2 tokens have a label that is no class"):
        measured(metric, logits, np.array([[0, 1, 2], [0, 9, -1]], np.int32))
    with pytest.raises(ValueError, match=r"integer labels \[B, T\]"):
        measured(metric, logits, np.zeros((2, 4, 1), np.int32))
    with pytest.raises(ValueError, match="found float32 labels"):
        measured(metric, logits, np.zeros((2, 3), np.float32))
    logits[1, 0, 0] = np.nan
    with pytest.raises(metrics.NotFinite, match="1 of 2 examples"):
        measured(metric, logits, np.zeros((2, 3), np.int32))


def test_one_token_of_one_class(measured):
    numbers = measured(metrics.token_accuracy(), np.zeros((1, 1, 1), np.float32), np.zeros((1, 1), np.int32))
    assert numbers == {"accuracy": 1.0, "loss": 0.0, "balanced_accuracy": 1.0, "macro_f1": 1.0, "per_class": [1.0]}


def test_labels_and_logits_of_other_lengths_are_an_error(measured):
    with pytest.raises(ValueError, match=r"found int32 labels \(2, 4\) and logits \(2, 3, 5\)"):
        measured(metrics.token_accuracy(), np.zeros((2, 3, 5), np.float32), np.zeros((2, 4), np.int32))


def _vocabulary():
    """The evaluation of a language model in small: a batch of tokens `[2, 8]` to logits of 32,000 words, on the device alone."""
    table = jax.random.normal(jax.random.key(0), (4, 32_000))

    def forward(batch):
        return types.SimpleNamespace(logits=jax.nn.one_hot(batch["x"] % 4, 4) @ table)

    return jax.jit(lambda batch: batch_statistics(metrics.token_accuracy(), forward, batch))


def _batch(size):
    tokens = jnp.arange(size * 8, dtype=jnp.int32).reshape(size, 8)
    return {"x": tokens, "label": tokens, "valid": jnp.ones(size)}


def test_what_leaves_the_device_does_not_grow_with_the_examples():
    small, large = (_vocabulary().lower(jax.eval_shape(lambda size=size: _batch(size))).compile() for size in (2, 8))
    sizes = [sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(compiled.out_info)) for compiled in (small, large)]
    assert sizes[0] == sizes[1] < 4 * 32_000 * 4  # three counts of each word; logits of 2 examples are 2 MB


def test_host_memory_does_not_grow_with_the_examples():
    evaluate, batch, peaks, totals = _vocabulary(), _batch(2), [], []
    evaluate(batch)
    for batches in (3, 12):
        tracemalloc.start()
        totals.append(join_batches(metrics.token_accuracy(), (jax.device_get(evaluate(batch)) for _ in range(batches)), 2 * batches))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert sum(x.nbytes for x in totals[0].values()) == sum(x.nbytes for x in totals[1].values())
    assert totals[1]["counted"] == 4 * totals[0]["counted"] == 12 * 16
    assert peaks[1] < 1.2 * peaks[0] + 100_000
