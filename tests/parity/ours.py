"""Our side of a case: the same weights under the reference's names, the same inputs, and how far the outputs are apart."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from tests.parity.case import Case
from tests.weights import foreign
from tljax import models, trees
from tljax.weights.keymap import file_names, table
from tljax.weights.load import fill

TOLERANCE, APART = 1e-4, 1e-2
"""Of the largest value: how much two implementations may differ, and how much two inputs must."""

Arrays = dict[str, np.ndarray]


def model(case: Case, dtype: str = "float32") -> models.TransferModel:
    """Ours, with a head of one class where the case has none."""
    return models.create(case.model, max(case.num_classes, 1), case.head, case.in_channels, case.input_size, dtype)


def variables(case: Case) -> dict[str, Any]:
    """Ours, filled through the key table with what the reference would draw."""
    made = model(case)
    file = {name: case.weight(name, shape) for name, shape in foreign.shapes(case.family, made, head=case.num_classes > 0).items()}
    filled, report = fill(file, made, None, "auto", case.label, family=case.family)
    assert report.family == case.family and all(path.startswith("params/head/") for path in report.new) and not report.ignored
    return filled


def outputs(case: Case, of: models.TransferModel, variables: Mapping[str, Any]) -> Arrays:
    """As `reference.outputs`."""
    out = {f"eval|{k}": v for k, v in _run(case, of, variables, False)[0].items()}
    if case.training:
        with jax.enable_x64(case.double):
            wide = model(case, "float64") if case.double else of
            start = jax.tree.map(lambda a: np.asarray(a, np.float64), variables) if case.double else variables
            values, after = _run(case, wide, start, True)
        out |= {f"train|{k}": v for k, v in values.items()}
        out |= {f"stats|{k}": v for k, v in _statistics(case, variables["batch_stats"], after).items()}
    return out


def _run(case: Case, of: models.TransferModel, variables: Mapping[str, Any], train: bool) -> tuple[Arrays, Any]:
    call = functools.partial(
        of.apply,
        taps=of.stages,
        train=train,
        stop=None if case.num_classes else "head",
        mutable=["batch_stats"],
        rngs={"dropout": jax.random.key(0)},
    )
    # it runs once: what LLVM's optimiser would save is less than it takes
    inputs = {k: a.astype(np.float64) if case.double and train and a.dtype == np.float32 else a for k, a in case.batch(train).items()}
    result, updates = jax.jit(call, compiler_options={"xla_backend_optimization_level": 0})(variables, inputs)
    out = {stage: result.taps[stage] for stage in case.stages}
    logits = result.logits if case.num_classes else result.features
    named = {f"logits/{k}": v for k, v in logits.items()} if isinstance(logits, dict) else {"logits": logits}
    return {k: np.asarray(v) for k, v in (out | named).items()}, updates.get("batch_stats", {})


def _statistics(case: Case, before: Any, after: Any) -> Arrays:
    old, keymap = trees.flatten(before), table(case.family)
    out, statistics = {}, trees.flatten(after)
    names = file_names(keymap, [f"batch_stats/{path}" for path in statistics])
    for path, new in statistics.items():
        name, leaf = names[f"batch_stats/{path}"], path.rpartition("/")[2]
        assert name is not None, path
        layer = re.sub(r"[./][^./]*$", "", name)
        out[f"{layer}|{leaf}"] = (np.asarray(new) - case.momentum * np.asarray(old[path])) / (1 - case.momentum)
    return out


@dataclass(frozen=True)
class Distance:
    """How far one output is from the reference's: the largest difference, the largest value, and how far the two inputs are apart."""

    difference: float
    top: float
    apart: float

    @property
    def relative(self) -> float:
        """The largest difference over the largest value."""
        return self.difference / self.top

    @property
    def agrees(self) -> bool:
        """Whether the outputs are the same, and those of different inputs are not."""
        return self.difference <= TOLERANCE * self.top and self.apart > APART * self.top


def distances(got: Arrays, want: Arrays) -> dict[str, Distance]:
    """By name; raises ValueError where names or shapes differ."""
    if unpaired := sorted(set(got) ^ set(want)):
        raise ValueError(f"only one side has {', '.join(unpaired[:6])}")
    out = {}
    for name in got:
        a, b = (np.asarray(v, np.float64) for v in (got[name], want[name]))
        if a.shape != b.shape:
            raise ValueError(f"{name}: {a.shape} is compared with {b.shape}")
        apart = np.inf if name.startswith("stats|") else np.abs(b[0] - b[1]).max()
        out[name] = Distance(float(np.abs(a - b).max()), float(np.abs(b).max()), float(apart))
    return out


def row(case: Case, of: dict[str, Distance]) -> dict[str, str]:
    """One line of the table: the logits' largest difference, and the largest relative difference of any output of each kind."""

    def worst(kind: str) -> str:
        found = [d.relative for name, d in of.items() if name.startswith(f"{kind}|")]
        return f"{max(found):.1e}" if found else ""

    logits = max(d.difference for name, d in of.items() if name.startswith("eval|logits"))
    return {
        "case": case.label,
        "table": case.family,
        "reference": case.reference,
        "logits, max abs": f"{logits:.1e}",
        "evaluation": worst("eval"),
        "training": worst("train"),
        "statistics": worst("stats"),
        "verdict": "agrees" if all(d.agrees for d in of.values()) else "differs: " + ", ".join(n for n, d in of.items() if not d.agrees),
    }
