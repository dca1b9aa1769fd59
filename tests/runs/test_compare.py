"""The protocol of a comparison: equally tuned, measured once, gone on with after a kill."""

import importlib
import json

import pytest

from tests.runs.conftest import of_kind
from tljax.runs import trials
from tljax.runs.compare import compare, report

comparing = importlib.import_module("tljax.runs.compare")
OPTIONS = {"strategies": ("scratch", "linear_probe"), "rates": (1e-2, 3e-2), "seeds": (0, 1)}


@pytest.fixture
def base(vector_model):
    return of_kind("classification", pretrained=vector_model, steps=4, eval_every=2)


def test_compare_measures_once_resumes_and_pictures(base, tmp_path, monkeypatch, compilation_settings):
    ran, true_fit = [], comparing.fit

    def once(run, root, **options):
        if len(ran) == 2:
            ran.append("killed")
            raise KeyboardInterrupt
        ran.append(root)
        return true_fit(run, root, **options)

    monkeypatch.setattr(comparing, "fit", once)
    with pytest.raises(KeyboardInterrupt):
        compare(base, tmp_path, **OPTIONS)
    rows = compare(base, tmp_path, **OPTIONS)
    trained = [root for root in ran if root != "killed"]
    assert len(trained) == len(set(trained)) == 2 * (2 + 1)  # two rates on the first seed, one further seed, for each strategy
    written = [json.loads(line)["id"] for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    assert len(written) == len(set(written)) == 6 + 4 and sum(name.endswith("_test") for name in written) == 4
    assert [(r["strategy"], r["seed"]) for r in rows] == [("scratch", 0), ("scratch", 1), ("linear_probe", 0), ("linear_probe", 1)]
    tuned = [r for r in trials.read(tmp_path) if r["strategy"] == "linear_probe" and r["seed"] == 0 and "measured_on" not in r]
    assert rows[2]["lr"] == max(tuned, key=lambda r: r["val"])["lr"]
    text = report(rows, tmp_path, "t")
    assert "measured on test (30 examples)" in text and "2 seeds" in text and "probe: " in text and "val accuracy" in text
    assert (tmp_path / "table.md").exists() and (tmp_path / "figures" / "curves.png").exists()


def test_errors_are_compared_by_their_own_sign(tmp_path, monkeypatch, compilation_settings):
    rows = compare(of_kind("regression", steps=6, eval_every=3), tmp_path, strategies=("scratch",), rates=(1e-5, 3e-2), seeds=(0, 1))
    assert rows[0]["metric"] == "mse" and rows[0]["lr"] == 3e-2  # the smaller error
    tuned = {r["lr"]: r["val"] for r in trials.read(tmp_path) if r["seed"] == 0 and "measured_on" not in r}
    assert tuned[3e-2] < tuned[1e-5]
    made = [row | {"strategy": "other", "test": {"mse": row["test"]["mse"] / 2}} for row in rows]
    assert "other: transfer helped" in report([*rows, *made], tmp_path, "t") or "other: cannot be told" in report(
        [*rows, *made], tmp_path, "t"
    )
    assert "hurt" not in report([*rows, *made], tmp_path, "t")


def test_a_comparison_needs_something_to_compare_and_a_test_source(base, tmp_path):
    with pytest.raises(ValueError, match="at least one of strategies, rates and seeds"):
        compare(base, tmp_path / "w", strategies=(), rates=(1.0,), seeds=(0,))
    with pytest.raises(ValueError, match="no test source"):
        compare(of_kind("classification", test=None), tmp_path / "w", **OPTIONS)
    assert not (tmp_path / "w").exists()


def test_another_comparison_in_the_same_folder_is_refused_by_name(base, tmp_path, compilation_settings):
    compare(base, tmp_path, strategies=("linear_probe",), rates=(1e-2,), seeds=(0,))
    with pytest.raises(ValueError, match="steps was 4, now 5"):
        compare(of_kind("classification", pretrained=base.pretrained, steps=5, eval_every=2), tmp_path, **OPTIONS)
    with pytest.raises(ValueError, match=r"holds another run: .*program was 'compare', now None"):
        importlib.import_module("tljax.runs.fit").fit(base, tmp_path, quiet=True)
