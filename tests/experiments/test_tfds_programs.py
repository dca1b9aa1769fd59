"""Recipes on data sets of TFDS, with fake pictures: nothing is downloaded."""

import json

import jax
import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from experiments.configs import cifar_resnet, vit_flowers
from experiments.recipe import run_of
from tests.experiments.conftest import shrunk, tiny
from tljax import data, models, weights
from tljax.runs import setup, splits, trials
from tljax.runs.fit import fit


@pytest.mark.parametrize(("name", "classes"), [("mnist", 10), ("cifar10", 10), ("oxford_flowers102", 102)])
def test_finetune_runs_on_data_sets_of_tfds(name, classes, source_model, tmp_path):
    config = tiny(
        weights=str(source_model),
        strategy="full",
        new_head="always",
        data__source=f"tfds({name!r}, split='train')",
        data__test=f"tfds({name!r}, split='test')",
        train__steps=12,
    )
    config.data.per_class, config.data.val_per_class, config.data.val_share = 0, 0, 0.25
    with tfds.testing.mock_data(num_examples=24):
        run = run_of(config)
        result = dict(fit(run, tmp_path, quiet=True).summary)
        again, n = trials.measure_test(run, tmp_path)
        labels = data.create(config.data.test).labels
    assert result["measured_on"] == "test (24 examples)" and n == 24 and result["steps"] == 12
    assert again == pytest.approx(trials.numbers(result["metrics"]))
    assert [recall is not None for recall in result["metrics"]["per_class"]] == np.isin(np.arange(classes), labels).tolist()
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    losses = [row["loss"] for row in rows if row["split"] == "train"]
    assert len(losses) == 12 and np.mean(losses[-4:]) < np.mean(losses[:4]) - 0.02  # noise, but learnt by heart
    opened = weights.open(tmp_path)
    assert opened.config.num_classes == classes and opened.config.input_size == (8, 8)  # the source model's


@pytest.mark.parametrize(
    ("get_config", "argument", "size", "sizes", "classes"),
    [
        (cifar_resnet.get_config, "source", (32, 32), {"train": 18, "val": 2, "test": 20}, 10),
        (cifar_resnet.get_config, "source,cifar100", (32, 32), {"train": 18, "val": 2, "test": 20}, 100),
        (vit_flowers.get_config, "oxford_flowers102", None, {"train": 20, "val": 20, "test": 20}, 102),
        (vit_flowers.get_config, "beans", (500, 500), {"train": 16, "val": 4, "test": 20}, 3),
    ],
)
def test_the_sources_of_the_recipes_are_there(get_config, argument, size, sizes, classes):
    config = get_config(argument)
    with tfds.testing.mock_data(num_examples=20):
        train, val, test = splits.make(config.data, config.seed)
        assert {"train": len(train), "val": len(val), "test": len(test)} == sizes and len(test.classes) == classes
        x = train[0]["x"]
        assert x.dtype == np.uint8 and x.ndim == 3 and (size is None or x.shape[:2] == size)


@pytest.fixture
def pictures(tmp_path):
    """Three classes of pictures of 40 x 40, `train` with 40 and `test` with 2 of each."""
    for split, n in (("train", 40), ("test", 2)):
        for c in range(3):
            folder = tmp_path / "pictures" / split / "abc"[c]
            folder.mkdir(parents=True)
            for i in range(n):
                noise = np.random.default_rng(100 * c + i).integers(0, 60, (40, 40, 3), np.uint8)
                Image.fromarray(noise + np.uint8(80 * c)).save(folder / f"{i}.png")
    return tmp_path / "pictures"


def test_the_cifar_recipe_from_source_to_target(pictures, tmp_path):
    source = shrunk(cifar_resnet.get_config(f"source,{pictures}"))
    assert models.create(source.model, num_classes=10, input_size=source.input_size).stages == ("stem", "stage1", "stage2", "stage3")
    source.model = "cnn(widths=(4, 4))"  # compiles in a tenth of the time
    assert fit(run_of(source), tmp_path / "source", quiet=True).summary["measured_on"] == "test (6 examples)"
    target = shrunk(cifar_resnet.get_config(str(pictures)))
    target.weights = str(tmp_path / "source")
    run = run_of(target)
    assert run.pretrained.new_head and run.pretrained.config.input_size == (32, 32) and len(run.train) == 3 * 20
    setup.prepare(run)


def test_the_vit_recipe_from_a_vit_of_another_task(pictures, tmp_path):
    backbone = "vit_tiny(width=16, depth=1, heads=2, patch=8)"
    model = models.create(backbone, num_classes=5, input_size=(16, 16))
    described = weights.PretrainedConfig(backbone, 5, 3, (16, 16), labels=tuple("vwxyz"))
    weights.save(tmp_path / "vit", models.init(model, jax.random.key(0)), described)
    config = shrunk(vit_flowers.get_config(str(pictures)))
    config.weights = str(tmp_path / "vit")
    result = fit(run_of(config), tmp_path / "run", quiet=True).summary
    assert result["measured_on"] == "test (6 examples)" and result["params"]["planned"] > 0
    assert weights.open(tmp_path / "run").config.labels == ("a", "b", "c")


def test_any_recipe_takes_tfds_instead_of_its_folder(pictures):
    config = cifar_resnet.get_config(str(pictures))
    config.data.source, config.data.test = "tfds('cifar10', split='train')", "tfds('cifar10', split='test')"
    config.data.per_class = config.data.val_per_class = 1
    with tfds.testing.mock_data(num_examples=200):
        train, val, _ = splits.make(config.data, 0)
    assert len(train) == len(val) == 10 and data.class_counts(train).tolist() == [1] * 10
