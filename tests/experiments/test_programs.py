"""The programs as their users call them, at sizes of seconds."""

import json

import numpy as np
import pytest
from PIL import Image

from experiments import compare, evaluate, finetune, predict, pretrain, task, trials
from tests.experiments.conftest import tiny
from tljax import data, weights


def test_pretrain_leaves_weights_and_says_whether_it_beats_the_majority(source_model):
    result = json.loads((source_model / "result.json").read_text())
    counts = np.bincount(task.make_splits(tiny())["test"].labels)
    assert result["majority"] <= counts.max() / counts.sum() + 1e-9
    for accuracy, said in ((0.99, "beats"), (result["majority"], "does not clearly beat")):
        assert said in pretrain.verdict(result | {"metrics": {"accuracy": accuracy}})
    assert pretrain.run(tiny(), source_model) == result  # the same command again
    opened = weights.open(source_model)
    assert opened.config.labels == tuple("0123456789") and opened.config.in_channels == 1 and opened.config.mean != ()
    with pytest.raises(ValueError, match="starts from nothing"):
        pretrain.run(tiny(strategy="full"), source_model / "other")


def test_finetune_writes_all_that_the_readme_lists_and_evaluate_agrees(source_model, tmp_path):
    config = tiny(weights=str(source_model), strategy="lp_ft", head_init="ridge", new_head="always", train__ema=0.5)
    config.train.certificate = "full"
    result = finetune.run(config, tmp_path / "run")
    keys = {"task", "strategy", "seed", "selected_on", "measured_on", "metrics", "params", "steps", "seconds", "certificate"}
    assert keys | {"examples_per_second"} <= result.keys() and {"accuracy", "loss", "balanced_accuracy"} <= result["metrics"].keys()
    assert [c["phase"] for c in result["certificate"]] == [0, 1] and not any(c["problems"] for c in result["certificate"])
    assert result["certificate"][0]["full_flops"] > result["certificate"][0]["step_flops"]
    assert json.loads((tmp_path / "run" / "result.json").read_text()) == json.loads(json.dumps(result))
    for name in ("config.json", "metrics.jsonl", "events", "init", "checkpoints", "best", "model/model.safetensors", "model/config.json"):
        assert (tmp_path / "run" / name).exists(), name
    for name in ("curves", "confusion", "most_wrong"):
        with Image.open(tmp_path / "run" / "figures" / f"{name}.png") as picture:
            assert min(picture.size) > 200
    assert "test (60 examples)" in finetune.show(result)
    again = evaluate.run(str(tmp_path / "run" / "model"), "digits")
    whole = task.make_splits(config)
    assert again["examples"] == 1797 and sum(len(s) for s in whole.values()) == 60 + 40 + 40
    assert finetune.run(config, tmp_path / "run") == json.loads(json.dumps(result))  # a finished run gives its result again


def test_another_config_in_the_same_workdir_is_refused_by_name_and_logging_may_differ(source_model, tmp_path):
    result = finetune.run(tiny(), tmp_path, quiet=True)
    assert finetune.run(tiny(train__log_every=7, data__workers=1, train__save_every=2), tmp_path, quiet=True) == result
    with pytest.raises(ValueError, match=r"config.optim.lr was 0.01, now 0.5; config.seed was 0, now 3"):
        finetune.run(tiny(optim__lr=0.5, seed=3), tmp_path, quiet=True)


