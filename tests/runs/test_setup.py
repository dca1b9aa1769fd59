"""A run is refused before anything is trained, by the name of the field whose value is invalid."""

import dataclasses
import types

import numpy as np
import pytest

import tljax
from tests.runs.conftest import of_kind, parts, start, tiny, vector_start, vectors, with_
from tljax import data, strategies, tasks
from tljax.runs import setup
from tljax.train.optimizer import Optim

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6)).astype(np.float32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": "full"}, "strategy='full' starts from pretrained values"),
        ({"strategy": "scratch(1)"}, "it is called as scratch()"),
        ({"strategy": "scrach"}, "did you mean scratch"),
        ({"batch_size": 9, "accumulate": 2}, "batch_size=9 does not divide into accumulate=2"),
        ({"batch_size": 0}, "batch_size=0: at least 1"),
        ({"steps": 0}, "steps=0: at least 1"),
        ({"patience": -1}, "patience=-1"),
        ({"patience": 2, "eval_every": 0}, "patience=2 needs eval_every > 0"),
        ({"patience": 2, "select": "last"}, "select='best'"),
        ({"select": "first"}, "select='first': expected one of best, last"),
        ({"measure_on": "train"}, "measure_on='train': expected one of test, val"),
        ({"certificate": "long"}, "certificate='long'"),
        ({"ema": 1.0}, "ema=1.0"),
        ({"bn": "thaw"}, "bn='thaw'"),
        ({"bn": (("stage9", "stored"),)}, "'stage9' matches no part"),
        ({"optim": Optim(name="adam")}, "adam"),
        ({"objective": "mse(x=1)"}, "it is called as mse"),
        ({"objective": "mse"}, "it reads labels of the form number, the task classification gives distribution; cross_entropy fits"),
        ({"objective": "sigmoid_cross_entropy"}, "cross_entropy fits"),
        ({"metric": "acuracy"}, "did you mean accuracy"),
        ({"augment": ("flop",)}, "did you mean flip"),
        ({"augment": ("flip(p=2.0)",)}, "p=2.0"),
        ({"augment": ("flip",)}, "flip changes images, and the kind of x is vector"),
        ({"fsdp": 3}, "does not fit"),
        ({"head_init": "ridg"}, "did you mean ridge"),
        ({"head_init": "ridge(x=1)"}, "it is called as ridge"),
        ({"task": "regression"}, "the model was opened for classification"),
        ({"batch_size": {"target": 3}}, "no stream is called 'target'"),
    ],
)
def test_bad_runs_are_named_before_anything_is_trained(changes, message, tmp_path):
    with pytest.raises((ValueError, KeyError)) as e:
        tljax.fit(of_kind("classification", **changes), tmp_path / "run", quiet=True)
    assert message in str(e.value) and "\n" not in str(e.value) and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        (
            "regression",
            {"head_init": "imprint"},
            r"head_init='imprint' does not fit the task regression, which takes zeros, normal, ridge",
        ),
        ("multilabel", {"head_init": "imprint"}, "does not fit the task multilabel"),
        ("regression", {"objective": "cross_entropy"}, "gives number; mse fits"),
        ("multilabel", {"objective": "cross_entropy"}, "gives classes; sigmoid_cross_entropy fits"),
        ("distribution", {"objective": "huber"}, "gives distribution; cross_entropy fits"),
    ],
)
def test_what_makes_no_sense_for_a_task_is_refused_by_name(kind, changes, message):
    with pytest.raises(ValueError, match=message):
        setup.prepare(of_kind(kind, **changes))


def test_mixup_of_numbers_is_refused_by_name():
    images = data.from_arrays(RNG.integers(0, 256, (20, 8, 8, 1), dtype=np.uint8), RNG.normal(size=20))
    run = tljax.Run(tljax.create("mlp(widths=(4,))", images), images, strategy="scratch", augment=("mixup",))
    with pytest.raises(ValueError, match="mixup cannot mix labels of the kind number; it can mix class, classes, distribution"):
        setup.prepare(run)


def test_one_class_is_refused():
    one = data.from_arrays(X, np.zeros(40, np.int32), classes=("only",))
    with pytest.raises(ValueError, match=r"arrays, 40 examples of 1 class: all its examples are of one class \('only'\)"):
        tljax.create("mlp(widths=(4,))", one)
    with pytest.raises(ValueError, match="one class"):
        tljax.create("mlp(widths=(4,))", data.from_arrays(X, np.ones(40, np.int32), classes=("no", "all")))


def test_a_class_that_only_one_split_has_is_named_with_what_to_do():
    other = data.from_arrays(X, np.arange(40) % 2, classes=("a", "oslo"))
    for field in ("val", "test"):
        with pytest.raises(ValueError, match=rf"^{field}: .*names the classes \['oslo'\].*drop them with data.classes / only_classes"):
            setup.prepare(of_kind("classification", **{field: other}))


def test_labels_of_another_kind_in_one_split_are_named():
    for field in ("val", "test"):
        with pytest.raises(ValueError, match="has no labels of the kind class"):
            setup.prepare(of_kind("classification", **{field: parts("regression")[1]}))


def test_targets_that_are_not_finite_and_an_empty_source_are_named():
    class Broken:
        fields = types.MappingProxyType({"x": "vector", "label": "number"})
        classes = ()
        labels = np.array([1.0, np.nan], np.float32)

        def __len__(self):
            return 2

        def __getitem__(self, index):
            return {"x": np.zeros(6, np.float32), "label": self.labels[index]}

    with pytest.raises(ValueError, match=r"example 1: the target is \[nan\], not finite"):
        tljax.create("mlp(widths=(4,))", Broken())
    with pytest.raises(ValueError, match="train: the source is empty"):
        setup.prepare(of_kind("classification", train=data.take(parts("classification")[0], [])))


