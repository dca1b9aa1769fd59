"""Workdirs of earlier versions: their names are read, their runs and trials go on under today's."""

import importlib
import json

import pytest

import tljax
from tests.runs.conftest import of_kind, parts
from tljax.runs import renamed, setup, trials
from tljax.runs.compare import compare
from tljax.runs.sweep import sweep

PAIRS = {
    "probe": "linear_probe",
    "gradual_unfreezing(per=5)": "gradual_unfreezing(phase_length=5)",
    "gradual_unfreezing(per=0.25)": "gradual_unfreezing(phase_length=0.25)",
    "layerwise_decay(gamma=0.7)": "layerwise_decay(decay=0.7)",
}


@pytest.mark.parametrize("earlier", PAIRS)
def test_an_earlier_expression_is_rewritten_and_told_from_todays(earlier):
    assert renamed.strategy(earlier) == PAIRS[earlier] == renamed.strategy(PAIRS[earlier])
    assert renamed.spellings(PAIRS[earlier]) == [PAIRS[earlier], earlier]
    stored = {"strategy": earlier, "title": earlier, "pretrained.model": "vit_tiny(hidden=96)", "pretrained.head": "mlp(hidden=5)"}
    today = {"strategy": PAIRS[earlier], "title": earlier, "pretrained.model": "vit_tiny(mlp_dim=96)", "pretrained.head": "mlp(mlp_dim=5)"}
    assert renamed.entries(stored) == today


@pytest.mark.parametrize("expression", ["full", "lp_ft(probe=0.5)", "gradual_unfreezing", "layerwise_decay(0.7)", "v1.2 of mine", ""])
def test_any_other_text_stays_as_it_is(expression):
    assert renamed.strategy(expression) == expression and renamed.spellings(expression) == [expression]


def test_the_workdir_of_an_earlier_version_goes_on_opens_and_predicts(vector_model, tmp_path, monkeypatch):
    """The run.json is that of an earlier version, by a change of its text; the run was killed in its second phase."""
    run = of_kind("classification", pretrained=vector_model, strategy="gradual_unfreezing(phase_length=5)", steps=12, save_every=3)
    whole = tljax.fit(run, tmp_path / "whole", quiet=True)
    batches = setup.Setup.batches

    def killed(self, phase, step):
        for i, batch in enumerate(batches(self, phase, step)):
            if step + i == 8:
                raise KeyboardInterrupt
            yield batch

    monkeypatch.setattr(setup.Setup, "batches", killed)
    with pytest.raises(KeyboardInterrupt):
        tljax.fit(run, tmp_path / "cut", quiet=True)
    monkeypatch.undo()
    _earlier(tmp_path / "cut" / "run.json", "gradual_unfreezing(phase_length=5)", "gradual_unfreezing(per=5)")
    with pytest.raises(
        ValueError, match=r"strategy was 'gradual_unfreezing\(phase_length=5\)', now 'gradual_unfreezing\(phase_length=4\)'"
    ):
        tljax.fit(of_kind("classification", pretrained=vector_model, strategy="gradual_unfreezing(phase_length=4)", steps=12, save_every=3),
                  tmp_path / "cut", quiet=True)  # fmt: skip
    assert tljax.open(tmp_path / "cut", best=True).predict(parts("classification")[2])
    resumed = tljax.fit(run, tmp_path / "cut", quiet=True)
    weights = [root / "model" / "model.safetensors" for root in (tmp_path / "cut", tmp_path / "whole")]
    assert weights[0].read_bytes() == weights[1].read_bytes() and resumed.score == whole.score
    for name in ("run.json", "result.json"):
        _earlier(tmp_path / "cut" / name, "gradual_unfreezing(phase_length=5)", "gradual_unfreezing(per=5)")
    again = tljax.fit(run, tmp_path / "cut", quiet=True)
    assert again.summary["strategy"] == "gradual_unfreezing(phase_length=5)"
    assert tljax.open(tmp_path / "cut").predict(parts("classification")[2]) == whole.pretrained.predict(parts("classification")[2])


@pytest.mark.parametrize("program", ["compare", "sweep"])
def test_the_trials_of_an_earlier_version_are_not_trained_again(program, vector_model, tmp_path, monkeypatch, compilation_settings):
    """One trial has finished, one was killed before its row was written: it goes on in its folder."""
    base = of_kind("classification", pretrained=vector_model, steps=2, eval_every=1)
    expressions = ("linear_probe", "layerwise_decay(decay=0.7)")
    calls = {
        "compare": lambda: compare(base, tmp_path, strategies=expressions, rates=(1e-2,), seeds=(0,)),
        "sweep": lambda: sweep(base, tmp_path, grid={"strategy": expressions}, seeds=(0,), test=False),
    }
    earlier = {  # the folders' names are those that the previous version wrote
        "compare": ("probe_lr0.01_seed0", "layerwise_decay-gamma=0.7_lr0.01_seed0"),
        "sweep": ("strategy=probe_seed0", "strategy=layerwise_decay-gamma=0.7-ec19d5eb_seed0"),
    }[program]
    before = calls[program]()
    for today, name, expression in zip(sorted((tmp_path / "trials").iterdir(), reverse=True), earlier, expressions, strict=True):
        _earlier(today / "run.json", expression, renamed.spellings(expression)[1])
        _earlier(tmp_path / trials.FILE, today.name, name)
        today.rename(tmp_path / "trials" / name)
    for expression in expressions:
        _earlier(tmp_path / trials.FILE, f'"{expression}"', f'"{renamed.spellings(expression)[1]}"')
    rows = [line for line in (tmp_path / trials.FILE).read_text().splitlines(keepends=True) if earlier[1] not in line]
    (tmp_path / trials.FILE).write_text("".join(rows))
    module = importlib.import_module(f"tljax.runs.{program}")
    folders, fit = [], module.fit
    monkeypatch.setattr(module, "fit", lambda run, root, **options: folders.append(root.name) or fit(run, root, **options))
    again = calls[program]()
    assert folders == [earlier[1]] and sorted(path.name for path in (tmp_path / "trials").iterdir()) == sorted(earlier)
    changed = {"id", "seconds", "examples_per_second"}
    assert [_without(row, changed) for row in again] == [_without(row, changed) for row in before]


def _earlier(path, today, earlier):
    """Write the text of a file as an earlier version did."""
    text = path.read_text()
    assert today in text
    path.write_text(text.replace(today, earlier))


def _without(row, names):
    return {name: value for name, value in json.loads(json.dumps(row)).items() if name not in names}
