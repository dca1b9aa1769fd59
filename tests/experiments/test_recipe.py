"""Recipes: all of them build, streams reach the run, the programs stay short."""

import dataclasses
import importlib
import pathlib

import numpy as np
import pytest

import tljax
from experiments.config import Config, Train
from experiments.recipe import run_of
from tests.experiments.conftest import tiny
from tljax.runs import setup

FOLDER = pathlib.Path(__file__).parents[2] / "experiments"
CONFIGS = sorted(path.stem for path in (FOLDER / "configs").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", CONFIGS)
def test_every_recipe_is_a_config(name):
    config = importlib.import_module(f"experiments.configs.{name}").get_config()
    assert isinstance(config, Config) and config.title
    config.optim.validate()


def test_programs_are_flags_and_printing():
    sizes = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in FOLDER.glob("*.py")}
    programs = {
        name for name, path in ((path.name, path) for path in FOLDER.glob("*.py")) if "__main__" in path.read_text(encoding="utf-8")
    }
    assert sum(sizes.values()) <= 900 and max(sizes[name] for name in programs) <= 60 and len(programs) >= 11


def test_streams_of_a_recipe_have_sizes_and_augmentations_of_their_own():
    config = tiny(objective="cross_entropy(stream='source')", metric="information(stream='target')", data__val_per_class=0)
    config.data.streams = {"target": "digits"}
    config.data.augment, config.data.stream_augment = ("flip",), {"target": ()}
    config.data.stream_batch_size = {"target": 4}
    ready = setup.prepare(run_of(config))
    batch = next(ready.batches(ready.training.plans[0], 0))
    assert batch["source"]["x"].shape[0] == 8 and batch["target"]["x"].shape[0] == 4
    images = ready.training.augment(batch, np.uint32(0))
    assert images["target"]["x"].dtype == np.uint8 or np.array_equal(images["target"]["x"], batch["target"]["x"])
    for field in ("stream_augment", "stream_batch_size"):
        wrong = tiny()
        setattr(wrong.data, field, {"traget": ("flip",) if field == "stream_augment" else 3})
        with pytest.raises(ValueError, match=rf"config.data.{field}: there is no stream 'traget'; there are none \(data.streams\)"):
            run_of(wrong)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": "full"}, "config.strategy='full' starts from pretrained values: give config.weights"),
        ({"weights": "nowhere.pth", "strategy": "full"}, "nowhere.pth"),
        ({"data__per_class": 900}, "class"),
        ({"data__source": "digit"}, "did you mean digits"),
        ({"head": "lineer"}, "did you mean linear"),
        ({"model": "resnet19"}, "did you mean"),
        ({"task": "regresion"}, "did you mean regression"),
        ({"new_head": "perhaps", "weights": "x"}, "new_head='perhaps'"),
    ],
)
def test_what_a_recipe_names_and_does_not_exist_is_named(changes, message):
    with pytest.raises((ValueError, KeyError, FileNotFoundError)) as e:
        run_of(tiny(**changes))
    assert message in str(e.value)


def test_fields_that_a_config_shares_with_run_have_its_defaults():
    """`Train` and `Config` refer to `Run` for what these fields mean."""
    own = {field.name: field.default for field in dataclasses.fields(tljax.Run)}
    train, config = ({field.name: field.default for field in dataclasses.fields(kind)} for kind in (Train, Config))
    assert {name for name in train if name not in own} == {"data", "dtype", "remat"} and train["data"] == own["data_devices"]
    assert {name: train[name] for name in train if name in own} == {name: own[name] for name in train if name in own}
    assert {name for name in config if name in own} >= {
        "title",
        "strategy",
        "objective",
        "metric",
        "head_init",
        "bn",
        "measure_on",
        "optim",
    }
    for name in ("title", "strategy", "head_init", "bn", "measure_on", "seed"):
        assert config[name] == own[name], name
