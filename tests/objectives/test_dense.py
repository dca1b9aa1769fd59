"""Losses over tokens, pixels and spans against numpy."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax

from tljax import objectives, tasks


def value(expression, logits, batch):
    loss = objectives.create(expression).loss
    batch = jax.tree.map(jnp.asarray, batch)
    return loss(lambda _: types.SimpleNamespace(logits=jax.tree.map(jnp.asarray, logits)), batch, None)


def test_tokens_without_a_label_do_not_count_and_weights_do():
    r = np.random.default_rng(0)
    logits, labels = r.normal(size=(3, 5, 4)).astype(np.float32), r.integers(0, 4, (3, 5))
    labels[0, 2:], labels[1, 0] = -100, -1
    loss, aux = value("dense_cross_entropy", logits, {"label": labels, "valid": np.array([1.0, 1, 0]), "weight": np.array([1.0, 2, 1])})
    w = np.where(labels >= 0, np.array([[1.0], [2], [0]]), 0)
    each = -np.take_along_axis(log_softmax(logits, -1), np.maximum(labels, 0)[..., None], -1)[..., 0]
    assert float(loss) == pytest.approx((w * each).sum() / w.sum(), abs=1e-6) and float(aux.weight) == w.sum() == 2 + 2 * 4
    assert float(aux.metrics["accuracy"]) == pytest.approx((w * (logits.argmax(-1) == labels)).sum() / w.sum())
    nothing, aux = value("dense_cross_entropy", logits, {"label": np.full((3, 5), -100)})
    assert float(nothing) == 0 and float(aux.weight) == 0


def test_pixels_count_one_by_one_and_a_coarser_map_is_enlarged():
    r = np.random.default_rng(1)
    coarse, labels = r.normal(size=(2, 3, 2, 4)).astype(np.float32), r.integers(-1, 4, (2, 6, 4))
    fine = np.asarray(jax.image.resize(coarse, (2, 6, 4, 4), "bilinear"))
    loss, aux = value("dense_cross_entropy", coarse, {"label": labels, "weight": np.array([2.0, 1])})
    same, _ = value("dense_cross_entropy", fine, {"label": labels, "weight": np.array([2.0, 1])})
    w = (labels >= 0) * np.array([2.0, 1])[:, None, None]
    each = -np.take_along_axis(log_softmax(fine, -1), np.maximum(labels, 0)[..., None], -1)[..., 0]
    assert float(loss) == pytest.approx((w * each).sum() / w.sum(), rel=1e-5) and float(same) == pytest.approx(float(loss), rel=1e-6)
    assert float(aux.weight) == w.sum()


@pytest.mark.parametrize("task", ["tagging", "segmentation", "spans"])
def test_the_task_and_its_objective_speak_of_one_form(task):
    if task in tasks.tasks:
        chosen = tasks.create(task)
        assert chosen.form in objectives.create(chosen.objective).forms


def test_a_span_lies_within_the_mask():
    logits = {name: np.random.default_rng(i).normal(size=(3, 6)).astype(np.float32) for i, name in enumerate(("start", "end"))}
    logits["start"][0, 5] = 50.0  # beyond the mask, where no answer can lie
    labels, mask = np.array([[1, 2], [0, 3], [-1, -1]]), (np.arange(6) < 4).astype(np.int32) * np.ones((3, 1), np.int32)
    loss, aux = value("span_cross_entropy", logits, {"label": labels, "mask": mask})
    logs = {name: log_softmax(a[:, :4], -1) for name, a in logits.items()}
    expected = -np.mean([(logs["start"][i, labels[i, 0]] + logs["end"][i, labels[i, 1]]) / 2 for i in (0, 1)])
    assert float(loss) == pytest.approx(expected, abs=1e-5) and float(aux.weight) == 2


def test_labels_of_another_kind_are_refused():
    logits = np.zeros((2, 5, 4), np.float32)
    for labels in (np.zeros(2, np.int32), np.zeros((2, 5, 4), np.int32)):
        with pytest.raises(ValueError, match="dense_cross_entropy: labels are"):
            value("dense_cross_entropy", logits, {"label": labels})
    with pytest.raises(ValueError, match="span_cross_entropy: labels are"):
        value("span_cross_entropy", logits, {"label": np.zeros((2, 2), np.int32), "mask": np.ones((2, 5))})
