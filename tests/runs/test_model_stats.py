"""Parameters and FLOPs, counted once."""

import json

import pytest

from tljax.runs import model_stats


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tljax" / "costs.json"


def test_numbers_that_others_published():
    resnet50 = model_stats.cost("resnet50", classes=1000)
    assert resnet50["parameters"] == 25_557_032  # torchvision's documentation
    assert 0.96 * 2 * 4.09e9 < resnet50["flops"] < 2 * 4.09e9  # without the multiplications with padding
    assert resnet50["features"] == 2048 and resnet50["stages"][0] == "stem"
    assert model_stats.cost("resnet20_cifar", classes=10)["parameters"] == 269_722


def test_the_cost_of_an_mlp_can_be_counted_by_hand():
    row = model_stats.cost("mlp(widths=(16, 4), input_size=(), in_channels=8)")
    assert row["parameters"] == 8 * 16 + 16 + 16 * 4 + 4 and row["input"] == {"x": [[8], "float32"]} and row["features"] == 4
    assert 2 * (8 * 16 + 16 * 4) <= row["flops"] <= 2 * (8 * 16 + 16 * 4) + 4 * (16 + 4)


def test_costs_are_counted_once_and_remembered(cache, monkeypatch):
    first = model_stats.costs(["mlp", "cnn"])
    assert cache == model_stats.cache_file() and cache.exists()
    counted = []
    monkeypatch.setattr(model_stats, "cost", lambda name, classes: counted.append((name, classes)) or {"flops": 1.0})
    assert model_stats.costs(["cnn", "mlp"]) == {"cnn": first["cnn"], "mlp": first["mlp"]} and not counted
    assert model_stats.costs(["mlp"], classes=3)["mlp"] == {"flops": 1.0} and counted == [("mlp", 3)]
    monkeypatch.setattr(model_stats, "_version", lambda: "other code")
    model_stats.costs(["cnn"])
    assert counted[1:] == [("cnn", 0)] and list(json.loads(cache.read_text())) == ["other code"]  # what nobody asks for again is dropped
    cache.write_text("{")
    assert model_stats.costs(["cnn"]) == {"cnn": {"flops": 1.0}} and len(counted) == 3


def test_what_was_counted_before_a_stop_is_kept_and_a_closed_folder_is_no_error(cache, monkeypatch):
    def stopped(name, classes):
        if name == "cnn":
            raise KeyboardInterrupt
        return {"flops": 2.0}

    monkeypatch.setattr(model_stats, "cost", stopped)
    with pytest.raises(KeyboardInterrupt):
        model_stats.costs(["mlp", "cnn"])
    assert model_stats.costs(["mlp"]) == {"mlp": {"flops": 2.0}}
    cache.unlink()
    cache.parent.rmdir()
    cache.parent.write_text("a file where the folder would be")
    assert model_stats.costs(["mlp"]) == {"mlp": {"flops": 2.0}}


def test_stored_counts_depend_on_every_file_that_builds_models():
    names = {"/".join(file.parts[-3:]) for file in model_stats._sources()}
    assert {"zoo/resnet/model.py", "models/layers/attention.py", "tljax/models/transfer.py"} <= names
