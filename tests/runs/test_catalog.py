"""The catalog of backbones and known weights."""

import pytest

from tljax.models.create import backbones
from tljax.runs import catalog
from tljax.zoo.catalog import published


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tljax" / "costs.json"


def test_every_backbone_is_listed_and_weights_name_backbones_that_exist():
    names = catalog.names()
    assert set(backbones) <= set(names) and len(names) == len(set(names))
    for known in published():
        backbones.create(known.model)
        assert known.model in names and known.license and known.trained_on and known.where.startswith(("https://", "hf://"))
    assert len({(known.model, known.where) for known in published()}) == len(published())  # one file may hold two towers


def test_search_looks_at_names_publishers_and_licenses():
    assert catalog.names("RESNET20")[0] == "resnet20_cifar"
    assert set(catalog.names("akamaster")) == {f"resnet{depth}_cifar" for depth in (20, 32, 44, 56, 110)}
    assert catalog.names("bsd-2-clause") == [name for name in catalog.names("CIFAR-10") if name != "resnet8"]
    cifar = [name for name in catalog.names("resnet") if name.endswith("_cifar")]
    assert cifar[0] == "resnet20_cifar" and cifar[-1] == "resnet110_cifar"  # as numbers, not as texts
    with pytest.raises(ValueError, match=r"did you mean .*resnet50"):
        catalog.names("resnt50")
    with pytest.raises(ValueError, match=r"there are albert, .*cnn, .*mlp"):
        catalog.names("%%%%%%")


def test_texts_are_counted_by_their_tokens(cache):
    row = catalog.catalog("bert_uncased_L-2_H-128_A-2")[0]
    assert row["name"] == "bert_tiny" and row["input"]["x"] == [[128], "int32"] and row["features"] == 128
    assert row["parameters"] == 4_385_920  # Turc et al. 2019, table 1: 4.4 million
    assert "128 tokens" in catalog.report([row]) and "Apache-2.0" in catalog.report([row])


def test_the_report_can_be_sorted_and_put_into_markdown(cache, monkeypatch):
    monkeypatch.setattr(catalog, "names", lambda search: ["cnn", "mlp", "resnet20_cifar"])
    rows = catalog.catalog(sort="flops")
    assert [row["name"] for row in rows] == ["mlp", "cnn", "resnet20_cifar"]
    sizes = [row["parameters"] for row in catalog.catalog(sort="params")]
    assert sizes == sorted(sizes)
    text = catalog.report(rows, stages=True, markdown=True)
    assert "4: stem stage1 stage2 stage3" in text and "| resnet20_cifar | akamaster" in text and "BSD-2-Clause" in text
    assert [line.split()[1] for line in text.splitlines() if line.startswith("| ") and "---" not in line][::4] == ["name", "model"]
