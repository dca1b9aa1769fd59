"""The sweep in one process, killed and gone on, and what it says to bad settings."""

import collections
import dataclasses
import json
import os
import random
import signal
import subprocess
import time

import jax
import pytest

from experiments import finetune, start, sweep, trials
from experiments.config import Sweep
from experiments.configs import digits
from tests.experiments.conftest import tiny
from tests.experiments.test_commands import ROOT, command, environment

TRIALS = int(os.environ.get("TLJAX_SWEEP_TRIALS", "6"))


@pytest.fixture(autouse=True)
def compilation_cache():
    """What a sweep says about JAX's compilation cache ends with the test."""
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs", "jax_persistent_cache_min_entry_size_bytes")
    before = {name: getattr(jax.config, name) for name in names}
    yield
    jax.experimental.compilation_cache.compilation_cache.reset_cache()
    for name, value in before.items():
        jax.config.update(name, value)


def recipe(source_model, **fields):
    config = tiny(weights=str(source_model), new_head="always", strategy="probe", train__steps=4, train__eval_every=2)
    config.sweep = Sweep(**{"seeds": (0, 1)} | fields)
    return config


def test_a_sweep_selects_on_validation_and_a_finished_one_only_prints(source_model, tmp_path, monkeypatch, capsys):
    config = recipe(source_model, grid={"optim.lr": (1e-1, 1e35)}, points=({"strategy": "full"},))
    misses, ran, true_run = collections.Counter(), [], finetune.run
    jax.monitoring.register_event_listener(lambda event, **_: misses.update([len(ran)] * event.endswith("/cache_misses")))
    monkeypatch.setattr(finetune, "run", lambda *args, **kwargs: ran.append(args[1].name) or true_run(*args, **kwargs))
    sweep.main(config, str(tmp_path))
    said = capsys.readouterr().out
    assert ran == [f"{name}_seed{seed}" for name in ("optim.lr=0.1", "optim.lr=1e+35", "strategy=full") for seed in (0, 1)]
    assert misses[1] > 0 and [misses[n] for n in (2, 3, 4)] == [0] * 3  # the rate and the seed are inputs of the first's programs
    rows = trials.read(tmp_path)
    val, test = [r for r in rows if r["split"] == "val"], [r for r in rows if r["split"] == "test"]
    assert [r["id"] for r in val] == ran and all("diverged: " in r["error"] for r in val if "1e+35" in r["id"])
    mean = {s: sum(r["metrics"]["accuracy"] for r in val if r["setting"] == s) for s in ("optim.lr=0.1", "strategy=full")}
    assert [r["id"] for r in test] == [f"{max(mean, key=mean.get)}_seed{seed}_test" for seed in (0, 1)]
    assert all(r["measured_on"] == "test (60 examples)" for r in test) and "2 of 2 diverged" in said
    assert all(r["measured_on"] == "val (40 examples)" and r["selected_step"] in (0, 2, 4) for r in val if "error" not in r)
    left = (tmp_path / "table.md").read_text()
    (tmp_path / "table.md").unlink()
    (tmp_path / "figures" / "sweep.png").unlink()
    monkeypatch.setattr(finetune, "run", lambda *_: pytest.fail("trained again"))
    sweep.main(config, str(tmp_path))
    assert (
        said.endswith(capsys.readouterr().out)
        and (tmp_path / "table.md").read_text() == left
        and (tmp_path / "figures" / "sweep.png").exists()
    )


def test_a_sweep_that_grows_trains_what_is_new_and_leaves_the_test_alone_while_tuning(source_model, tmp_path, monkeypatch):
    config = recipe(source_model, grid={"optim.lr": (1e-2,)}, seeds=(0,))
    config.measure = "val"
    sweep.run(config, tmp_path)
    config.sweep = Sweep(grid={"optim.lr": (3e-2, 1e-2), "optim.clip": (1.0,)}, points=({"optim.lr": 1e-2, "optim.clip": 0.0},), seeds=(0,))
    config.sweep.grid.pop("optim.clip")
    ran, true_run = [], finetune.run
    monkeypatch.setattr(finetune, "run", lambda *args, **kwargs: ran.append(args[1].name) or true_run(*args, **kwargs))
    rows = sweep.run(config, tmp_path)
    assert ran == ["optim.lr=0.03_seed0", "optim.lr=0.01_optim.clip=0.0_seed0"]
    assert [tuple(row["overrides"].values()) for row in rows] == [(0.03, 1.0), (0.01, 1.0), (0.01, 0.0)]  # the recipe's clip, filled in
    assert all(row["split"] == "val" for row in trials.read(tmp_path)) and len(trials.read(tmp_path)) == 3
    with pytest.raises(ValueError, match=r"config.train.steps was 4, now 5"):
        sweep.run(dataclasses.replace(config, train=dataclasses.replace(config.train, steps=5)), tmp_path)


