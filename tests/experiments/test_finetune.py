"""What a run does on its way: validation of the start, early stopping, profile, kept programs, augmentation."""

import contextlib
import itertools
import types

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from experiments import finetune, outcome, prepare
from tests.experiments.conftest import tiny
from tljax import weights
from tljax.train import logger

SPEED = ("seconds", "examples_per_second", "input_wait")
CACHE_SETTINGS = (
    "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs", "jax_persistent_cache_min_entry_size_bytes"
)  # fmt: skip


def _dying(true_batches, at):
    """Batches that end the run after step `at`."""

    def batches(r, now):
        yield from itertools.islice(true_batches(r, now), at - now)
        raise KeyboardInterrupt

    return batches


def test_the_start_is_validated_and_its_row_stands_once_however_often_the_run_dies(tmp_path, monkeypatch):
    true_batches = finetune._batches
    for at, steps in ((3, [0]), (7, [0, 4]), (12, [0, 4, 8, 12])):
        monkeypatch.setattr(finetune, "_batches", _dying(true_batches, at))
        with contextlib.suppress(KeyboardInterrupt):
            finetune.run(tiny(train__save_every=5), tmp_path, quiet=True)
        assert [row["step"] for row in logger.read(tmp_path) if row["split"] == "val"] == steps


def test_training_that_only_hurts_keeps_the_start(source_model, tmp_path):
    result = finetune.run(tiny(weights=str(source_model), strategy="probe", optim__lr=100.0), tmp_path, quiet=True)
    assert result["selected_on"] == "val (40 examples, step 0)"
    before, after = weights.open(source_model).variables, weights.open(tmp_path).variables
    assert all(np.array_equal(before["params"]["head"][k], after["params"]["head"][k]) for k in ("kernel", "bias"))


def test_early_stopping_survives_kills_and_a_stopped_run_stays_stopped(source_model, tmp_path, monkeypatch):
    settings = {"weights": str(source_model), "strategy": "gradual_unfreezing", "optim__lr": 3.0, "train__steps": 60, "train__patience": 2}
    whole = finetune.run(tiny(**settings), tmp_path / "whole", quiet=True)
    scores = [row["accuracy"] for row in logger.read(tmp_path / "whole") if row["split"] == "val"]
    assert whole["steps"] == 4 * (len(scores) - 1) < 60 and max(scores[-2:]) <= max(scores[:-2])
    last = whole["certificate"][-1]["start"] // 4
    assert all(n - max(int(np.argmax(scores[: n + 1])), last) < 2 for n in range(len(scores) - 1))  # not a validation too late
    assert whole["ended"] == "early stopping: no better validation for 2 validations" and whole["ended"] in finetune.show(whole)
    assert whole["selected_on"] == f"val (40 examples, step {4 * int(np.argmax(scores))})"
    true_batches, last = finetune._batches, whole["steps"]
    for at in (2, last - 1, last):
        monkeypatch.setattr(finetune, "_batches", _dying(true_batches, at))
        if at == last:  # killed between the stop and the result
            monkeypatch.setattr(outcome, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            finetune.run(tiny(**settings, train__save_every=5), tmp_path / "cut", quiet=True)
    monkeypatch.undo()
    monkeypatch.setattr(finetune, "_batches", _dying(true_batches, last))
    cut = finetune.run(tiny(**settings), tmp_path / "cut", quiet=True)
    assert {k: v for k, v in cut.items() if k not in SPEED} == {k: v for k, v in whole.items() if k not in SPEED}
    bits = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("cut", "whole")]
    assert bits[0] == bits[1]