def test_numbers_that_are_zeros_and_ones_stay_numbers():
    source = data.from_arrays(X, (X[:, :2] > 0).astype(np.float32))
    ready = setup.prepare(tljax.Run(tljax.create("mlp(widths=(4,))", source), source, source, strategy="scratch", steps=1))
    assert ready.task.name == "regression" and ready.metric.score == ("mse", -1.0) and ready.training.objective.call == "mse"


@pytest.mark.parametrize("kind", ["classification", "multilabel", "regression", "two numbers"])
def test_a_ridge_head_predicts_what_the_features_tell(kind, tmp_path):
    """The head's first values are a linear probe in closed form, whatever the labels mean."""
    begun = tljax.create("mlp(widths=(64,))", parts(kind)[0])
    trained = tljax.fit(of_kind(kind, pretrained=begun, steps=1, eval_every=0), tmp_path / "begun", quiet=True).pretrained
    fresh = tljax.open(tmp_path / "begun", labels=parts(kind)[0], new_head="always")
    assert fresh.new_head and not trained.new_head
    run = of_kind(kind, pretrained=fresh, strategy="linear_probe", head_init="ridge(l2=0.01)", steps=1, eval_every=1)
    tljax.fit(with_(run, lr=1e-6), tmp_path / "ridge", quiet=True)
    first, metric = tljax.train.logger.read(tmp_path / "ridge")[0], setup.prepare(run).metric
    untrained = fresh.measure(parts(kind)[1])
    assert metric.signed(first) > metric.signed(untrained) + 0.2 * abs(metric.signed(untrained))
    if kind == "regression":
        assert first["r2"] > 0.8


def test_streams_that_do_not_fit_are_refused_by_name():
    train, val, _ = parts("classification")
    both = {"source": train, "target": val}
    with pytest.raises(ValueError, match=r"objective cross_entropy: it reads one stream, the run has source, target; name the one"):
        setup.prepare(of_kind("classification", train=both))
    with pytest.raises(ValueError, match=r"it reads the streams labeled, but the run has source, target; missing: labeled"):
        setup.prepare(of_kind("classification", train=both, objective="cross_entropy(stream='labeled')"))
    with pytest.raises(ValueError, match="the run has one unnamed source; missing: source"):
        setup.prepare(of_kind("classification", objective="cross_entropy(stream='source')"))
    named = {"train": both, "val": both, "objective": "cross_entropy(stream='source')"}
    with pytest.raises(
        ValueError, match=r"validation is on source, target; name the one that selects, such as information\(stream='target'\)"
    ):
        setup.prepare(of_kind("classification", **named))
    with pytest.raises(ValueError, match="batch_size: the stream 'target' has none"):
        setup.prepare(of_kind("classification", **named, metric="information(stream='target')", batch_size={"source": 4}))
    ready = setup.prepare(of_kind("classification", **named, metric="information(stream='target')", batch_size={"source": 4, "target": 6}))
    batch = next(ready.batches(ready.training.plans[0], 0))
    assert batch["source"]["x"].shape == (4, 6) and batch["target"]["x"].shape == (6, 6)
    unlabeled = data.from_arrays(X)
    ready = setup.prepare(
        of_kind("classification", **named | {"train": {"source": train, "target": unlabeled}}, metric="information(stream='target')")
    )
    assert "label" not in next(ready.batches(ready.training.plans[0], 0))["target"]


def test_an_unlabeled_validation_source_needs_a_metric_without_labels():
    unlabeled = data.from_arrays(X)
    with pytest.raises(
        ValueError, match=r"the validation source 'val' has no labels of the kind class; select by a label-free metric \(information\)"
    ):
        setup.prepare(of_kind("classification", val=unlabeled))
    assert setup.prepare(of_kind("classification", val=unlabeled, select="last")).metric is None


def test_objects_do_what_expressions_do():
    train = vectors("classification")
    one = setup.prepare(of_kind("classification", task="classification", strategy="scratch", metric="accuracy", augment=()))
    two = setup.prepare(
        of_kind(
            "classification",
            task=tasks.classification(),
            strategy=strategies.scratch(),
            metric=tljax.metrics.accuracy(),
            objective=tljax.objectives.cross_entropy(),
        )
    )
    assert (
        one.task == two.task and one.metric.call == two.metric.call and one.training.plans[0].trainable == two.training.plans[0].trainable
    )
    assert setup.prepare(of_kind("classification", train=train)).training.objective.call == two.training.objective.call


def test_a_mesh_over_parameters_and_batchnorm_rules_reach_the_training():
    ready = setup.prepare(
        tiny(start("resnet20_cifar(width=4)"), strategy="scratch", bn=(("stem", "stored"), (".*", "batch")), data_devices=1)
    )
    assert "stem" not in ready.training.plans[0].batch_stats_in and "stage1" in ready.training.plans[0].batch_stats_in
    assert ready.training.mesh.shape == {"data": 1, "fsdp": 1}
    assert vector_start("classification").new_head


def test_batch_statistics_by_one_word_leave_frozen_stages_alone():
    """`bn="batch"` is for what trains; in the first phase of lp_ft nothing of the backbone does."""
    run = with_(tiny(source(), strategy="lp_ft"), bn="batch")
    first, second = setup.prepare(run).training.plans
    assert first.batch_stats_in in ((), ("head",)) and set(second.batch_stats_in) >= {"stem", "stage1"}
    stored = setup.prepare(with_(run, bn="")).training.plans
    assert not {"stem", "stage1"} & {part for phase in stored for part in phase.batch_stats_in}


def source():
    """A model that counts as pretrained."""
    return dataclasses.replace(start(), origin="0" * 16)