def test_every_setting_that_was_ever_measured_on_test_is_reported(source_model, tmp_path, monkeypatch):
    accuracy = {"optim.lr=0.01": 0.5, "optim.lr=0.02": 0.6, "optim.clip=0.0": 0.7}
    done = {"measured_on": "val (9 examples)", "selected_on": "val", "selected_step": 1, "seconds": 1.0, "examples_per_second": 1.0}
    monkeypatch.setattr(finetune, "run", lambda _, at, **__: done | {"metrics": {"accuracy": accuracy[at.name.split("_")[0]]}})
    monkeypatch.setattr(trials, "measure_test", lambda _, at: ({"accuracy": accuracy[at.name.split("_")[0]] - 0.1234}, 9))
    told = []
    for fields in ({"grid": {"optim.lr": (0.01,)}}, {"grid": {"optim.lr": (0.01, 0.02)}}, {"points": ({"optim.clip": 0.0},)}):
        rows = sweep.run(recipe(source_model, seeds=(0,), **fields), tmp_path)
        told.append((sweep.report(rows, tmp_path), sum(row["split"] == "test" for row in rows)))
    assert [n for _, n in told] == [1, 2, 3] == [int(text.splitlines()[0].rsplit(" ", 1)[1]) for text, _ in told]
    assert "0.377 (1)" in told[1][0] and "0.477 (1)" in told[1][0] and "earlier" not in told[1][0]
    assert all(score in told[2][0] for score in ("0.377 (1)", "0.477 (1)", "0.577 (1)")) and told[2][0].count("of an earlier sweep") == 2
    assert [(row["overrides"]["optim.lr"], row["overrides"]["optim.clip"]) for row in rows] == [
        (0.01, 0.0),
        (0.01, 1.0),
        (0.02, 1.0),
        (0.01, 0.0),
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "nothing to run"),
        ({"points": ({},), "seeds": ()}, "nothing to run"),
        ({"points": ({},), "seeds": (0, 0)}, "each once"),
        ({"points": ({},), "seeds": (-1,)}, "at least 0"),
        ({"points": ({}, {"optim.lr": 1e-2})}, "gives a setting twice"),  # the recipe's own rate
        ({"grid": {"optim.lr": (1, 1.0)}}, "gives a setting twice"),
        ({"grid": {"optim.lr": 1e-3}}, "a tuple of values"),
        ({"grid": {"strategy": "probe"}}, "a tuple of values"),
        ({"grid": {"optim.lr": ()}}, "a tuple of values"),
        ({"grid": (("optim.lr", (1e-3,)),)}, "wanted is a dict"),
        ({"points": ("optim.lr",)}, "a tuple of dicts"),
        ({"grid": {"rate": (1,)}}, "no field 'rate'"),
        ({"points": ({"optim.lr": 1e-3}, {"optim.lr": "high"})}, "config.optim.lr='high'"),
        ({"grid": {"optim.lr": (1e-3, -1.0)}}, "{'optim.lr': -1.0}: optim.lr=-1.0"),
        ({"grid": {"seed": (1, 2)}}, "config.sweep.seeds does"),
        ({"grid": {"data.test_size": (1, 2)}}, "the examples that are measured"),
        ({"grid": {"compare.seeds": ((1,),)}}, "no trial reads it"),
        ({"grid": {"sweep.seeds": ((1,),)}}, "no trial reads it"),
        ({"grid": {"train.compilation_cache": ("a",)}}, "all trials share one"),
        ({"grid": {"strategy": ("probe", "prob")}}, "{'strategy': 'prob'}: .*did you mean probe"),
        ({"grid": {"strategy": ("probe", "freeze_first(9)")}}, r"freeze_first\(9\)"),
    ],
)
def test_bad_settings_are_named_before_anything_is_trained(fields, said, source_model, tmp_path, monkeypatch):
    monkeypatch.setattr(finetune, "run", lambda *_: pytest.fail("trained"))
    with pytest.raises(ValueError, match=said) as e:
        sweep.run(recipe(source_model, **fields), tmp_path / "run")
    assert "\n" not in str(e.value) and not (tmp_path / "run").exists()


