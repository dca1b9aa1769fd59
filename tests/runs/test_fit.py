"""A run on its way: validation of the start, early stopping, resume, averages, profile, kept programs, augmentation."""

import contextlib
import dataclasses
import importlib
import itertools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tljax
from tests.runs.conftest import of_kind, parts, start, tiny, with_
from tljax import data, objectives
from tljax.runs import results, setup
from tljax.runs.fit import _Validation
from tljax.train import logger

SPEED = ("seconds", "examples_per_second", "input_wait")
fitting = importlib.import_module("tljax.runs.fit")
TRUE_BATCHES = setup.Setup.batches


def _dying(at):
    """Batches that end the run after step `at`."""

    def batches(self, phase, now):
        yield from itertools.islice(TRUE_BATCHES(self, phase, now), at - now)
        raise KeyboardInterrupt

    return batches


def validations(root):
    return [row for row in logger.read(root) if row["split"] == "val"]


def bits(root):
    return (root / "model" / "model.safetensors").read_bytes()


def test_the_start_is_validated_and_its_row_stands_once_however_often_the_run_dies(tmp_path, monkeypatch):
    for at, steps in ((3, [0]), (7, [0, 4]), (12, [0, 4, 8, 12])):
        monkeypatch.setattr(setup.Setup, "batches", _dying(at))
        with contextlib.suppress(KeyboardInterrupt):
            tljax.fit(of_kind("classification", steps=12, eval_every=4, save_every=5), tmp_path, quiet=True)
        assert [row["step"] for row in validations(tmp_path)] == steps


def test_training_that_only_hurts_keeps_the_start(vector_model, tmp_path):
    run = with_(of_kind("classification", pretrained=vector_model, strategy="linear_probe", metric="log_loss", eval_every=5), lr=1e4)
    result = tljax.fit(run, tmp_path, quiet=True)
    assert result.step == 0 and result.summary["selected_on"] == "val (30 examples), step 0"
    assert result.summary["params"]["trainable"] == 0 < result.summary["params"]["planned"]
    before, after = vector_model.variables, result.pretrained.variables
    assert all(np.array_equal(before["params"]["head"][k], after["params"]["head"][k]) for k in ("kernel", "bias"))