def test_compare_measures_once_resumes_and_pictures(source_model, tmp_path, monkeypatch):
    config = tiny(weights=str(source_model), new_head="always", train__steps=4, train__eval_every=2)
    config.compare.strategies, config.compare.rates, config.compare.seeds = ("scratch", "probe"), (1e-2, 3e-2), (0, 1)
    ran, true_run = [], finetune.run

    def once(config, root, quiet=False):
        if len(ran) == 2:
            ran.append("killed")
            raise KeyboardInterrupt
        ran.append(root)
        return true_run(config, root, quiet)

    monkeypatch.setattr(finetune, "run", once)
    with pytest.raises(KeyboardInterrupt):
        compare.run(config, tmp_path)
    rows = compare.run(config, tmp_path)
    trained = [root for root in ran if root != "killed"]
    assert len(trained) == len(set(trained)) == 2 * (2 + 1)  # two rates on the first seed, one further seed, for each strategy
    written = [json.loads(line)["id"] for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    assert len(written) == len(set(written)) == 6 + 4 and sum(name.endswith("_test") for name in written) == 4
    assert [(r["strategy"], r["seed"]) for r in rows] == [("scratch", 0), ("scratch", 1), ("probe", 0), ("probe", 1)]
    tuned = [r for r in trials.read(tmp_path) if r["strategy"] == "probe" and r["seed"] == 0 and "measured_on" not in r]
    assert rows[2]["lr"] == max(tuned, key=lambda r: r["val_accuracy"])["lr"]
    text = compare.report(config, rows, tmp_path)
    assert "measured on test (60 examples)" in text and "2 seeds" in text and "probe: " in text
    assert (tmp_path / "table.md").exists() and (tmp_path / "figures" / "curves.png").exists()


def test_a_folder_of_photos_from_fine_tuning_to_predictions(source_model, photos, tmp_path):
    config = tiny(weights=str(source_model), strategy="probe", data__source=f"folder({str(photos)!r})", data__test_size=0.25)
    config.data.per_class, config.data.val_per_class, config.data.val_share = 0, 0, 0.25
    result = finetune.run(config, tmp_path / "run", quiet=True)
    assert result["measured_on"] == "test (6 examples)" and result["params"]["trainable"] == 6 * 2 + 2
    model = str(tmp_path / "run" / "model")
    (photos / "broken.png").write_bytes(b"\x89PNG nonsense")
    with pytest.raises(ValueError, match=r"broken.png"):
        list(predict.run(model, str(photos)))
    rows = list(predict.run(model, str(photos), top=2, on_error="skip", batch_size=5))
    assert len(rows) == 24 and {p["class"] for p in rows[0]["predictions"]} == {"köln", "猫"}
    assert all(sum(p["probability"] for p in row["predictions"]) == pytest.approx(1, abs=1e-5) for row in rows)
    (one,) = predict.run(model, str(photos / "猫" / "3.png"), top=1)
    same = next(row for row in rows if row["file"].endswith("猫/3.png"))
    assert one["predictions"][0]["class"] == same["predictions"][0]["class"]


def test_classes_are_matched_by_name():
    source = data.from_arrays(np.zeros((3, 2), np.float32), np.array([0, 1, 2]), classes=("b", "c", "a"))
    assert list(task.aligned(source, ("a", "b", "c", "d")).labels) == [1, 2, 0]
    assert task.aligned(source, ("a", "b", "c", "d"))[0]["label"] == 1
    with pytest.raises(ValueError, match=r"does not know the classes \['c'\]"):
        task.aligned(source, ("a", "b"))
    assert list(task.aligned(source, ("x", "y", "z"), by_order=True).labels) == [0, 1, 2]


def test_splits_are_disjoint_and_the_test_part_ignores_the_seed():
    def keys(source):
        return {source[i]["x"].tobytes() for i in range(len(source))}

    a, b = task.make_splits(tiny()), task.make_splits(tiny(seed=1))
    assert keys(a["test"]) == keys(b["test"]) and keys(a["train"]) != keys(b["train"])
    assert not (keys(a["train"]) & keys(a["val"]) or keys(a["train"]) & keys(a["test"]) or keys(a["val"]) & keys(a["test"]))
    shifted = task.make_splits(tiny(data__invert=True, data__parts=(800, 997), data__part=1))
    assert len(shifted["test"]) == 60 and not keys(shifted["test"]) & keys(a["test"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"strategy": "full"}, "give config.weights"),
        ({"strategy": "scratch(1)"}, "it is called as scratch()"),
        ({"weights": "nowhere.pth", "strategy": "full"}, "nowhere.pth"),
        ({"data__per_class": 900}, "class"),
        ({"data__classes": ("0", "x")}, "x"),
        ({"data__batch_size": 9, "train__accumulate": 2}, "does not divide into train.accumulate=2"),
        ({"train__steps": 0}, "config.train.steps=0"),
        ({"train__patience": -1}, "config.train.patience=-1"),
        ({"train__patience": 2, "train__eval_every": 0}, "needs train.eval_every > 0"),
        ({"train__patience": 2, "train__select": "last"}, "train.select='best'"),
        ({"data__augment": ("flop",)}, "did you mean flip"),
        ({"data__augment": ("flip(p=2.0)",)}, "p=2.0"),
        ({"bn": "thaw"}, "config.bn='thaw'"),
        ({"measure": "train"}, "config.measure='train'"),
        ({"optim__name": "adam"}, "optim.name='adam'"),
        ({"data__source": "digit"}, "did you mean digits"),
        ({"objective": "mse(x=1)"}, "it is called as mse"),
        ({"data__parts": (800,), "data__part": 2}, "config.data.part=2"),
        ({"train__fsdp": 3}, "does not fit"),
    ],
)
def test_bad_configs_are_named_before_anything_is_trained(changes, said, tmp_path):
    with pytest.raises((ValueError, KeyError, FileNotFoundError)) as e:
        finetune.run(tiny(**changes), tmp_path / "run", quiet=True)
    assert said in str(e.value) and not (tmp_path / "run").exists()


@pytest.mark.parametrize(("objective", "metric"), [("huber", "mse"), ("sigmoid_cross_entropy", "mean_average_precision")])
def test_tasks_without_one_class_per_example_run_too(objective, metric, tmp_path):
    x = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
    y = x[:, 0] * 2 if objective == "huber" else (x[:, :3] > 0).astype(np.int32)
    np.savez(tmp_path / "table.npz", x=x, y=y)
    source = f"npz({str(tmp_path / 'table.npz')!r})"
    config = tiny(model="mlp(widths=(8,))", objective=objective, data__source=source, data__test_size=20, train__steps=60, optim__lr=0.02)
    config.data.per_class = config.data.val_per_class = 0
    result = pretrain.run(config, tmp_path / "run")
    assert result["measured_on"] == "test (20 examples)" and "majority" not in result
    worst = {"mse": (y.var() if objective == "huber" else 0), "mean_average_precision": 0.7}[metric]
    assert (result["metrics"][metric] < worst) == (metric == "mse")
    with pytest.raises(ValueError, match="one class per example"):
        compare.run(config, tmp_path / "compared")