@pytest.mark.parametrize("seed", range(20))
def test_enough_is_counted_from_the_best_as_from_all_scores(seed):
    rng = np.random.default_rng(seed)
    every, patience = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    config, scores = tiny(train__eval_every=every, train__patience=patience), rng.integers(0, 6, 30).tolist()
    over = next((n for n in range(1, 30) if n - scores.index(max(scores[: n + 1])) >= patience), 29)
    for n in range(over + 1):
        for seen in range(n, over):  # a killed run may have seen validations that it repeats
            best = types.SimpleNamespace(best_step=lambda seen=seen: every * scores.index(max(scores[: seen + 1])))
            assert not finetune._enough(config, best, 0, every * n)
        now = types.SimpleNamespace(best_step=lambda n=n: every * scores.index(max(scores[: n + 1])))
        assert finetune._enough(config, now, 0, every * n) == (n == over < 29)
        assert not finetune._enough(config, now, every * (n + 1 - patience), every * n)  # the last phase is too young


def test_profile_and_a_compilation_cache_of_small_programs(tmp_path):
    before = {name: getattr(jax.config, name) for name in CACHE_SETTINGS}
    found = []
    try:
        for name in ("a", "b"):  # the second takes its programs from the first
            config = tiny(train__compilation_cache=str(tmp_path / "compiled"), train__steps=3, train__eval_every=0)
            result = finetune.run(config, tmp_path / name, quiet=True, profiled="1:2")
            assert 0 <= result["input_wait"] <= 1 and len(list((tmp_path / name / "profile").rglob("*.xplane.pb"))) == 1
            found.append(sorted(p.name for kind in ("step", "logits") for p in (tmp_path / "compiled").glob(f"jit_{kind}-*-cache")))
        assert len(found[0]) == 3 and found[0] == found[1]
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
    with pytest.raises(ValueError, match="<= 12, the steps of the run"):
        finetune.run(tiny(), tmp_path / "other", profiled="3:20")


def test_augmentation_is_in_the_training_step_alone(tmp_path):
    settings = {"model": "cnn(widths=(4, 6))", "train__steps": 1, "train__eval_every": 0}
    finetune.run(tiny(**settings), tmp_path / "plain", quiet=True)
    finetune.run(tiny(**settings, data__augment=("flip(p=1.0)",), train__certificate="full"), tmp_path / "flipped", quiet=True)
    start, loss = ([logger.read(tmp_path / name)[k]["loss"] for name in ("plain", "flipped")] for k in (0, 1))
    assert start[0] == start[1]  # measured on images as they are
    assert abs(loss[0] - loss[1]) > 1e-4


def test_augmentation_of_what_is_no_image_is_refused_before_anything_is_trained(tmp_path):
    np.savez(tmp_path / "table.npz", x=np.eye(40, 4, dtype=np.float32), y=np.arange(40) % 2)
    config = tiny(model="mlp", data__source=f"npz({str(tmp_path / 'table.npz')!r})", data__test_size=10, data__augment=("flip",))
    with pytest.raises(ValueError, match=r"images \[B, H, W, C\] can be augmented"):
        finetune.run(config, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("labels", "fits"), [(np.eye(3)[[0, 1, 2] * 40] + np.eye(3)[0], "mse or huber"), (None, "sigmoid_cross_entropy")])
def test_cross_entropy_refuses_labels_that_are_no_distributions(labels, fits, tmp_path):
    labels = (np.arange(360).reshape(120, 3) % 5 < 3).astype(np.int32) if labels is None else labels
    np.savez(tmp_path / "x.npz", x=np.zeros((120, 8), np.float32), y=labels)
    config = tiny(
        data__source=f"npz('{tmp_path / 'x.npz'}')", model="mlp(widths=(4,))", data__per_class=0, data__val_per_class=0, data__parts=()
    )
    with pytest.raises(ValueError, match=fits):
        finetune.run(config, tmp_path / "run", quiet=True)
    soft = np.full((120, 3), 1 / 3, np.float32)
    np.savez(tmp_path / "x.npz", x=np.zeros((120, 8), np.float32), y=soft)
    prepare.prepare(config, tmp_path / "run", quiet=True)


def test_a_finished_run_has_no_step_left_to_profile(tmp_path):
    finetune.run(tiny(train__steps=1), tmp_path, quiet=True)
    with pytest.raises(ValueError, match="no step is left"):
        finetune.run(tiny(train__steps=1), tmp_path, quiet=True, profiled="0:1")
