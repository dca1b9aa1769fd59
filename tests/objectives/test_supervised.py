import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.metrics import log_loss

from tljax import models, objectives, tasks

RNG = np.random.default_rng(0)
LOGITS, CLASSES = RNG.normal(size=(6, 3)).astype(np.float32), np.array([0, 1, 2, 2, 1, 2])
LABELS = np.eye(3, dtype=np.float32)[CLASSES]


CONTEXT = objectives.Context({}, {}, jax.random.key(0), jnp.int32(0), {})


def loss(objective, logits, labels, **batch):
    def forward(b, **_):
        return models.Outputs(jnp.asarray(logits), jnp.zeros((len(labels), 1)), {}, {})

    value, aux = objective.loss(forward, {"label": jnp.asarray(labels), **batch}, CONTEXT)
    return float(value), aux


def test_cross_entropy_is_the_mean_negative_log_likelihood():
    value, aux = loss(objectives.create("cross_entropy"), LOGITS, LABELS)
    assert value == pytest.approx(log_loss(CLASSES, np.exp(log_softmax(LOGITS.astype(np.float64), 1)), labels=[0, 1, 2]), rel=1e-5)
    assert float(aux.metrics["accuracy"]) == pytest.approx((LOGITS.argmax(1) == CLASSES).mean()) and float(aux.weight) == 6


def test_balanced_weights_make_every_class_count_the_same():
    balanced = objectives.create("cross_entropy(class_weights='balanced')", class_counts=[1, 2, 3])
    log_p = log_softmax(LOGITS.astype(np.float64), 1)[np.arange(6), CLASSES]
    expected = -np.mean([log_p[c == CLASSES].mean() for c in range(3)])
    assert loss(balanced, LOGITS, LABELS)[0] == pytest.approx(expected, rel=1e-5)
    given = objectives.create("cross_entropy(class_weights=(2.0, 1.0, 0.6666667))")
    assert loss(given, LOGITS, LABELS)[0] == pytest.approx(expected, rel=1e-5)


def test_smoothing_and_focal_have_their_limits():
    plain, _ = loss(objectives.create("cross_entropy"), LOGITS, LABELS)
    uniform = -log_softmax(LOGITS.astype(np.float64), 1).mean()
    smoothed, _ = loss(objectives.create("cross_entropy(label_smoothing=0.3)"), LOGITS, LABELS)
    assert smoothed == pytest.approx(0.7 * plain + 0.3 * uniform, rel=1e-5)
    p = np.exp(log_softmax(LOGITS.astype(np.float64), 1))[np.arange(6), CLASSES]
    focal, _ = loss(objectives.create("cross_entropy(focal=2.0)"), LOGITS, LABELS)
    assert focal == pytest.approx((-((1 - p) ** 2) * np.log(p)).mean(), rel=1e-5)


ALL = "cross_entropy(label_smoothing=0.1, class_weights=(2.0, 1.0, 0.5), focal=1.5)"


def test_soft_labels_follow_the_formula():
    t = RNG.dirichlet(np.ones(3), 6).astype(np.float32)
    log_p = log_softmax(LOGITS.astype(np.float64), 1)
    w, m = (t * [2.0, 1.0, 0.5]).sum(1), (t * (1 - np.exp(log_p)) ** 1.5).sum(1)
    q = 0.9 * t + 0.1 / 3
    value, aux = loss(objectives.create(ALL), LOGITS, t)
    assert value == pytest.approx(-(w * m * (q * log_p).sum(1)).sum() / w.sum(), rel=1e-5)
    assert float(aux.weight) == pytest.approx(w.sum(), rel=1e-6)
    assert float(aux.metrics["accuracy"]) == pytest.approx((LOGITS.argmax(1) == t.argmax(1)).mean())


@pytest.mark.parametrize("expression", ["cross_entropy", "sigmoid_cross_entropy", "mse", "huber"])
@pytest.mark.parametrize("labels", [CLASSES, np.eye(4, dtype=np.float32)[CLASSES], CLASSES[:, None]])
def test_labels_of_another_shape_are_named(expression, labels):
    with pytest.raises(ValueError, match=rf"{expression}: labels are .*, but the model gives \(6, 3\)"):
        loss(objectives.create(expression), LOGITS, labels)


