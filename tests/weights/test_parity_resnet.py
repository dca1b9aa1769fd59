"""ResNets opened from files with torchvision's names give torchvision's outputs, as tests/golden/make_resnet.py wrote them."""

import functools
from pathlib import Path

import jax
import numpy as np
import pytest

from tests.golden.drawn import draw_residual, images, sample
from tests.weights import foreign
from tljax import models, trees, weights
from tljax.weights.keymap import file_name, keymaps

GOLDEN = Path(__file__).parent.parent / "golden"
LAST = {18: "bn2", 50: "bn3"}


@pytest.fixture(scope="module", params=LAST)
def opened(request, tmp_path_factory):
    """A file under torch's names, opened; and what torch made of the same weights."""
    shapes = foreign.shapes("resnet", models.create(f"resnet{request.param}", 1000))
    file = tmp_path_factory.mktemp("resnet") / "x.npz"
    np.savez(file, **{name: draw_residual(name, shape, LAST[request.param]) for name, shape in shapes.items()})
    pretrained = weights.open(file)
    assert pretrained.config.model == f"resnet{request.param}" and not pretrained.report.new
    with np.load(GOLDEN / f"resnet{request.param}.npz") as golden:
        return pretrained, dict(golden)


def run(pretrained, x, **kwargs):
    call = functools.partial(pretrained.model.apply, taps=pretrained.model.stages, **kwargs)
    return jax.jit(call)(pretrained.variables, x)


def assert_agree(pretrained, golden, mode, out):
    for stage in (*pretrained.model.stages, "logits"):
        got, want = sample(np.asarray(out.logits if stage == "logits" else out.taps[stage])), golden[f"{mode}|{stage}"]
        top = np.abs(want).max()
        assert got.shape == want.shape and np.abs(got - want).max() <= 1e-4 * top, stage
        assert np.abs(want[0] - want[1]).max() > 1e-2 * top, f"{stage}: the inputs are not told apart, so agreement means nothing"


def test_evaluation(opened):
    assert_agree(*opened, "eval", run(opened[0], images(2, 64)))


def test_training_mode_and_the_statistics_that_it_leaves(opened):
    pretrained, golden = opened
    out, updates = run(pretrained, images(4, 64), train=True, mutable=["batch_stats"])
    assert_agree(pretrained, golden, "train", out)
    after = {file_name(keymaps["resnet"](), path): leaf for path, leaf in trees.flatten(updates).items()}
    before = {file_name(keymaps["resnet"](), path): leaf for path, leaf in trees.flatten(pretrained.variables).items()}
    for key in (key for key in golden if key.startswith("running")):
        leaf, stage = key.split("|")
        names = sorted(name.removesuffix(f".{leaf}") for name in after if name.startswith(f"{stage}.") and name.endswith(leaf))
        got, old = (np.concatenate([sample(np.asarray(tree[f"{name}.{leaf}"])[None])[0] for name in names]) for tree in (after, before))
        top = np.abs(golden[key]).max()
        assert got.shape == golden[key].shape and np.abs(got - golden[key]).max() <= 1e-4 * top, key
        assert np.abs(got - old).max() > 1e-2 * top, f"{key}: they did not move, so agreement means nothing"
    assert sum(key.startswith("running") for key in golden) == 10
