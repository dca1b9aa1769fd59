"""Published weights give PyTorch's outputs, as tests/parity/make_cifar_logits.py wrote them."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.parity.drawn import images
from tljax import weights

GOLDEN = Path(__file__).parent


@pytest.mark.skipif("TLJAX_DATA" not in os.environ, reason="TLJAX_DATA names no folder with the published weights")
@pytest.mark.parametrize("depth", [20, 32])
def test_published_weights_open_from_their_file_alone_and_give_pytorch_s_logits(depth):
    opened = weights.open(Path(os.environ["TLJAX_DATA"]) / "weights" / f"cifar10_resnet{depth}_akamaster.th")
    assert opened.config.model == f"resnet{depth}_cifar" and not opened.report.new
    logits = np.asarray(opened.model.apply(opened.variables, images(64)).logits)
    with np.load(GOLDEN / "cifar_real_logits.npz") as golden:
        assert np.abs(logits - golden[f"resnet{depth}"]).max() <= 1e-4
