"""Runs of seconds: the embedded digits, and self-made data for each kind of label."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache
from PIL import Image

import tljax
from tljax import data
from tljax.runs import splits
from tljax.train.optimizer import Optim

SPLITS = splits.Splits("digits", per_class=4, val_per_class=4, test_size=60)
CACHE_SETTINGS = (
    "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs", "jax_persistent_cache_min_entry_size_bytes"
)  # fmt: skip


@functools.cache
def start(model="cnn(widths=(4, 6), dropout=0.1)"):
    """A random model for the digits."""
    return tljax.create(model, SPLITS.source)


def tiny(pretrained=None, seed=0, **changes) -> tljax.Run:
    """A run of seconds on 40 digits, from scratch unless it is given a model."""
    train, val, test = splits.make(SPLITS, seed)
    fields = {"strategy": "scratch" if pretrained is None else "full", "batch_size": 8, "eval_batch_size": 64, "optim": Optim(lr=1e-2)}
    fields |= {"steps": 12, "eval_every": 4, "save_every": 3, "log_every": 1, "seed": seed, "train": train, "val": val, "test": test}
    return tljax.Run(pretrained or start(), **fields | changes)


@pytest.fixture(scope="session")
def vector_model(tmp_path_factory):
    """A model of `vectors` after a few steps."""
    return tljax.fit(of_kind("classification", steps=6, eval_every=0), tmp_path_factory.mktemp("vectors"), quiet=True).pretrained


@pytest.fixture(scope="session")
def source_model(tmp_path_factory):
    """The workdir of a finished `tiny` run."""
    root = tmp_path_factory.mktemp("source")
    tljax.fit(tiny(), root, quiet=True)
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


@pytest.fixture
def compilation_settings():
    """What a test says about JAX's compilation cache ends with it."""
    before = {name: getattr(jax.config, name) for name in CACHE_SETTINGS}
    yield
    compilation_cache.reset_cache()
    for name, value in before.items():
        jax.config.update(name, value)


KINDS = ("classification", "distribution", "multilabel", "regression", "two numbers")


@functools.cache
def vectors(kind: str, n: int = 120) -> data.Source:
    """Vectors of 6 numbers whose labels of a kind follow from them."""
    x = np.random.default_rng(0).normal(size=(n, 6)).astype(np.float32)
    if kind == "classification":
        return data.from_arrays(x, x[:, :3].argmax(1), classes=("a", "ö", "c"))
    if kind == "distribution":
        p = np.exp(2 * x[:, :3])
        return data.from_arrays(x, p / p.sum(1, keepdims=True), classes=("a", "b", "c"), kind="distribution")
    if kind == "multilabel":
        return data.from_arrays(x, (x[:, :3] > 0).astype(np.int32), classes=("a", "b", "c"))
    return data.from_arrays(x, 1000 + 50 * x[:, 0] if kind == "regression" else x[:, :2] * [1, 100] + [0, 7])


@functools.cache
def parts(kind: str) -> tuple[data.Source, data.Source, data.Source]:
    """``(train, val, test)`` of `vectors`."""
    train, val, test = data.split(vectors(kind), [60, 30, None], seed=0)
    return train, val, test


@functools.cache
def vector_start(kind: str):
    return tljax.create("mlp(widths=(8,))", parts(kind)[0])


def of_kind(kind: str, **changes) -> tljax.Run:
    """A run of seconds on `vectors`."""
    fields = {"strategy": "scratch", "batch_size": 20, "optim": Optim(lr=0.03), "steps": 40, "eval_every": 20, "save_every": 0}
    train, val, test = parts(kind)
    fields |= {"pretrained": vector_start(kind), "train": train, "val": val, "test": test}
    return tljax.Run(**fields | changes)


def with_(run: tljax.Run, **changes) -> tljax.Run:
    """`dataclasses.replace`; the optimizer's fields by their own names."""
    optim = {name: changes.pop(name) for name in list(changes) if name in {f.name for f in dataclasses.fields(Optim)}}
    return dataclasses.replace(run, optim=dataclasses.replace(run.optim, **optim), **changes)
