"""What augmentation costs on the device, beside a training step of ResNet-50 at 224.

    python -m benchmarks.augment_cost [--time]

FLOPs are XLA's own count of the programs as they are handed to its compiler, per image: augmentation as CPUs and GPUs run it and as TPUs do
(two operations are written in another way there), the step as gradients of all parameters of ResNet-50 in training mode. ``--time`` also
compiles and runs both here, in turns, and compares the fastest of a few runs.

Measured (jax 0.10.2): augmentation 0.180 GFLOP per image on CPUs and GPUs, 0.527 on TPUs; gradients 23.678; so 0.76 % and 2.23 %. On 2 CPU
cores 29.9 ms against 541.6 ms per image, 5.5 %.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tljax import data, models, objectives, trees

EXPRESSIONS = (
    "random_zoom(scale=(0.3, 1.0))",
    "flip",
    "color(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)",
    "randaugment(layers=2, magnitude=9)",
    "mixup(alpha=0.2)",
    "cutmix(alpha=1.0)",
)
CLASSES, SIDE, BATCH = 1000, 224, 8


def images() -> dict[str, np.ndarray]:
    """A batch of random images, as the loader gives it."""
    x = np.random.default_rng(0).integers(0, 256, (BATCH, SIDE, SIDE, 3), np.uint8)
    number = np.arange(BATCH, dtype=np.int32)
    return {"x": x, "label": number, "valid": np.ones(BATCH, np.float32), "index": number, "epoch": np.zeros(BATCH, np.int32)}


def step() -> tuple[Any, Any]:
    """``(gradients of (parameters, statistics, batch), shapes of the variables)``."""
    model, objective = models.create("resnet50", CLASSES), objectives.create("cross_entropy")
    parts = (*model.stages, "head")

    def loss(params: Any, stats: Any, batch: Any) -> Any:
        def forward(batch: Any) -> Any:
            variables = {"params": params, "batch_stats": stats}
            return model.apply(variables, {"x": batch["x"]}, train=parts, batch_stats_in=parts, mutable=["batch_stats"])[0]

        return objective.loss(forward, params, {}, batch, jax.random.key(0), 0)[0]

    return jax.jit(jax.grad(loss)), models.shapes(model)


def main(timed: bool) -> None:
    """Print the table; with `timed` also the seconds."""
    augment, batch = jax.jit(data.augmentation(EXPRESSIONS, CLASSES, 0)), images()
    gradients, shapes = step()
    augmented = jax.eval_shape(augment, batch)
    flops = {
        "augmentation (CPU, GPU)": _flops(augment.trace(batch).lower(lowering_platforms=("cuda",))),
        "augmentation (TPU)": _flops(augment.trace(batch).lower(lowering_platforms=("tpu",))),
        "ResNet-50, gradients": _flops(gradients.lower(shapes["params"], shapes["batch_stats"], augmented)),
    }
    for name, value in flops.items():
        print(f"{name:24} {value / 1e9:8.3f} GFLOP per image {value / flops['ResNet-50, gradients']:8.2%}")
    if timed:
        _print_times(augment, gradients, batch, shapes)


def _flops(lowered: Any) -> float:
    return float(lowered.cost_analysis()["flops"]) / BATCH


def _print_times(augment: Any, gradients: Any, batch: Any, shapes: Any) -> None:
    values = trees.unflatten({path: jnp.full(s.shape, 0.01, s.dtype) for path, s in trees.flatten(shapes).items()})
    params, stats, augmented = values["params"], values["batch_stats"], augment(batch)
    runs: dict[str, Callable[[], Any]] = {"augmentation": lambda: augment(batch), "gradients": lambda: gradients(params, stats, augmented)}
    best = dict.fromkeys(runs, float("inf"))
    for turn in range(5):
        for name, run in runs.items():
            start = time.perf_counter()
            jax.block_until_ready(run())
            if turn:  # the first one compiles
                best[name] = min(best[name], time.perf_counter() - start)
    seconds = {name: value / BATCH for name, value in best.items()}
    print(f"on {jax.devices()[0].device_kind}: " + ", ".join(f"{name} {1e3 * s:.1f} ms per image" for name, s in seconds.items()), end="")
    print(f", {seconds['augmentation'] / seconds['gradients']:.2%}")


if __name__ == "__main__":
    main("--time" in sys.argv[1:])
