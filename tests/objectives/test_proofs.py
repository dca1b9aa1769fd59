"""DANN, SimCLR and distillation against computations by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tljax
from tljax import models, objectives
from tljax.objectives.dann import joined, reversed_gradient
from tljax.train.optimizer import Optim

MODEL = models.create("mlp(widths=(5,))", 3, in_channels=4, input_size=())
VARIABLES = models.init(MODEL, jax.random.key(0))
RNG = np.random.default_rng(0)


def context(objective, params, step=50):
    hyper = {name: jnp.float32(value) for name, value in objective.hyper.items()}
    return objectives.Context(params, {}, jax.random.key(1), jnp.int32(step), hyper)


def forward(params):
    def run(batch, **options):
        inputs = {"x": batch["x"]} if isinstance(batch, dict) else batch
        return MODEL.apply({"params": {k: params[k] for k in ("backbone", "head")}, "batch_stats": {}}, inputs, **options)

    return run


def batch(n=6):
    return {"x": RNG.normal(size=(n, 4)).astype(np.float32), "valid": np.ones(n, np.float32)}


def test_the_gradient_is_turned_and_the_value_is_not():
    value, gradient = jax.value_and_grad(lambda x: (reversed_gradient(x, jnp.float32(0.3)) ** 2).sum())(jnp.array([2.0, -1.0]))
    assert value == 5 and np.allclose(gradient, [-0.3 * 4, 0.3 * 2])


def test_dann_by_hand_its_discriminator_descends_and_its_features_ascend():
    objective = objectives.create("dann(strength=0.7, width=8)", steps=100)
    own, _ = objective.init(jax.random.key(2), MODEL, VARIABLES, {})
    params = VARIABLES["params"] | {"objective": own}
    source = batch() | {"label": np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]}
    target = batch() | {"label": np.full((6, 3), np.nan, np.float32)}  # never read

    def loss(params):
        return objective.loss(forward(params), {"source": source, "target": target}, context(objective, params))

    (value, aux), gradients = jax.value_and_grad(loss, has_aux=True)(params)
    outputs = [forward(params)(part) for part in (source, target)]
    layers = own["discriminator"]

    def scores(f, layers=layers):
        for name in ("layer0", "layer1"):
            f = jnp.maximum(f @ layers[name]["kernel"] + layers[name]["bias"], 0)
        return (f @ layers["layer2"]["kernel"] + layers["layer2"]["bias"])[:, 0]

    def domain(a, b, layers=layers):
        return (jax.nn.softplus(-scores(a, layers)).mean() + jax.nn.softplus(scores(b, layers)).mean()) / 2

    told = domain(outputs[0].features, outputs[1].features)
    classified = -(source["label"] * jax.nn.log_softmax(outputs[0].logits)).sum(-1).mean()
    np.testing.assert_allclose(value, told + classified, rtol=1e-5)
    np.testing.assert_allclose([aux.losses["source"], aux.losses["domain"]], [classified, told], rtol=1e-5)
    plain = jax.grad(lambda layers: domain(outputs[0].features, outputs[1].features, layers))(layers)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), gradients["objective"]["discriminator"], plain)
    factor = 0.7 * (2 / (1 + np.exp(-10 * 0.5)) - 1)
    of_labels = jax.grad(lambda p: -(source["label"] * jax.nn.log_softmax(forward(p)(source).logits)).sum(-1).mean())(params)
    of_domain = jax.grad(lambda p: domain(forward(p)(source).features, forward(p)(target).features))(params)
    expected = jax.tree.map(lambda a, b: a - factor * b, of_labels["backbone"], of_domain["backbone"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), gradients["backbone"], expected)


def test_streams_of_which_one_is_augmented_are_joined_in_one_unit():
    bytes_, floats = {"x": jnp.full((2, 1, 1, 1), 255, jnp.uint8), "label": 0}, {"x": jnp.ones((2, 1, 1, 1))}
    assert joined(bytes_, floats)["x"].tolist() == jnp.ones((4, 1, 1, 1)).tolist() and "label" not in joined(bytes_, floats)


def test_dann_refuses_a_run_of_one_source(tmp_path):
    train = tljax.data.from_arrays(RNG.normal(size=(8, 4)).astype(np.float32), np.arange(8) % 2)
    run = tljax.Run(tljax.create("mlp(widths=(4,))", train), train, strategy="scratch", objective="dann", steps=2)
    with pytest.raises(ValueError, match=r"dann: it reads the streams source, target, but the run has one unnamed source"):
        tljax.fit(run, tmp_path, quiet=True)


def test_nt_xent_by_hand():
    objective = objectives.create("simclr(temperature=0.5, width=6, out=4)")
    own, _ = objective.init(jax.random.key(2), MODEL, VARIABLES, {})
    params = VARIABLES["params"] | {"objective": own}
    views = {"valid": np.array([1, 1, 1, 0], np.float32), "view_a": batch(4), "view_b": batch(4)}
    value, aux = objective.loss(forward(params), views, context(objective, params))
    layers, zs = own["projection"], []
    for name in ("view_a", "view_b"):
        f = np.asarray(forward(params)(views[name]).features)[:3]
        z = np.maximum(f @ layers["layer0"]["kernel"] + layers["layer0"]["bias"], 0) @ layers["layer1"]["kernel"] + layers["layer1"]["bias"]
        zs.append(z / np.linalg.norm(z, axis=1, keepdims=True))
    z = np.concatenate(zs)
    similar = np.exp(z @ z.T / 0.5)
    terms = [-np.log(similar[i, (i + 3) % 6] / (similar[i].sum() - similar[i, i])) for i in range(6)]
    np.testing.assert_allclose(value, np.mean(terms), rtol=1e-4)
    assert aux.weight == 3


def test_two_views_differ_and_a_batch_of_negatives_refuses_to_be_cut(tmp_path):
    images = tljax.data.from_arrays(RNG.integers(0, 256, (16, 8, 8, 3), np.uint8))
    objective = objectives.create("simclr")
    seen = {"x": jnp.asarray(images.x[:4]), "index": jnp.arange(4), "epoch": jnp.zeros(4, jnp.int32), "label": jnp.arange(4)}
    views = objective.views(seen, jax.random.key(0))
    assert set(views) == {"view_a", "view_b"} and not np.array_equal(views["view_a"]["x"], views["view_b"]["x"])
    assert "label" not in views["view_a"]
    start = tljax.create("cnn(widths=(4,))", images)
    run = tljax.Run(start, images, strategy="scratch", objective="simclr", steps=4, batch_size=8, select="last", optim=Optim(lr=1e-2))
    result = tljax.fit(run, tmp_path / "whole", quiet=True)
    assert result.score is None and result.pretrained.task.name == "features" and result.metrics == {}
    with pytest.raises(ValueError, match=r"accumulate=2: .*simclr.* the other images of the batch are the negatives"):
        cut = tljax.Run(start, images, strategy="scratch", objective="simclr", accumulate=2, batch_size=8)
        tljax.fit(cut, tmp_path / "cut", quiet=True)


def test_distillation_by_hand_with_classes_in_another_order_and_another_input(tmp_path):
    x = RNG.integers(0, 256, (12, 6, 6, 3), np.uint8)
    student = tljax.data.from_arrays(x, np.arange(12) % 3, classes=("a", "b", "c"))
    others = tljax.data.from_arrays(x, np.arange(12) % 4, classes=("c", "x", "a", "b"))
    teacher = tljax.create("cnn(widths=(4,))", others, input_size=(8, 8))
    teacher.save(tmp_path / "teacher")
    objective = objectives.create(f"distill({str(tmp_path / 'teacher')!r}, temperature=2.0)", classes=("a", "b", "c"))
    own, _ = objective.init(jax.random.key(0), None, None, None)
    logits = jnp.asarray(RNG.normal(size=(12, 3)), jnp.float32)
    params = {"backbone": {}, "head": {}, "objective": own}
    value, _ = objective.loss(lambda b: models.Outputs(logits, None, {}, {}), {"x": jnp.asarray(x)}, context(objective, params))
    prepared = tljax.data.on_device(teacher.config, resize=True)({"x": jnp.asarray(x)})["x"]
    t = np.asarray(teacher.model.apply(teacher.variables, prepared).logits)[:, [2, 3, 0]]
    p, log_q = np.asarray(jax.nn.softmax(t / 2)), np.asarray(jax.nn.log_softmax(logits / 2))
    np.testing.assert_allclose(value, 4 * (p * (np.log(p) - log_q)).sum(1).mean(), rtol=1e-4)
    assert student.classes == ("a", "b", "c")
    with pytest.raises(ValueError, match=r"student names the classes \['z'\] that the teacher .* lacks; it has \["):
        objectives.create(f"distill({str(tmp_path / 'teacher')!r})", classes=("a", "z"))
    with pytest.raises(ValueError, match="temperature"):
        objectives.create(f"distill({str(tmp_path / 'teacher')!r}, temperature=0)")


def test_pretraining_without_labels_by_configuration_alone(tmp_path):
    """The recipe simclr on images without labels, then a probe's features and fine-tuning from its workdir."""
    from experiments.configs import simclr
    from experiments.recipe import run_of

    np.savez(tmp_path / "images.npz", x=RNG.integers(0, 256, (40, 8, 8, 3), np.uint8), y=np.arange(40) % 2)
    config = simclr.get_config(f"npz({str(tmp_path / 'images.npz')!r}, label='')")
    config.model, config.data.batch_size, config.train.steps = "cnn(widths=(4, 8))", 8, 2
    result = tljax.fit(run_of(config), tmp_path / "simclr", quiet=True)
    assert result.summary["measured_on"] == "nothing" and result.metrics == {}
    labeled = tljax.data.create(f"npz({str(tmp_path / 'images.npz')!r})")
    assert tljax.open(tmp_path / "simclr").features(labeled, "stage1")["stage1"].shape == (40, 8)
    start = tljax.open(tmp_path / "simclr", labels=labeled)
    assert start.task.name == "classification" and start.new_head and start.config.num_classes == 2
