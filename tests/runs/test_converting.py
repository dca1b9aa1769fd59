"""Foreign weights become ours and ours become others', with head and labels; a dry run writes nothing."""

import os

import numpy as np
import pytest

from tests.weights.foreign import drawn
from tljax import models, trees, weights
from tljax.runs.converting import convert

MODEL = "resnet20_cifar(width=4)"


@pytest.fixture(scope="module")
def published() -> dict[str, np.ndarray]:
    return drawn("cifar_resnet", models.create(MODEL, 10))


@pytest.fixture
def file(published, tmp_path):
    np.savez(tmp_path / "weights.npz", **published)
    return str(tmp_path / "weights.npz")


def same(a, b) -> bool:
    a, b = trees.flatten(a), trees.flatten(b)
    return a.keys() == b.keys() and all(np.array_equal(a[path], b[path]) for path in a)


def test_there_and_back_again_bit_for_bit(file, published, tmp_path):
    there = convert(file, out=str(tmp_path / "ours"))
    assert there["to"] == "ours" and there["report"].family == "cifar_resnet"
    ours = weights.open(tmp_path / "ours")
    assert ours.report.family == "own" and same(ours.variables, weights.open(file).variables)
    back = convert(str(tmp_path / "ours"), out=str(tmp_path / "theirs"))
    assert back["to"] == "cifar_resnet"  # the only family that has this architecture
    arrays = weights.read(tmp_path / "theirs")
    assert all(np.array_equal(arrays[name], a) for name, a in published.items())
    counters = arrays.keys() - published.keys()
    assert len(counters) == 19 and all(name.endswith("num_batches_tracked") and arrays[name] == 0 for name in counters)
    again = weights.open(tmp_path / "theirs")
    assert again.config.labels == ours.config.labels and again.config.labels[0] == "airplane" and same(again.variables, ours.variables)


def test_a_dry_run_writes_nothing(file, tmp_path):
    done = convert(file, "cifar_resnet", str(tmp_path / "new"), dry_run=True)
    assert os.listdir(tmp_path) == ["weights.npz"]
    assert (done["arrays"], done["to"]) == (116, "cifar_resnet") and done["config"].labels[0] == "airplane"


def test_a_file_without_a_head_stays_without_or_gets_a_new_one(published, tmp_path):
    np.savez(tmp_path / "x.npz", **{name: a for name, a in published.items() if "linear" not in name})
    without = convert(str(tmp_path / "x.npz"), out=str(tmp_path / "ours"))
    assert without["config"].head == "features" and "head" not in weights.open(tmp_path / "ours").variables["params"]
    back = convert(str(tmp_path / "ours"), "cifar_resnet", str(tmp_path / "theirs"))
    assert back["arrays"] == len(published) - 2 + 19
    assert weights.open(tmp_path / "theirs").config == back["config"]
    with_head = convert(str(tmp_path / "x.npz"), dry_run=True, num_classes=7)
    assert with_head["config"].num_classes == 7 and len(with_head["report"].new) == 2


def test_what_cannot_be_written_is_said_with_the_families_that_can(file, tmp_path):
    with pytest.raises(ValueError, match=r"say where to write, --out=FOLDER, or --dry_run"):
        convert(file)
    with pytest.raises(ValueError, match=r"cannot be written as resnet: its four stages have \[3, 3, 3, 0\]"):
        convert(file, "resnet", str(tmp_path / "new"))
    with pytest.raises(KeyError, match="did you mean cifar_resnet"):
        convert(file, "cifar_resnets", str(tmp_path / "new"))
    with pytest.raises(ValueError, match="family='cifar_resnets': did you mean cifar_resnet"):
        convert(file, dry_run=True, family="cifar_resnets")
    config = weights.PretrainedConfig("mlp(widths=(4,))", 3, 2)
    model = models.create(config.model, 3, in_channels=2, input_size=())
    weights.save(tmp_path / "mlp", trees.unflatten({p: np.ones(s.shape) for p, s in trees.flatten(models.shapes(model)).items()}), config)
    with pytest.raises(ValueError, match=r"say in whose names mlp\(widths=\(4,\)\) is to be written, --to=FAMILY: no family can hold it$"):
        convert(str(tmp_path / "mlp"), out=str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()
