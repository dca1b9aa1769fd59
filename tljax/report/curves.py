"""Learning curves as pictures: several runs with their spread over seeds, or one run's loss and accuracy."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tljax.report import png

Records = Sequence[Mapping[str, Any]]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # told apart by color-blind readers too
STYLES = ("-", "--", ":", "-.")


def learning_curves(
    runs: Mapping[str, Sequence[Records]], path: str | Path, *, metric: str = "val_accuracy", split: str = "validation"
) -> Path:
    """One line for each label, the mean over its seeds, in a band from the lowest to the highest seed; returns the PNG's path.

    Args:
      runs: ``{label: [records of seed 0, records of seed 1, ...]}``; a record holds `step` and, where it was measured, `metric`.
        A line has the steps that every one of its seeds measured.
      path: where the PNG goes.
      metric: the record's key to draw. One that ends in ``accuracy`` is drawn from 0 to 1.
      split: what it was measured on, for the title.

    Raises:
      ValueError: no runs; a seed without a measurement; seeds of one label without a common step.
    """
    if not runs:
        raise ValueError("learning curves: there are no runs to draw")
    figure, (axes,) = _figure(1)
    name = _name(metric)
    seeds = set()
    for i, (label, of_seeds) in enumerate(runs.items()):
        steps, values = _common(label, of_seeds, metric)
        seeds.add(len(of_seeds))
        color, style = COLORS[i % len(COLORS)], STYLES[i // len(COLORS) % len(STYLES)]
        axes.plot(steps, values.mean(axis=0), style, color=color, linewidth=2, marker="o", markersize=4, label=label)
        if len(of_seeds) > 1:
            axes.fill_between(steps, values.min(axis=0), values.max(axis=0), color=color, alpha=0.18, linewidth=0)
    several = max(seeds) > 1
    count = "–".join(str(n) for n in sorted({min(seeds), max(seeds)}))
    what = f"{count} seeds: mean, lowest to highest" if several else "1 seed"
    _dress(axes, f"{name} on the {split} split ({what})", f"{split} {name}", metric)
    if len(runs) > 5:  # too many to find room among the lines: below the panel, in columns
        figure.set_size_inches(9, 6.5)
        figure.legend(fontsize=12, frameon=False, loc="outside lower center", ncols=3)
    else:
        axes.legend(fontsize=12, frameon=False)
    return png.save(figure, path)


def single_run(records: Records, path: str | Path, *, loss: str = "loss", metric: str = "val_accuracy", split: str = "validation") -> Path:
    """Two panels over the steps of one run: the training loss, and `metric` on the `split` split; returns the PNG's path.

    Args:
      records: dicts with `step` and, where they were measured, `loss` and `metric`.
      path: where the PNG goes.
      loss: the key of the training loss (nats).
      metric: the key of what is measured on the split.
      split: its name.

    Raises:
      ValueError: a key that no record holds.
    """
    figure, panels = _figure(2)
    titles = ("training loss", f"{_name(metric)} on the {split} split")
    for axes, key, title, unit, color in zip(
        panels, (loss, metric), titles, ("loss (nats)", f"{split} {_name(metric)}"), COLORS, strict=False
    ):
        steps, values = _common("the run", [records], key)
        axes.plot(steps, values[0], color=color, linewidth=2, marker="o" if len(steps) <= 50 else "", markersize=4)
        _dress(axes, title, unit, key)
    return png.save(figure, path)


def _common(label: str, of_seeds: Sequence[Records], key: str) -> tuple[np.ndarray, np.ndarray]:
    """``(steps [T], values [seeds, T])``; a step that was measured twice (after a resume) counts with its last value."""
    curves = [{int(r["step"]): float(r[key]) for r in records if r.get(key) is not None} for records in of_seeds]
    for i, curve in enumerate(curves):
        if not curve:
            raise ValueError(f"learning curves: {label}, seed number {i}: no record holds {key!r}")
    steps = sorted(set.intersection(*map(set, curves))) if curves else []
    if not steps:
        raise ValueError(f"learning curves: {label}: its {len(curves)} seeds have no step with {key!r} in common")
    return np.array(steps), np.array([[curve[s] for s in steps] for curve in curves])


def _figure(panels: int) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(8 if panels == 1 else 13, 5), layout="constrained")
    return figure, figure.subplots(1, panels, squeeze=False)[0]


def _name(metric: str) -> str:
    return metric.removeprefix("val_").removeprefix("test_").replace("_", " ")


def _dress(axes: Axes, title: str, unit: str, key: str) -> None:
    axes.set_title(title, fontsize=14)
    axes.set_xlabel("training steps", fontsize=13)
    axes.set_ylabel(f"{unit} (0 to 1)" if key.endswith("accuracy") else unit, fontsize=13)
    axes.tick_params(labelsize=11)
    axes.grid(alpha=0.3)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if key.endswith("accuracy"):
        axes.set_ylim(0, 1.02)  # a curve at 1 stays whole
