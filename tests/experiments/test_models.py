"""The catalogue of backbones and known weights."""

import json

import pytest

from experiments import models as catalogue
from tljax.models.create import backbones
from tljax.weights.known import KNOWN


def test_every_backbone_is_listed_and_weights_name_backbones_that_exist():
    names = catalogue.names()
    assert set(backbones) <= set(names) and len(names) == len(set(names))
    for known in KNOWN:
        backbones.create(known.model)
        assert known.model in names and known.licence and known.trained_on and known.where.startswith(("https://", "hf:"))
    assert len({known.where for known in KNOWN}) == len(KNOWN)


def test_numbers_that_others_published():
    resnet50 = catalogue.describe("resnet50", classes=1000)
    assert resnet50["parameters"] == 25_557_032  # torchvision's documentation
    assert 0.96 * 2 * 4.09e9 < resnet50["flops"] < 2 * 4.09e9  # without the multiplications with padding
    assert resnet50["features"] == 2048 and resnet50["stages"][0] == "stem" and len(resnet50["weights"]) >= 2
    assert catalogue.describe("resnet20_cifar", classes=10)["parameters"] == 269_722


def test_the_cost_of_an_mlp_can_be_counted_by_hand():
    row = catalogue.describe("mlp(widths=(16, 4), input_size=(), in_channels=8)")
    assert row["parameters"] == 8 * 16 + 16 + 16 * 4 + 4 and row["input"] == {"x": [8]} and row["features"] == 4
    assert 2 * (8 * 16 + 16 * 4) <= row["flops"] <= 2 * (8 * 16 + 16 * 4) + 4 * (16 + 4)


def test_search_looks_at_names_publishers_and_licences():
    assert catalogue.names("RESNET20")[0] == "resnet20_cifar"
    assert set(catalogue.names("akamaster")) == {f"resnet{depth}_cifar" for depth in (20, 32, 44, 56, 110)}
    assert catalogue.names("bsd-2-clause") == catalogue.names("CIFAR-10")
    assert catalogue.names("resnet")[:2] == ["resnet18", "resnet20_cifar"]  # 18 before 20, and 110 behind both
    with pytest.raises(ValueError, match=r"did you mean .*resnet50"):
        catalogue.names("resnt50")
    with pytest.raises(ValueError, match="there are cnn, mlp"):
        catalogue.names("%%%%%%")


def test_the_report_can_be_sorted_written_and_put_into_markdown(tmp_path, monkeypatch, capsys):
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