def test_early_stopping_survives_kills_and_a_stopped_run_stays_stopped(vector_model, tmp_path, monkeypatch):
    run = of_kind("classification", pretrained=vector_model, strategy="gradual_unfreezing", steps=60, eval_every=4, patience=2, log_every=1)
    run = with_(run, lr=3.0)
    whole = tljax.fit(run, tmp_path / "whole", quiet=True)
    scores = [row["accuracy"] for row in validations(tmp_path / "whole")]
    steps = whole.summary["steps"]
    assert steps == 4 * (len(scores) - 1) < 60 and max(scores[-2:]) <= max(scores[:-2])
    last = whole.certificates[-1]["start"] // 4
    assert all(n - max(int(np.argmax(scores[: n + 1])), last) < 2 for n in range(len(scores) - 1))  # not a validation too late
    assert whole.summary["ended"] == "early stopping: no better validation for 2 validations" and whole.step == 4 * int(np.argmax(scores))
    for at in (2, steps - 1, steps):
        monkeypatch.setattr(setup.Setup, "batches", _dying(at))
        if at == steps:  # killed between the stop and the result
            monkeypatch.setattr(results, "finish", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            tljax.fit(with_(run, save_every=5), tmp_path / "cut", quiet=True)
    monkeypatch.undo()
    monkeypatch.setattr(setup.Setup, "batches", _dying(steps))
    cut = tljax.fit(run, tmp_path / "cut", quiet=True)
    assert {k: v for k, v in cut.summary.items() if k not in SPEED} == {k: v for k, v in whole.summary.items() if k not in SPEED}
    assert bits(tmp_path / "cut") == bits(tmp_path / "whole")


@pytest.mark.parametrize("seed", range(20))
def test_stopping_follows_from_the_best_step_as_from_all_scores(seed):
    rng = np.random.default_rng(seed)
    every, patience = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    scores = rng.integers(0, 6, 30).tolist()
    over = next((n for n in range(1, 30) if n - scores.index(max(scores[: n + 1])) >= patience), 29)

    def should_stop(seen, phase, n):
        span = types.SimpleNamespace(span=types.SimpleNamespace(start=phase))
        ready = types.SimpleNamespace(
            run=types.SimpleNamespace(patience=patience, eval_every=every), training=types.SimpleNamespace(plans=[span])
        )
        best = types.SimpleNamespace(best_step=lambda: every * scores.index(max(scores[: seen + 1])))
        return _Validation._should_stop(types.SimpleNamespace(ready=ready, checkpoints=best), every * n)

    for n in range(over + 1):
        assert not any(should_stop(seen, 0, n) for seen in range(n, over))  # a killed run may have seen validations that it repeats
        assert should_stop(n, 0, n) == (n == over < 29)
        assert not should_stop(n, every * (n + 1 - patience), n)  # the last phase is too young


def test_profile_and_a_compilation_cache_of_small_programs(tmp_path, compilation_settings):
    programs = []
    for name in ("a", "b"):  # the second takes its programs from the first
        run = of_kind("classification", compilation_cache=str(tmp_path / "compiled"), steps=3, eval_every=0)
        result = tljax.fit(run, tmp_path / name, quiet=True, profiled="1:2")
        assert 0 <= result.summary["input_wait"] <= 1 and len(list((tmp_path / name / "profile").rglob("*.xplane.pb"))) == 1
        programs.append(sorted(p.name for kind in ("step", "statistics") for p in (tmp_path / "compiled").glob(f"jit_{kind}-*-cache")))
    assert len(programs[0]) == 2 and programs[0] == programs[1]
    with pytest.raises(ValueError, match="<= 40, the steps of the run"):
        tljax.fit(of_kind("classification"), tmp_path / "other", profiled="3:50")


def test_a_finished_run_gives_its_result_again_and_has_no_step_left_to_profile(tmp_path):
    first = tljax.fit(of_kind("regression", steps=2), tmp_path, quiet=True)
    again = tljax.fit(of_kind("regression", steps=2, workers=1, log_every=7), tmp_path)
    assert (again.step, again.score, again.metrics, again.summary) == (first.step, first.score, first.metrics, first.summary)
    assert again.pretrained.predict(parts("regression")[2]) == first.pretrained.predict(parts("regression")[2])
    with pytest.raises(ValueError, match="no step is left"):
        tljax.fit(of_kind("regression", steps=2), tmp_path, quiet=True, profiled="0:1")


def test_augmentation_is_in_the_training_step_alone_and_the_whole_certificate_holds(tmp_path):
    plain = tiny(start("mlp(widths=(64, 64))"), strategy="scratch", steps=2, eval_every=0)
    begun = tljax.fit(plain, tmp_path / "plain", quiet=True).pretrained
    run = with_(plain, pretrained=begun, strategy="lp_ft")
    tljax.fit(run, tmp_path / "probed", quiet=True)
    flipped = tljax.fit(with_(run, augment=("flip(p=1.0)",), certificate="full"), tmp_path / "flipped", quiet=True)
    first, loss = ([logger.read(tmp_path / name)[k]["loss"] for name in ("probed", "flipped")] for k in (0, 1))
    assert first[0] == first[1]  # measured on images as they are
    assert abs(loss[0] - loss[1]) > 1e-4
    assert [proof["phase"] for proof in flipped.certificates] == [0, 1] and not any(proof["problems"] for proof in flipped.certificates)
    assert flipped.certificates[0]["full_flops"] > 1.5 * flipped.certificates[0]["step_flops"]


@pytest.mark.parametrize("augment", [(), ("mixup(alpha=0.4)",)])
def test_an_objective_of_ones_own_meets_labels_in_the_form_of_the_task(augment, tmp_path):
    seen = []

    def loss(forward, batch, context):
        seen.append((batch["label"].shape, batch["label"].dtype))
        value = -(batch["label"] * jax.nn.log_softmax(forward(batch).logits)).sum(-1)
        return value.mean(), objectives.Aux(jnp.float32(len(value)), {})

    begun = start("mlp(widths=(8,))")
    run = tiny(
        begun, strategy="scratch", steps=1, eval_every=0, augment=augment, objective=objectives.Objective(loss, forms=("distribution",))
    )
    with pytest.raises(ValueError, match=r"^objective: a Objective cannot describe itself.*names=\{'objective': 'v1'\}"):
        tljax.fit(run, tmp_path, quiet=True)
    result = tljax.fit(with_(run, names={"objective": "mine, v1"}), tmp_path, quiet=True)
    assert set(seen) == {((8, 10), np.dtype("float32"))} and result.summary["objective"] == "mine, v1"
    with pytest.raises(ValueError, match="objective was 'mine, v1', now 'v2'"):
        tljax.fit(with_(run, names={"objective": "v2"}), tmp_path, quiet=True)


def test_a_model_without_a_head_trains_its_backbone(tmp_path):
    def loss(forward, batch, context):
        return (forward(batch).logits ** 2).mean(), objectives.Aux(jnp.float32(1), {})

    train, _, test = parts("classification")
    begun = tljax.create("mlp(widths=(8,))", train, task="features")
    assert "head" not in begun.variables["params"]
    run = of_kind("classification", steps=4, eval_every=0)
    run = dataclasses.replace(run, pretrained=begun, objective=objectives.Objective(loss), names={"objective": "smaller features"})
    result = tljax.fit(run, tmp_path, quiet=True)
    assert result.summary["metric"] == "accuracy" and result.summary["selected_by"].startswith("knn")
    assert result.summary["params"]["planned"] == 6 * 8 + 8
    values = tljax.open(tmp_path).predict(test)
    assert len(values) == 30 and len(values[0]["features"]) == 8


def test_a_mean_of_the_weights_is_measured_and_saved_and_survives_a_kill(tmp_path, monkeypatch):
    run = of_kind("classification", ema=0.9, eval_every=5, steps=15, save_every=4)
    whole = tljax.fit(run, tmp_path / "whole", quiet=True)
    plain = tljax.fit(with_(run, ema=0.0), tmp_path / "plain", quiet=True)
    assert validations(tmp_path / "whole")[0] == validations(tmp_path / "plain")[0]
    assert bits(tmp_path / "whole") != bits(tmp_path / "plain") and whole.metrics["loss"] > plain.metrics["loss"]  # it lags behind
    monkeypatch.setattr(setup.Setup, "batches", _dying(9))
    with pytest.raises(KeyboardInterrupt):
        tljax.fit(run, tmp_path / "cut", quiet=True)
    monkeypatch.undo()
    tljax.fit(run, tmp_path / "cut", quiet=True)
    assert bits(tmp_path / "cut") == bits(tmp_path / "whole")


def test_a_metric_without_labels_selects_on_unlabeled_data(tmp_path):
    _, val, _ = parts("classification")
    unlabeled = data.from_arrays(np.stack([val[i]["x"] for i in range(len(val))]))
    result = tljax.fit(of_kind("classification", val=unlabeled, metric="information", eval_every=10), tmp_path, quiet=True)
    rows = validations(tmp_path)
    assert result.summary["selected_by"] == "information" and result.summary["measured_on"] == "test (30 examples)"
    assert result.step == max(rows, key=lambda row: row["information"])["step"] and result.score == max(r["information"] for r in rows)
    assert "accuracy" not in rows[0] and "accuracy" in result.metrics


def test_another_metric_selects_and_the_task_s_own_is_recorded_beside_it(tmp_path):
    result = tljax.fit(of_kind("classification", metric="entropy"), tmp_path, quiet=True)
    rows = validations(tmp_path)
    assert all({"entropy", "accuracy"} <= row.keys() for row in rows) and all(row["score"] == -row["entropy"] for row in rows)
    assert result.step == min(rows, key=lambda row: row["entropy"])["step"] and result.summary["sign"] == -1


def test_the_validation_data_is_measured_while_tuning_and_the_last_step_is_taken_on_request(tmp_path):
    best = tljax.fit(of_kind("classification", measure_on="val", steps=20), tmp_path / "best", quiet=True)
    assert best.summary["measured_on"] == "val (30 examples)" and best.metrics["accuracy"] == best.score
    last = tljax.fit(of_kind("classification", select="last", steps=20), tmp_path / "last", quiet=True)
    assert last.step == 20 and last.summary["selected_on"] == "nothing (the last step, 20)" and last.summary["selected_by"] == ""
    assert last.score == validations(tmp_path / "last")[-1]["accuracy"]
    alone = tljax.fit(of_kind("classification", val=None, test=None, steps=2), tmp_path / "alone", quiet=True)
    assert (alone.step, alone.score, alone.metrics, alone.summary["measured_on"]) == (2, None, {}, "nothing")


@pytest.mark.parametrize("bad", [1e30, 1e20])
def test_a_loss_that_is_not_finite_ends_the_run_with_the_step_and_no_result(bad, tmp_path):
    run = with_(of_kind("regression", steps=10, log_every=1), lr=bad)
    with pytest.raises((logger.NonFinite, tljax.metrics.NotFinite), match=r"^step [0-9]+, examples of batch .*(lower|look at)"):
        tljax.fit(run, tmp_path, quiet=True)
    assert not (tmp_path / "result.json").exists()


def test_the_seed_is_an_input_of_the_program_and_of_the_draw(tmp_path):
    traced = []
    jax.monitoring.register_event_listener(lambda event, **_: traced.append(event))
    scores = [tljax.fit(of_kind("classification", seed=seed, steps=5), tmp_path / str(seed), quiet=True).metrics["loss"] for seed in (0, 1)]
    assert scores[0] != scores[1]
    before = traced.count("/jax/compilation_cache/cache_misses")
    tljax.fit(of_kind("classification", seed=2, steps=5), tmp_path / "2", quiet=True)
    assert traced.count("/jax/compilation_cache/cache_misses") == before
