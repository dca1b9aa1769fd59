"""Recipes of seconds, and the programs called with flags in this process."""

import dataclasses
import importlib
import sys

import pytest
from absl import flags
from PIL import Image

from experiments.config import Config, Data, Train
from experiments.recipe import run_of
from tljax.runs.fit import fit
from tljax.train.optimizer import Optim


def tiny(**changes) -> Config:
    """A recipe of seconds on the embedded digits."""
    config = Config(
        title="tiny",
        model="mlp(widths=(8,))",
        strategy="scratch",
        data=Data(source="digits", per_class=4, val_per_class=4, test_size=60, batch_size=8, eval_batch_size=64),
        optim=Optim(lr=1e-2),
        train=Train(steps=12, eval_every=4, save_every=3, log_every=1),
    )
    for name, value in changes.items():
        part, _, field = name.partition("__")
        setattr(getattr(config, part) if field else config, field or part, value)
    return config


def call(program: str, *args: str) -> None:
    """Run a program in this process with flags of its own, as ``python -m experiments.PROGRAM ARGS`` does."""
    name, values = f"experiments.{program}", flags.FLAGS
    sys.modules.pop(name, None)
    before = set(values)
    module = importlib.import_module(name)
    own = set(values) - before
    try:
        values([program, *args], known_only=False)
        module.main()
    finally:
        for flag in own:
            delattr(values, flag)
        sys.modules.pop(name, None)


@pytest.fixture(scope="session")
def source_model(tmp_path_factory):
    """A folder with pretrained weights of the tiny recipe."""
    root = tmp_path_factory.mktemp("source")
    fit(run_of(tiny()), root, quiet=True)
    return root


@pytest.fixture
def photos(tmp_path):
    """A folder of images, two classes with unicode names, grey and colored files."""
    root = tmp_path / "photos"
    for c, name in enumerate(("köln", "猫")):
        (root / name).mkdir(parents=True)
        for i in range(12):
            image = Image.new("RGB", (10 + i % 3, 9), (40 * c + 5 * i, 200 - 90 * c, 30 + 80 * c))
            (image if i % 4 else image.convert("L")).save(root / name / f"{i}.png")
    return root


def shrunk(config: Config, **data) -> Config:
    """A recipe of two steps."""
    small = {"batch_size": 8, "eval_batch_size": 8} | data
    train = dataclasses.replace(config.train, steps=2, eval_every=0, save_every=0, log_every=1)
    return dataclasses.replace(config, data=dataclasses.replace(config.data, **small), train=train)
