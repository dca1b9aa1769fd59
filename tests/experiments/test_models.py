"""The catalogue of backbones and known weights."""

import json

import pytest

from experiments import costs
from experiments import models as catalogue
from tljax.models.create import backbones
from tljax.weights.known import KNOWN


def test_every_backbone_is_listed_and_weights_name_backbones_that_exist():
    names = catalogue.names()
    assert set(backbones) <= set(names) and len(names) == len(set(names))
    for known in KNOWN:
        backbones.create(known.model)
        assert known.model in names and known.licence and known.trained_on and known.where.startswith(("https://", "hf://"))
    assert len({(known.model, known.where) for known in KNOWN}) == len(KNOWN)  # one file may hold two towers


def test_numbers_that_others_published():
    resnet50 = costs.cost("resnet50", classes=1000)
    assert resnet50["parameters"] == 25_557_032  # torchvision's documentation
    assert 0.96 * 2 * 4.09e9 < resnet50["flops"] < 2 * 4.09e9  # without the multiplications with padding
    assert resnet50["features"] == 2048 and resnet50["stages"][0] == "stem"
    assert costs.cost("resnet20_cifar", classes=10)["parameters"] == 269_722


def test_the_cost_of_an_mlp_can_be_counted_by_hand():
    row = costs.cost("mlp(widths=(16, 4), input_size=(), in_channels=8)")
    assert row["parameters"] == 8 * 16 + 16 + 16 * 4 + 4 and row["input"] == {"x": [[8], "float32"]} and row["features"] == 4
    assert 2 * (8 * 16 + 16 * 4) <= row["flops"] <= 2 * (8 * 16 + 16 * 4) + 4 * (16 + 4)


def test_search_looks_at_names_publishers_and_licences():
    assert catalogue.names("RESNET20")[0] == "resnet20_cifar"
    assert set(catalogue.names("akamaster")) == {f"resnet{depth}_cifar" for depth in (20, 32, 44, 56, 110)}
    assert catalogue.names("bsd-2-clause") == [name for name in catalogue.names("CIFAR-10") if name != "resnet8"]
    cifar = [name for name in catalogue.names("resnet") if name.endswith("_cifar")]
    assert cifar[0] == "resnet20_cifar" and cifar[-1] == "resnet110_cifar"  # as numbers, not as texts
    with pytest.raises(ValueError, match=r"did you mean .*resnet50"):
        catalogue.names("resnt50")
    with pytest.raises(ValueError, match=r"there are albert, .*cnn, .*mlp"):
        catalogue.names("%%%%%%")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tljax" / "costs.json"


def test_costs_are_counted_once_and_remembered(cache, monkeypatch):
    first = costs.costs(["mlp", "cnn"])
    assert cache == costs.cache_file() and cache.exists()
    counted = []
    monkeypatch.setattr(costs, "cost", lambda name, classes: counted.append((name, classes)) or {"flops": 1.0})
    assert costs.costs(["cnn", "mlp"]) == {"cnn": first["cnn"], "mlp": first["mlp"]} and not counted
    assert costs.costs(["mlp"], classes=3)["mlp"] == {"flops": 1.0} and counted == [("mlp", 3)]
    monkeypatch.setattr(costs, "_version", lambda: "other code")
    costs.costs(["cnn"])
    assert counted[1:] == [("cnn", 0)] and list(json.loads(cache.read_text())) == ["other code"]  # what nobody asks for again is dropped
    cache.write_text("{")
    assert costs.costs(["cnn"]) == {"cnn": {"flops": 1.0}} and len(counted) == 3


def test_what_was_counted_before_a_stop_is_kept_and_a_closed_folder_is_no_error(cache, monkeypatch):
    def stopped(name, classes):
        if name == "cnn":
            raise KeyboardInterrupt
        return {"flops": 2.0}

    monkeypatch.setattr(costs, "cost", stopped)
    with pytest.raises(KeyboardInterrupt):
        costs.costs(["mlp", "cnn"])
    assert costs.costs(["mlp"]) == {"mlp": {"flops": 2.0}}
    cache.unlink()
    cache.parent.rmdir()
    cache.parent.write_text("a file where the folder would be")
    assert costs.costs(["mlp"]) == {"mlp": {"flops": 2.0}}


def test_texts_are_counted_by_their_tokens(cache):
    row = catalogue.run("bert_uncased_L-2_H-128_A-2")[0]
    assert row["name"] == "bert_tiny" and row["input"]["x"] == [[128], "int32"] and row["features"] == 128
    assert row["parameters"] == 4_385_920  # Turc et al. 2019, table 1: 4.4 million
    assert "128 tokens" in catalogue.report([row]) and "Apache-2.0" in catalogue.report([row])


def test_the_report_can_be_sorted_written_and_put_into_markdown(cache, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(catalogue, "names", lambda search: ["cnn", "mlp", "resnet20_cifar"])
    catalogue.main("", "flops", 0, True, True, str(tmp_path / "models.json"))
    text = capsys.readouterr().out
    written = json.loads((tmp_path / "models.json").read_text())["models"]
    assert [row["name"] for row in written] == ["mlp", "cnn", "resnet20_cifar"] == [r["name"] for r in catalogue.run(sort="flops")]
    assert [row["name"] for row in catalogue.run(sort="params")] == sorted(
        (row["name"] for row in written), key=lambda name: next(r["parameters"] for r in written if r["name"] == name)
    )
    assert "4: stem stage1 stage2 stage3" in text and "| resnet20_cifar | akamaster" in text and "BSD-2-Clause" in text
    assert [line.split()[1] for line in text.splitlines() if line.startswith("| ") and "---" not in line][::4] == ["name", "model"]
