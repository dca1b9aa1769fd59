"""Transfer learning in pure JAX.

    import tljax

    train, val, test = tljax.data.split(tljax.data.create("folder('flowers')"), [0.6, 0.2, None], seed=0)
    start = tljax.open("mobilenet.h5", labels=train)
    result = tljax.fit(tljax.Run(start, train, val, strategy=tljax.strategies.lp_ft(), steps=300), "runs/flowers")

Names are imported when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_ROOMS = ("data", "metrics", "models", "objectives", "strategies", "tasks", "weights", "runs", "evaluate", "report", "train", "trees")
_OF_RUNS = ("Pretrained", "Result", "Run", "create", "fit", "open")

if TYPE_CHECKING:
    from tljax import data, evaluate, metrics, models, objectives, report, runs, strategies, tasks, train, trees, weights
    from tljax.runs import Pretrained, Result, Run, create, open
    from tljax.runs.fit import fit

__all__ = [
    "Pretrained", "Result", "Run", "create", "data", "evaluate", "fit", "metrics", "models", "objectives", "open", "report", "runs",
    "strategies", "tasks", "train", "trees", "weights",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _OF_RUNS:
        return getattr(importlib.import_module("tljax.runs"), name)
    if name in _ROOMS:
        return importlib.import_module(f"tljax.{name}")
    raise AttributeError(f"module 'tljax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