def test_each_loss_names_the_form_of_label_that_it_reads():
    forms = {name: objectives.create(name).forms for name in ("cross_entropy", "sigmoid_cross_entropy", "mse", "huber")}
    assert forms == {"cross_entropy": ("distribution",), "sigmoid_cross_entropy": ("classes",), "mse": ("number",), "huber": ("number",)}
    for task in ("classification", "distribution", "multilabel", "regression"):
        assert tasks.create(task).form in objectives.create(tasks.create(task).objective).forms


def test_a_named_stream_is_the_one_that_is_read():
    streamed = objectives.create("cross_entropy(stream='source')")
    batch = {"source": {"label": jnp.asarray(LABELS), "z": jnp.asarray(LOGITS)}, "target": {"z": jnp.zeros((2, 3))}}

    def forward(b, **_):
        return models.Outputs(b["z"], b["z"], {}, {})

    value, aux = streamed.loss(forward, batch, CONTEXT)
    assert float(value) == pytest.approx(loss(objectives.create("cross_entropy"), LOGITS, LABELS)[0]) and float(aux.weight) == 6
    assert streamed.streams == ("source",) and streamed.call == "cross_entropy(stream='source')"


@pytest.mark.parametrize("expression", ["cross_entropy", "cross_entropy(focal=0.5)", "sigmoid_cross_entropy", "mse", "huber"])
def test_gradients_stay_finite_where_logits_are_huge_and_nothing_counts(expression):
    objective = objectives.create(expression)

    def value(logits, valid):
        def forward(b, **_):
            return models.Outputs(logits, logits, {}, {})

        return objective.loss(forward, {"label": jnp.asarray(LABELS), "valid": valid}, CONTEXT)[0]

    assert np.isfinite(jax.grad(value)(jnp.asarray(LOGITS) * 1e4, jnp.ones(6))).all()
    empty, gradient = jax.value_and_grad(value)(jnp.asarray(LOGITS), jnp.zeros(6))
    assert empty == 0 and not gradient.any()


@pytest.mark.parametrize("expression", ["cross_entropy", "sigmoid_cross_entropy", "mse", "huber(delta=0.5)"])
def test_invalid_examples_and_weights(expression):
    objective = objectives.create(expression)
    few, _ = loss(objective, LOGITS[:4], LABELS[:4])
    padded, aux = loss(objective, LOGITS, LABELS, valid=jnp.array([1.0, 1, 1, 1, 0, 0]))
    assert padded == pytest.approx(few, rel=1e-6) and float(aux.weight) == 4
    doubled, _ = loss(objective, LOGITS, LABELS, weight=jnp.array([2.0, 1, 1, 1, 0, 0]))
    again, _ = loss(objective, LOGITS[[0, 0, 1, 2, 3]], LABELS[[0, 0, 1, 2, 3]])
    assert doubled == pytest.approx(again, rel=1e-6)


def test_regression_losses():
    target = RNG.normal(size=(6, 1)).astype(np.float32)
    z = RNG.normal(size=(6, 1)).astype(np.float32) * 3
    assert loss(objectives.create("mse"), z, target)[0] == pytest.approx(((z - target) ** 2).mean(), rel=1e-5)
    r = np.abs(z - target)
    expected = np.where(r <= 1, r**2 / 2, r - 0.5).mean()
    assert loss(objectives.create("huber"), z, target)[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("cross_entropy(label_smoothing=1.0)", "label_smoothing"),
        ("cross_entropy(class_weights='balance')", "none, balanced"),
        ("cross_entropy(class_weights='balanced')", "examples of every class"),
        ("cross_entropy(class_weights=(1.0, -1.0))", "none negative"),
        ("huber(delta=0)", "must be positive"),
    ],
)
def test_bad_settings_are_named(expression, said):
    with pytest.raises(ValueError, match=said):
        objectives.create(expression, class_counts=[2, 0])


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="2 class weights for 3 classes"):
        loss(objectives.create("cross_entropy(class_weights=(1.0, 2.0))"), LOGITS, LABELS)
    with pytest.raises(ValueError, match=r"labels are \(6, 1\)"):
        loss(objectives.create("sigmoid_cross_entropy"), LOGITS, LABELS[:, :1])
