"""The sweep in one process, killed and gone on, and what it says to bad settings."""

import collections
import dataclasses
import importlib
import types

import jax
import pytest

from tests.runs.conftest import of_kind
from tljax.runs import trials
from tljax.runs.sweep import report, sweep

sweeping = importlib.import_module("tljax.runs.sweep")


@pytest.fixture
def base(vector_model, compilation_settings):
    return of_kind("classification", pretrained=vector_model, strategy="linear_probe", steps=4, eval_every=2)


def counted(monkeypatch):
    """The names of the trials that are trained from here on."""
    ran, true_fit = [], sweeping.fit
    monkeypatch.setattr(sweeping, "fit", lambda *args, **kwargs: ran.append(args[1].name) or true_fit(*args, **kwargs))
    return ran


def test_a_sweep_selects_on_validation_and_a_finished_one_only_prints(base, tmp_path, monkeypatch, capsys):
    grid, points = {"optim.lr": (1e-1, 1e35)}, ({"strategy": "full"},)
    misses, ran = collections.Counter(), counted(monkeypatch)
    jax.monitoring.register_event_listener(lambda event, **_: misses.update([len(ran)] * event.endswith("/cache_misses")))
    text = report(sweep(base, tmp_path, grid=grid, points=points, seeds=(0, 1)), tmp_path)
    said = capsys.readouterr().out
    assert ran == [f"{name}_seed{seed}" for name in ("optim.lr=0.1", "optim.lr=1e+35", "strategy=full") for seed in (0, 1)]
    assert misses[1] > 0 and [misses[n] for n in (2, 3, 4)] == [0] * 3  # the rate and the seed are inputs of the first's programs
    rows = trials.read(tmp_path)
    val, test = [r for r in rows if r["split"] == "val"], [r for r in rows if r["split"] == "test"]
    assert [r["id"] for r in val] == ran and all("diverged: " in r["error"] for r in val if "1e+35" in r["id"])
    mean = {s: sum(r["metrics"]["accuracy"] for r in val if r["setting"] == s) for s in ("optim.lr=0.1", "strategy=full")}
    assert [r["id"] for r in test] == [f"{max(mean, key=mean.get)}_seed{seed}_test" for seed in (0, 1)]
    assert all(r["measured_on"] == "test (30 examples)" for r in test) and "2 of 2 diverged" in text
    assert said.count(" on val (30 examples), step ") == 4
    assert all(r["measured_on"] == "val (30 examples)" and r["selected_step"] in (0, 2, 4) for r in val if "error" not in r)
    left = (tmp_path / "table.md").read_text()
    (tmp_path / "table.md").unlink()
    (tmp_path / "figures" / "sweep.png").unlink()
    monkeypatch.setattr(sweeping, "fit", lambda *_, **__: pytest.fail("trained again"))
    assert report(sweep(base, tmp_path, grid=grid, points=points, seeds=(0, 1)), tmp_path) == text
    assert (tmp_path / "table.md").read_text() == left and (tmp_path / "figures" / "sweep.png").exists()


def test_a_sweep_that_grows_trains_what_is_new_and_leaves_the_test_alone_while_tuning(base, tmp_path, monkeypatch):
    sweep(base, tmp_path, grid={"optim.lr": (1e-2,)}, seeds=(0,), test=False)
    ran = counted(monkeypatch)
    grid, points = {"optim.lr": (3e-2, 1e-2)}, ({"optim.lr": 1e-2, "optim.clip": 0.0},)
    rows = sweep(base, tmp_path, grid=grid, points=points, seeds=(0,), test=False)
    assert ran == ["optim.lr=0.03_seed0", "optim.lr=0.01_optim.clip=0.0_seed0"]
    assert [tuple(row["overrides"].values()) for row in rows] == [(0.03, 1.0), (0.01, 1.0), (0.01, 0.0)]  # the recipe's clip, filled in
    assert all(row["split"] == "val" for row in trials.read(tmp_path)) and len(trials.read(tmp_path)) == 3
    with pytest.raises(ValueError, match=r"steps was 4, now 5"):
        sweep(dataclasses.replace(base, steps=5), tmp_path, grid=grid, seeds=(0,))


