"""The description of a run: what objects contribute, what tells two runs apart."""

import dataclasses
import json
import types

import numpy as np
import pytest

import tljax
from tests.runs.conftest import of_kind, parts, tiny, vector_start, with_
from tljax import data, metrics, objectives, strategies
from tljax.data.augment import operations
from tljax.runs import spec
from tljax.train.optimizer import Optim

OTHER = {
    "task": "classification(input='x')",
    "objective": "cross_entropy(label_smoothing=0.1)",
    "strategy": "full",
    "metric": "log_loss",
    "head_init": "zeros",
    "bn": "batch",
    "augment": ("flip",),
    "batch_size": 10,
    "eval_batch_size": 5,
    "workers": 2,
    "optim": Optim(lr=0.5),
    "steps": 41,
    "accumulate": 2,
    "ema": 0.5,
    "eval_every": 10,
    "save_every": 10,
    "patience": 3,
    "log_every": 3,
    "keep": 5,
    "select": "last",
    "measure_on": "val",
    "seed": 1,
    "data_devices": 1,
    "fsdp": 2,
    "certificate": "full",
    "compilation_cache": "c",
    "title": "t",
}


@pytest.fixture
def base():
    return of_kind("classification")


def test_the_same_run_twice_has_one_description_and_it_is_readable(base):
    one, two = spec.spec(base), spec.spec(of_kind("classification"))
    assert one == two and spec.hashed(one) == spec.hashed(two) and spec.differences(one, two) == []
    assert json.loads(json.dumps(one)) == one
    assert one["optim.lr"] == 0.03 and one["strategy"] == "scratch" and one["pretrained.model"] == "mlp(widths=(8,))"
    assert "60 examples of 3 classes" in one["train"]


def test_every_field_that_differs_is_named_and_those_of_place_and_speed_may(base):
    before = spec.spec(base)
    fields = {field.name for field in dataclasses.fields(base)} - {"pretrained", "train", "val", "test", "names"}
    assert set(OTHER) == fields  # a new field has to be looked at here
    for name, value in OTHER.items():
        after = spec.spec(dataclasses.replace(base, **{name: value}))
        changed = spec.differences(before, after)
        if spec.may_differ(name):
            assert changed == [] and spec.hashed(after) == spec.hashed(before), name
        else:
            assert changed and all(text.startswith(name) for text in changed) and spec.hashed(after) != spec.hashed(before), name


def test_other_data_and_other_weights_are_another_run(base, tmp_path):
    before = spec.spec(base)
    train, val, test = parts("classification")
    changed = spec.differences(before, spec.spec(with_(base, train=val)))
    assert len(changed) == 1 and changed[0].startswith("train was 'arrays, ")
    other = data.from_arrays(np.stack([test[i]["x"] for i in range(len(test))]) + 1, test.labels, test.classes)
    assert spec.differences(before, spec.spec(with_(base, test=other)))[0].startswith("test was")
    trained = tljax.fit(of_kind("classification", steps=1, eval_every=0), tmp_path, quiet=True).pretrained
    assert any(text.startswith("pretrained.weights") for text in spec.differences(before, spec.spec(with_(base, pretrained=trained))))
    assert spec.spec(with_(base, pretrained=trained)) == spec.spec(with_(base, pretrained=tljax.open(tmp_path)))
    streams = spec.spec(with_(base, train={"source": train, "target": val}))
    assert {name for name in streams if name.startswith("train")} == {"train.source", "train.target"}


def test_objects_stand_for_their_calls_fields_or_fingerprints(base):
    expressions = with_(base, objective="cross_entropy(label_smoothing=0.1)", strategy="freeze_first(1)", metric="knn(k=3)")
    objects = with_(
        base, objective=objectives.cross_entropy(label_smoothing=0.1), strategy=strategies.freeze_first(1), metric=metrics.knn(k=3)
    )
    assert spec.spec(expressions) == spec.spec(objects)
    assert spec.spec(with_(base, augment=(operations["flip"](p=0.3),)))["augment.0"] == "flip(p=0.3)"
    own = strategies.Strategy((strategies.Phase(((".*/bias", strategies.TRAINED), (".*", strategies.FROZEN))),))
    entries = spec.spec(with_(base, strategy=own))
    assert entries["strategy.phases.0.rules.0.0"] == ".*/bias"
    other = dataclasses.replace(own, phases=(dataclasses.replace(own.phases[0], train=()),))
    assert spec.hashed(spec.spec(with_(base, strategy=other))) != spec.hashed(entries)


def test_an_object_that_cannot_describe_itself_is_refused_by_its_field_and_takes_a_name(base):
    own = {
        "objective": objectives.Objective(lambda forward, batch, context: None),
        "metric": metrics.Metric(lambda forward, batch: None, lambda streams: {}, ("x", 1.0)),
        "head_init": lambda features, labels, outputs, seed: None,
        "strategy": object(),
    }
    for name, value in own.items():
        run = with_(base, **{name: value})
        with pytest.raises(ValueError, match=rf"^{name}: a \w+ cannot describe itself.*Run\(names=\{{'{name}': 'v1'\}}\)"):
            spec.spec(run)
        one, two = (spec.spec(with_(run, names={name: version})) for version in ("v1", "v2"))
        assert one[name] == "v1" and spec.differences(one, two) == [f"{name} was 'v1', now 'v2'"]


def test_a_sum_with_an_objective_of_ones_own_cannot_describe_itself_either(base):
    own = objectives.Objective(lambda forward, batch, context: None)
    with pytest.raises(ValueError, match="objective: a Objective cannot describe itself"):
        spec.spec(with_(base, objective=objectives.add(objectives.cross_entropy(), (own, 0.1))))
    both = objectives.add(objectives.cross_entropy(), (objectives.l2_sp(), 0.01))
    assert spec.spec(with_(base, objective=both))["objective"] == "cross_entropy + 0.01 * l2_sp"


def test_a_changed_copy_of_a_registered_objective_or_metric_cannot_describe_itself(base):
    loss = objectives.cross_entropy()
    for field, changed in (
        ("objective", dataclasses.replace(loss, loss=lambda *a: loss.loss(*a))),
        ("metric", dataclasses.replace(metrics.accuracy(), score=("accuracy", -1.0))),
    ):
        with pytest.raises(ValueError, match=f"{field}: .* cannot describe itself"):
            spec.spec(dataclasses.replace(base, **{field: changed}))


def test_a_source_of_ones_own_is_told_by_what_it_holds(base):
    class Mine:
        fields = types.MappingProxyType({"x": "vector", "label": "class"})
        classes = ("a", "b")

        def __init__(self, labels):
            self.labels = np.array(labels)

        def __len__(self):
            return len(self.labels)

        def __getitem__(self, index):
            return {"x": np.zeros(6, np.float32), "label": self.labels[index]}

    one, same, other = (spec.spec(with_(base, train=Mine(labels))) for labels in ([0, 1], [0, 1], [1, 1]))
    assert one == same and spec.differences(one, other)


def test_the_workdir_of_another_run_is_refused_with_every_field_that_differs(tmp_path):
    run = of_kind("classification", steps=1, eval_every=0)
    tljax.fit(run, tmp_path, quiet=True)
    with pytest.raises(ValueError, match=r"holds another run: optim.lr was 0.03, now 0.5; seed was 0, now 3. Use the old values"):
        tljax.fit(with_(run, lr=0.5, seed=3), tmp_path, quiet=True)
    with pytest.raises(ValueError, match=r"pretrained\.model was 'mlp"):
        tljax.fit(tiny(), tmp_path, quiet=True)
    assert vector_start("classification").origin == ""
