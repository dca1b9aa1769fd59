"""The programs as their users call them, at sizes of seconds."""

import csv
import json

import numpy as np
import pytest

import tljax
from experiments import compare, finetune, pretrain, sweep
from experiments.config import Compare, Sweep
from experiments.configs import image_folder
from tests.experiments.conftest import call, shrunk, tiny
from tests.runs.conftest import compilation_settings  # noqa: F401 - a fixture


def test_pretrain_leaves_weights_and_says_whether_it_beats_the_majority(source_model, tmp_path, capsys):
    pretrain.main(tiny(), str(tmp_path / "run"), "")
    text = capsys.readouterr().out
    assert " the majority model: " in text and "test (60 examples)" in text and "--config.weights" in text
    opened = tljax.open(tmp_path / "run")
    assert opened.config.labels == tuple("0123456789") and opened.config.in_channels == 1 and opened.config.mean != ()
    pretrain.main(tiny(), str(tmp_path / "run"), "")  # the same command again
    assert text.endswith(capsys.readouterr().out)
    for changes in ({"strategy": "full"}, {"weights": str(source_model)}):
        with pytest.raises(ValueError, match="starts from nothing"):
            pretrain.main(tiny(**changes), str(tmp_path / "other"), "")


def test_finetune_tells_what_it_wrote_and_evaluate_and_predict_agree(source_model, tmp_path, capsys):
    config = tiny(weights=str(source_model), strategy="lp_ft", head_init="ridge", new_head="always", train__ema=0.5)
    finetune.main(config, str(tmp_path / "run"), "1:2")
    text = capsys.readouterr().out
    assert "test (60 examples)" in text and "selected on val (40 examples), step " in text and "events/, profile/" in text
    call("evaluate", f"--weights={tmp_path / 'run'}", "--data=digits", f"--out={tmp_path / 'e.json'}")
    text = capsys.readouterr().out
    result = json.loads((tmp_path / "e.json").read_text())
    assert result["examples"] == 1797 and f"{result['metrics']['accuracy']:.4f}" in text and result["task"] == "classification"
    call("evaluate", f"--weights={tmp_path / 'run'}", "--data=digits", "--metric=information")
    assert "information" in capsys.readouterr().out
    call("predict", f"--weights={tmp_path / 'run'}", "--data=digits", f"--out={tmp_path / 'p.jsonl'}", "--top=1")
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    digits = tljax.data.create("digits")
    right = np.mean([row["class"] == digits.classes[y] for row, y in zip(rows, digits.labels, strict=True)])
    assert right == pytest.approx(result["metrics"]["accuracy"])


def test_a_model_of_step_0_is_said_not_to_be_trained(source_model, tmp_path, capsys):
    config = tiny(weights=str(source_model), strategy="linear_probe", metric="log_loss", optim__lr=1e4)
    finetune.main(config, str(tmp_path / "run"), "")
    text = capsys.readouterr().out
    assert "selected is the model before the first step: training did not improve its validation score" in text
    header, values = (next(line for line in text.splitlines() if line.startswith(start)) for start in ("task", "tiny"))
    at = header.index("trained")
    assert values[at:].startswith("none: step 0 was selected")