def test_every_setting_that_was_ever_measured_on_test_is_reported(base, tmp_path, monkeypatch):
    accuracy = {"optim.lr=0.01": 0.5, "optim.lr=0.02": 0.6, "optim.clip=0.0": 0.7}
    done = {"measured_on": "val (9 examples)", "selected_on": "val", "selected_step": 1, "seconds": 1.0, "examples_per_second": 1.0}
    done |= {"metric": "accuracy", "sign": 1.0}

    def fit(run, root, **_):
        score = accuracy[root.name.split("_")[0]]
        return types.SimpleNamespace(summary=done, score=score, metrics={"accuracy": score})

    monkeypatch.setattr(sweeping, "fit", fit)
    monkeypatch.setattr(trials, "measure_test", lambda _, root: ({"accuracy": accuracy[root.name.split("_")[0]] - 0.1234}, 9))
    told = []
    for fields in ({"grid": {"optim.lr": (0.01,)}}, {"grid": {"optim.lr": (0.01, 0.02)}}, {"grid": {}, "points": ({"optim.clip": 0.0},)}):
        rows = sweep(base, tmp_path, seeds=(0,), **fields)
        told.append((report(rows, tmp_path), sum(row["split"] == "test" for row in rows)))
    assert [n for _, n in told] == [1, 2, 3] == [int(text.splitlines()[0].rsplit(" ", 1)[1]) for text, _ in told]
    assert "0.377 (1)" in told[1][0] and "0.477 (1)" in told[1][0] and "earlier" not in told[1][0]
    assert all(score in told[2][0] for score in ("0.377 (1)", "0.477 (1)", "0.577 (1)")) and told[2][0].count("of an earlier sweep") == 2
    pairs = [(row["overrides"]["optim.lr"], row["overrides"]["optim.clip"]) for row in rows]
    assert pairs == [(0.03, 0.0), (0.01, 1.0), (0.02, 1.0), (0.03, 0.0)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "nothing to run"),
        ({"points": ({},), "seeds": ()}, "nothing to run"),
        ({"points": ({},), "seeds": (0, 0)}, "each once"),
        ({"points": ({},), "seeds": (-1,)}, "at least 0"),
        ({"points": ({}, {"optim.lr": 3e-2})}, "has a setting twice"),  # the recipe's own rate
        ({"grid": {"optim.lr": (1, 1.0)}}, "has a setting twice"),
        ({"grid": {"optim.lr": 1e-3}}, "a tuple of values"),
        ({"grid": {"strategy": "linear_probe"}}, "a tuple of values"),
        ({"grid": {"optim.lr": ()}}, "a tuple of values"),
        ({"grid": (("optim.lr", (1e-3,)),)}, "a dict .* is expected"),
        ({"points": ("optim.lr",)}, "a tuple of dicts"),
        ({"grid": {"rate": (1,)}}, "no field 'rate'"),
        ({"points": ({"optim.lr": 1e-3}, {"optim.lr": "high"})}, "optim.lr='high'"),
        ({"grid": {"optim.lr": (1e-3, -1.0)}}, "{'optim.lr': -1.0}: optim.lr=-1.0"),
        ({"grid": {"seed": (1, 2)}}, "sweep.seeds does"),
        ({"grid": {"test": (1, 2)}}, "the examples that are measured"),
        ({"grid": {"compare.seeds": ((1,),)}}, "no trial reads it"),
        ({"grid": {"sweep.seeds": ((1,),)}}, "no trial reads it"),
        ({"grid": {"compilation_cache": ("a",)}}, "all trials share one"),
        ({"grid": {"strategy": ("linear_probe", "prob")}}, "{'strategy': 'prob'}: .*did you mean linear_probe"),
        ({"grid": {"strategy": ("linear_probe", "freeze_first(9)")}}, r"freeze_first\(9\)"),
    ],
)
def test_bad_settings_are_named_before_anything_is_trained(fields, message, base, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeping, "fit", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(ValueError, match=message) as e:
        sweep(base, tmp_path / "run", **{"grid": {}, "seeds": (0, 1)} | fields)
    assert "\n" not in str(e.value) and not (tmp_path / "run").exists()


def test_running_out_of_memory_is_told_and_tried_again_and_other_errors_end_the_sweep(base, tmp_path, monkeypatch):
    def fail(text):
        def fit(*_, **__):
            raise jax.errors.JaxRuntimeError(text)

        monkeypatch.setattr(sweeping, "fit", fit)

    options = {"grid": {}, "points": ({},), "seeds": (0,)}
    fail("INTERNAL: a bad day")
    with pytest.raises(jax.errors.JaxRuntimeError):
        sweep(base, tmp_path, **options)
    assert trials.read(tmp_path) == []
    fail("RESOURCE_EXHAUSTED: Out of memory\nmore")
    (row,) = sweep(base, tmp_path, **options)
    assert row["error"] == "out of memory: RESOURCE_EXHAUSTED: Out of memory" and "nothing is selected" in report([row], tmp_path)
    assert trials.read(tmp_path) == []
    monkeypatch.undo()
    val, test = sweep(base, tmp_path, **options)
    assert "error" not in val and test["split"] == "test"
    assert [r["id"] for r in trials.read(tmp_path)] == ["recipe_seed0", "recipe_seed0_test"]
