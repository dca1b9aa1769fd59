"""Run by `test_compose.py` in a process of its own: batches augmented on 1 and on 8 simulated devices. Prints JSON."""

import json

import jax

jax.config.update("jax_num_cpu_devices", 8)

import numpy as np  # noqa: E402

from tests.data.augment.batches import images  # noqa: E402
from tljax import data  # noqa: E402
from tljax.train import sharding  # noqa: E402

EACH = ("random_zoom(scale=(0.3, 1.0))", "flip", "pad_crop(padding=2)", "color", "randaugment(layers=2)", "erase(p=0.5)")
MIXED = (*EACH, "mixup(alpha=0.2)", "cutmix")


def build(expressions, mesh):
    augment = jax.jit(data.augmentation(expressions, 3, 0), out_shardings=sharding.by_batch(mesh))
    return augment.lower(sharding.shard_batch(BATCH, mesh)).compile()


def talks(compiled):
    """The ways in which devices talk to each other in a program."""
    return [word for word in ("all-gather", "all-reduce", "all-to-all", "collective-permute") if word in compiled.as_text()]


BATCH, one, eight = images(16), sharding.make_mesh(devices=jax.devices()[:1]), sharding.make_mesh(data=4, fsdp=2)
alone, apart = build(MIXED, one), build(MIXED, eight)
a, b = ({k: np.asarray(v) for k, v in run(sharding.shard_batch(BATCH, mesh)).items()} for run, mesh in ((alone, one), (apart, eight)))
print(
    json.dumps(
        {
            "differ": {key: float(np.abs(a[key] - b[key]).max()) for key in a},
            "changed": float(np.abs(a["x"] - BATCH["x"] / 255).mean()),
            "talks": {"each": talks(build(EACH, eight)), "mixed": talks(apart)},
        }
    )
)