def test_running_out_of_memory_is_told_and_tried_again_and_other_errors_end_the_sweep(source_model, tmp_path, monkeypatch):
    def fail(text):
        def run(*_, **__):
            raise jax.errors.JaxRuntimeError(text)

        monkeypatch.setattr(finetune, "run", run)

    config = recipe(source_model, points=({},), seeds=(0,))
    fail("INTERNAL: a bad day")
    with pytest.raises(jax.errors.JaxRuntimeError):
        sweep.run(config, tmp_path)
    assert trials.read(tmp_path) == []
    fail("RESOURCE_EXHAUSTED: Out of memory\nmore")
    (row,) = sweep.run(config, tmp_path)
    assert row["error"] == "out of memory: RESOURCE_EXHAUSTED: Out of memory" and "nothing is selected" in sweep.report([row], tmp_path)
    assert trials.read(tmp_path) == []
    monkeypatch.undo()
    val, test = sweep.run(config, tmp_path)
    assert (
        "error" not in val and test["split"] == "test" and [r["id"] for r in trials.read(tmp_path)] == ["recipe_seed0", "recipe_seed0_test"]
    )


def test_a_dict_on_the_command_line_is_a_literal():
    parse = start._Dict().parse
    assert parse("{'optim.lr': (1e-3, 3e-3)}") == {"optim.lr": (1e-3, 3e-3)} and parse({"a": 1}) == {"a": 1}
    for wrong in ("{'a': ", "name", "f(1)"):
        with pytest.raises(ValueError, match="no dict of Python literals"):
            parse(wrong)


def test_killed_twice_every_row_stands_once(source_model, tmp_path):
    rates = tuple(round(1e-3 * 1.5**i, 6) for i in range(TRIALS // 2))
    config = [
        f"--config.sweep.grid={dict([('optim.lr', rates)])}",
        "--config.sweep.seeds=(0, 1)",
        "--config.train.steps=30",
        "--config.train.save_every=5",
    ]
    args = command("sweep", "--config=experiments/configs/digits.py", f"--config.weights={source_model}", *config, f"--workdir={tmp_path}")
    draw = random.Random(TRIALS)
    wanted = [f"optim.lr={rate}_seed{seed}" for rate in rates for seed in (0, 1)]
    first, second = sorted(draw.sample(range(TRIALS - 1), 2))

    def begun(name):
        """Whether a trial has a checkpoint and no result."""
        root = tmp_path / "trials" / name
        return any((root / "checkpoints").glob("[0-9]*")) and not (root / "result.json").exists()

    for reached in (lambda: len(trials.read(tmp_path)) > first, lambda: begun(wanted[second + 1])):  # anywhere, then within a trial
        process = subprocess.Popen(args, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not reached():
            time.sleep(0.002)
        assert process.poll() is None, "the sweep was over before it was killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        with (tmp_path / trials.FILE).open("ab") as f:
            f.write(b'{"id": "optim.lr=')  # as a kill within the write would leave it
    done = subprocess.run(args, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [json.loads(line) for line in (tmp_path / trials.FILE).read_text().splitlines()]
    ids = [row["id"] for row in rows]
    assert ids[:TRIALS] == wanted and len(ids) == TRIALS + 2 and len(set(ids)) == len(ids)
    assert len(done.stdout.split(" on val (100 examples), step ")) - 1 <= TRIALS - 1 - second  # the finished ones were not run again
    cut = digits.get_config()
    cut.weights, cut.optim.lr, cut.seed, cut.measure = (
        str(source_model),
        *rows[second + 1]["overrides"].values(),
        rows[second + 1]["seed"],
        "val",
    )
    cut.train.steps = 30
    assert rows[second + 1]["metrics"].items() <= finetune.run(cut, tmp_path / "whole", quiet=True)["metrics"].items()
    best = {row["setting"] for row in rows[TRIALS:]}
    assert len(best) == 1 and f"--config.{best.pop()}" in done.stdout
    (tmp_path / "table.md").unlink()
    again = subprocess.run(args, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=600)
    assert again.returncode == 0 and (tmp_path / "table.md").exists()
    assert done.stdout.endswith(again.stdout)