@pytest.mark.parametrize("kind", ["multilabel", "regression", "two numbers"])
def test_the_recipe_for_ones_own_images_takes_every_kind_of_label(kind, tmp_path, capsys):
    """The default recipe, evaluate and predict, whatever the labels are."""
    rng = np.random.default_rng(0)
    level = rng.uniform(30, 220, (60, 2))
    x = (level.mean(1)[:, None, None, None] + rng.normal(0, 5, (60, 8, 8, 1))).clip(0, 255).astype(np.uint8)
    y = {"multilabel": (level > 120).astype(np.int32), "regression": level.mean(1) * 10, "two numbers": level}[kind]
    np.savez(tmp_path / "own.npz", x=x, y=y)
    source = f"npz({str(tmp_path / 'own.npz')!r})"
    config = image_folder.get_config("anywhere")
    config.data.source, config.data.batch_size = source, 8
    config.train.steps, config.train.eval_every, config.model, config.strategy = 20, 10, "mlp(widths=(16,))", "scratch"
    pretrain.main(config, str(tmp_path / "source"), "")
    config.weights, config.strategy, config.new_head = str(tmp_path / "source"), "lp_ft", "always"
    assert config.head_init == "ridge"
    finetune.main(config, str(tmp_path / "run"), "")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    call("evaluate", f"--weights={tmp_path / 'run'}", f"--data={source}", f"--out={tmp_path / 'e.json'}")
    metrics = json.loads((tmp_path / "e.json").read_text())["metrics"]
    assert metrics.keys() == result["metrics"].keys()
    if kind == "regression":
        assert metrics["r2"] > 0.5
    call("predict", f"--weights={tmp_path / 'run'}", f"--data={source}", f"--out={tmp_path / 'p.csv'}")
    with open(tmp_path / "p.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 60
    if kind == "regression":
        assert np.mean((np.array([float(row["value"]) for row in rows]) - y) ** 2) == pytest.approx(metrics["mse"], rel=1e-3)
    call("predict", f"--weights={tmp_path / 'run'}", f"--data={source}")
    assert "probability 1.000" not in capsys.readouterr().out


def test_a_class_that_only_the_test_split_has_is_named_with_a_flag_that_helps(source_model, tmp_path):
    x = np.zeros((40, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "train.npz", x=x, y=np.array(["a", "b"] * 20))
    np.savez(tmp_path / "test.npz", x=x[:6], y=np.array(["a", "b", "oslo"] * 2))
    files = {name: f"npz({str(tmp_path / f'{name}.npz')!r})" for name in ("train", "test")}
    config = tiny(weights=str(source_model), strategy="linear_probe", data__source=files["train"], data__test=files["test"], train__steps=1)
    config.data.per_class = config.data.val_per_class = 0
    with pytest.raises(ValueError, match=r"test.npz.*names the classes \['oslo'\] that the training data lacks.*data\.classes"):
        finetune.main(config, str(tmp_path / "run"), "")
    config.data.classes = ("a", "b")  # as advised
    finetune.main(config, str(tmp_path / "run"), "")
    assert json.loads((tmp_path / "run" / "result.json").read_text())["measured_on"] == "test (4 examples)"


def test_compare_and_sweep_take_a_recipe(source_model, tmp_path, capsys, compilation_settings):  # noqa: F811
    config = tiny(weights=str(source_model), new_head="always", train__steps=2, train__eval_every=1)
    config.compare = Compare(strategies=("scratch", "linear_probe"), rates=(1e-2,), seeds=(0, 1))
    compare.main(config, str(tmp_path / "compared"))
    text = capsys.readouterr().out
    assert "tiny: selected on validation, measured on test (60 examples)" in text and "trials.jsonl" in text
    config.sweep, config.strategy, config.measure_on = Sweep(grid={"optim.lr": (1e-2, 3e-2)}, seeds=(0,)), "linear_probe", "val"
    sweep.main(config, str(tmp_path / "swept"))
    text = capsys.readouterr().out
    assert "selected: --config.optim.lr=" in text and "test" not in text.splitlines()[-6]
    rows = [json.loads(line) for line in (tmp_path / "swept" / "trials.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["optim.lr=0.01_seed0", "optim.lr=0.03_seed0"]


def test_a_folder_of_photos_from_fine_tuning_to_predictions(source_model, photos, tmp_path, capsys):
    config = tiny(weights=str(source_model), strategy="linear_probe", data__source=f"folder({str(photos)!r})", data__test_size=0.25)
    config.data.per_class, config.data.val_per_class, config.data.val_share = 0, 0, 0.25
    finetune.main(config, str(tmp_path / "run"), "")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["measured_on"] == "test (6 examples)" and result["params"]["planned"] == 8 * 2 + 2
    (photos / "broken.png").write_bytes(b"\x89PNG nonsense")
    model = f"--weights={tmp_path / 'run' / 'model'}"
    with pytest.raises(ValueError, match=r"broken.png"):
        call("predict", model, f"--input={photos}")
    capsys.readouterr()
    call("predict", model, f"--input={photos}", "--top=2", "--on_error=skip", "--batch_size=5")
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if ".png" in line and "köln " in line and "猫 " in line]) == 24
    call("predict", model, f"--input={photos / '猫' / '3.png'}", "--top=2")
    one = capsys.readouterr().out.splitlines()[-1]
    same = next(line for line in lines if "猫/3.png" in line)
    assert one.split()[1:] == same.split()[1:]


def test_predict_and_evaluate_say_what_is_missing(source_model, tmp_path):
    with pytest.raises(ValueError, match=r"give --input .* or --data"):
        call("predict", f"--weights={source_model}")
    with pytest.raises(ValueError, match=r"give --input .* or --data"):
        call("predict", f"--weights={source_model}", "--input=a", "--data=digits")
    np.savez(tmp_path / "numbers.npz", x=np.zeros((4, 8, 8, 1), np.uint8), y=np.arange(4.0))
    with pytest.raises(ValueError, match="the task classification needs a label of the kind class; its fields are x"):
        call("evaluate", f"--weights={source_model}", f"--data=npz({str(tmp_path / 'numbers.npz')!r})")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        call("evaluate", "--weights=nowhere.pth", "--data=digits")


def test_extracted_features_train_a_model_of_vectors(source_model, photos, tmp_path, capsys):
    out = tmp_path / "new" / "features.npz"
    call("extract", f"--weights={source_model}", f"--data=folder({str(photos)!r})", f"--out={out}", "--batch_size=7")
    assert f"written: {out}" in capsys.readouterr().out
    source = f"npz({str(out)!r}, x='layer0', label='class')"
    values = tljax.open(source_model).features(f"folder({str(photos)!r})")
    np.testing.assert_allclose(tljax.data.create(source)[3]["x"], values["layer0"][3], atol=1e-5)
    config = tiny(data__source=source, data__test_size=4, data__per_class=5, data__val_per_class=2)
    pretrain.main(config, str(tmp_path / "run"), "")
    assert "test (4 examples)" in capsys.readouterr().out


def test_probe_writes_a_table_and_a_picture(source_model, photos, tmp_path, capsys):
    import shutil

    held_out = shutil.copytree(photos, tmp_path / "held out")
    train, test = f"--train=folder({str(photos)!r})", f"--test=folder({str(held_out)!r})"
    call("probe", f"--weights={source_model}", train, test, f"--workdir={tmp_path / 'w'}", "--seeds=0,1", "--learner=ridge", "--pixels=4")
    text = capsys.readouterr().out
    assert "alpha chosen by 5-fold cross-validation (2 seeds)" in text and "pixels 4" in text
    assert {path.name for path in (tmp_path / "w").iterdir()} == {"features", "figures", "probe.json", "table.md"}


def test_convert_prints_report_and_config_and_a_dry_run_writes_nothing(source_model, tmp_path, capsys):
    call("convert", f"--weights={source_model}", "--to=ours", f"--out={tmp_path / 'new'}", "--dry_run")
    text = capsys.readouterr().out
    assert "not written (--dry_run)" in text and "model: mlp(widths=(8,))" in text and "labels: 0, 1, 2, 3, 4, ... (10)" in text
    assert not (tmp_path / "new").exists()
    call("convert", f"--weights={source_model}", "--to=ours", f"--out={tmp_path / 'new'}")
    assert str(tmp_path / "new") in capsys.readouterr().out and tljax.open(tmp_path / "new").config.labels[0] == "0"


def test_models_prints_the_catalog_and_writes_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    call("models", "--search=resnet20_cifar", "--stages", "--markdown", f"--json={tmp_path / 'models.json'}")
    text = capsys.readouterr().out
    (row,) = json.loads((tmp_path / "models.json").read_text())["models"]
    assert row["name"] == "resnet20_cifar" and "4: stem stage1 stage2 stage3" in text and "BSD-2-Clause" in text


def test_an_interrupted_workdir_is_said_to_be_one(source_model, tmp_path, monkeypatch, capsys):
    from tljax.runs import results

    monkeypatch.setattr(results, "finish", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        finetune.main(tiny(), str(tmp_path / "run"), "")
    for program, rest in (("evaluate", "--data=digits"), ("predict", "--data=digits")):
        with pytest.raises(ValueError, match=r"the run has not finished \(step 12 of 12\).*--best"):
            call(program, f"--weights={tmp_path / 'run'}", rest)
        capsys.readouterr()
        call(program, f"--weights={tmp_path / 'run'}", rest, "--best")
        assert len(capsys.readouterr().out.splitlines()) >= 3
    assert shrunk(tiny()).train.steps == 2
