"""Imported weights give PyTorch's outputs, as tests/golden/make_cifar_logits.py wrote them."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.golden.drawn import images, sample
from tests.weights.foreign import drawn
from tljax import models, weights

GOLDEN = Path(__file__).parent.parent / "golden"


def test_resnet20_agrees_in_every_stage_with_weights_drawn_on_both_sides(tmp_path):
    np.savez(tmp_path / "x.npz", **drawn("cifar_resnet", models.create("resnet20_cifar", num_classes=10)))
    opened = weights.open(tmp_path / "x.npz")
    out = opened.model.apply(opened.variables, images(4), taps=opened.model.stages)
    with np.load(GOLDEN / "cifar_resnet20_drawn.npz") as golden:
        for stage in (*opened.model.stages, "logits"):
            want = golden[stage]
            got = np.asarray(out.logits) if stage == "logits" else sample(np.asarray(out.taps[stage]))
            top = np.abs(want).max()
            assert np.abs(got - want).max() <= 1e-4 * top, stage
            assert np.abs(want[0] - want[1]).max() > 1e-2 * top, f"{stage}: the inputs are not told apart, so agreement means nothing"


@pytest.mark.skipif("TLJAX_DATA" not in os.environ, reason="TLJAX_DATA names no folder with the published weights")
@pytest.mark.parametrize("depth", [20, 32])
def test_published_weights_open_from_their_file_alone_and_give_pytorch_s_logits(depth):
    opened = weights.open(Path(os.environ["TLJAX_DATA"]) / "weights" / f"cifar10_resnet{depth}_akamaster.th")
    assert opened.config.model == f"resnet{depth}_cifar" and not opened.report.new
    logits = np.asarray(opened.model.apply(opened.variables, images(64)).logits)
    with np.load(GOLDEN / "cifar_real_logits.npz") as golden:
        assert np.abs(logits - golden[f"resnet{depth}"]).max() <= 1e-4
