import json
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from tljax.train import sharding

ROOT = pathlib.Path(__file__).parents[2]


def devices(kind):
    env = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, ROOT / "tests/train/devices.py", kind], env=env, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_eight_devices_and_one_agree_in_x64_over_twenty_steps():
    found = devices("x64")
    assert len(found["one"]["losses"]) == 20 and len(set(found["one"]["losses"])) == 20
    for mesh in ("eight", "flat"):
        np.testing.assert_allclose(found[mesh]["losses"], found["one"]["losses"], rtol=0, atol=1e-9)
    assert found["eight"]["bytes"] < 0.6 * found["flat"]["bytes"] == 0.6 * found["one"]["bytes"]


def test_in_float32_the_first_loss_and_gradients_agree():
    found = devices("float32")
    one, eight = found["one"], found["eight"]
    np.testing.assert_allclose(eight["losses"], one["losses"], rtol=1e-5)
    np.testing.assert_allclose(eight["norms"], one["norms"], rtol=1e-5)
    for path, first in one["moments"].items():  # (1 - b1) times the gradient after one step
        scale = np.abs(np.array(first)).max()
        np.testing.assert_allclose(eight["moments"][path], first, rtol=0, atol=1e-5 * scale, err_msg=path)


@pytest.mark.parametrize(("data", "fsdp"), [(3, 2), (-1, 7), (0, 1), (-1, 0)])
def test_a_mesh_that_does_not_fit_is_refused(data, fsdp):
    with pytest.raises(ValueError, match="does not fit"):
        sharding.make_mesh(data, fsdp)


def test_shapes_choose_the_axis_and_rules_override():
    mesh = jax.sharding.AbstractMesh((1, 2), ("data", "fsdp"))
    tree = {"opt": {"head": {"kernel": np.zeros((64, 32))}}, "big": np.zeros((31, 128)), "odd": np.zeros((33, 35)), "small": np.zeros(8)}
    specs = jax.tree.map(lambda s: tuple(s.spec), sharding.shardings(tree, mesh, [("head/kernel", (None, "fsdp"))]))
    assert specs == {"opt": {"head": {"kernel": (None, "fsdp")}}, "big": (None, "fsdp"), "odd": (), "small": ()}


def test_a_batch_that_does_not_divide_is_refused():
    class Many:
        size = 4

    with pytest.raises(ValueError, match="6 examples per process do not divide among its 4 devices"):
        sharding.shard_batch({"x": np.zeros((6, 2))}, Many())
