"""The picture of a sweep: the score against each field that it varies."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tljax.report import png
from tljax.report.curves import COLORS

POINT, MEAN, CHOSEN, FAILED = COLORS[0], COLORS[6], COLORS[1], "#777777"


def effects(rows: Sequence[Mapping[str, Any]], path: str | Path, *, metric: str, selected: str | None = None) -> Path:
    """One panel for each varied field: a point per trial, and means over the trials with a value; returns the PNG's path.

    Means stand only where each value of the field was tried with the same values of all others: elsewhere they would show what those do.

    Numbers stand on an axis, logarithmic where they are positive and span a factor of 10 or more, with a line through their means; all
    else stands side by side. Trials that failed are crosses at the lower edge, those of the selected setting have their own color.

    Args:
      rows: trials ``{"overrides": {field: value}, "setting": name, "metrics": {metric: number}}`` with the same fields in each; one that
        failed has no `metrics`.
      path: where the PNG goes.
      metric: what is drawn.
      selected: the setting to point out.

    Raises:
      ValueError: no rows.
    """
    if not rows:
        raise ValueError("effects: there are no trials to draw")
    fields = [f for f in rows[0]["overrides"] if len({repr(row["overrides"][f]) for row in rows}) > 1] or list(rows[0]["overrides"])[:1]
    columns = min(max(len(fields), 1), 3)
    lines = math.ceil(max(len(fields), 1) / columns)
    figure = Figure(figsize=(max(4.6 * columns, 7), 4.4 * lines + 0.6), layout="constrained")
    panels = list(figure.subplots(lines, columns, squeeze=False, sharey=True).flat)
    for axes, field in zip(panels, fields or [""], strict=False):
        _panel(axes, field, rows, metric, selected)
    for axes in panels[max(len(fields), 1) :]:
        axes.set_axis_off()
    for axes in panels[::columns]:
        axes.set_ylabel(f"validation {metric.replace('_', ' ')}", fontsize=13)
    found = {text: handle for axes in panels for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(found.values(), found.keys(), fontsize=12, frameon=False, loc="outside lower center", ncols=4)
    figure.suptitle(f"{len(rows)} trials: validation {metric.replace('_', ' ')} against each field", fontsize=15)
    return png.save(figure, path)


def _panel(axes: Axes, field: str, rows: Sequence[Mapping[str, Any]], metric: str, selected: str | None) -> None:
    given = [row["overrides"].get(field, "recipe") for row in rows]
    values = sorted(set(given)) if _numeric(given) else list({repr(v): v for v in given}.values())
    numeric = _numeric(given) and len(values) > 1
    log = numeric and min(values) > 0 and max(values) / min(values) >= 10
    places = np.log10(values) if log else np.asarray(values, float) if numeric else np.arange(len(values), dtype=float)
    gap = float(np.min(np.diff(places))) if len(places) > 1 else 1.0
    means = []
    for place, value in zip(places, values, strict=True):
        here = [row for row, v in zip(rows, given, strict=True) if repr(v) == repr(value)]
        x = place + 0.24 * gap * (np.arange(len(here)) - (len(here) - 1) / 2) / max(len(here) - 1, 1)
        for label, color, kept in (("trial", POINT, False), ("trial of the selected setting", CHOSEN, True)):
            points = [
                (place_, row["metrics"][metric])
                for place_, row in zip(x, here, strict=True)
                if "metrics" in row and (row["setting"] == selected) == kept
            ]
            if points:
                at, scores = np.array(points).T
                axes.scatter(at, scores, s=36, color=color, alpha=0.7, linewidth=0, label=label, zorder=3 if kept else 2)
        lost = [at for at, row in zip(x, here, strict=True) if "metrics" not in row]
        if lost:
            edge = axes.get_xaxis_transform()  # x in data, y as a part of the panel
            axes.scatter(lost, [0.03] * len(lost), s=44, marker="x", color=FAILED, label="failed", transform=edge, clip_on=False)
        known = [row["metrics"][metric] for row in here if "metrics" in row]
        means.append(np.mean(known) if known else np.nan)
    if _crossed(field, rows, given):
        _means(axes, places, np.array(means), numeric, gap)
    names = [f"{v:g}" if isinstance(v, int | float) and not isinstance(v, bool) else str(v) for v in values]
    crowded = sum(map(len, names)) > 36
    axes.set_xticks(places, names, fontsize=11, rotation=30 if crowded else 0, ha="right" if crowded else "center")
    axes.set_xlim(places[0] - 0.5 * gap, places[-1] + 0.5 * gap)
    axes.set_xlabel(f"{field} (log scale)" if log else field, fontsize=13)
    axes.tick_params(axis="y", labelsize=11, labelleft=True)
    axes.grid(axis="y", alpha=0.3)
    axes.margins(y=0.1)


def _crossed(field: str, rows: Sequence[Mapping[str, Any]], given: Sequence[Any]) -> bool:
    others: dict[str, set[str]] = {}
    for row, value in zip(rows, given, strict=True):
        others.setdefault(repr(value), set()).add(repr({k: v for k, v in row["overrides"].items() if k != field}))
    return len({frozenset(seen) for seen in others.values()}) == 1


def _means(axes: Axes, places: np.ndarray, means: np.ndarray, numeric: bool, gap: float) -> None:
    """A line through the means of numbers; a bar at that of each other value."""
    known = np.isfinite(means)
    if numeric:
        axes.plot(places[known], means[known], color=MEAN, linewidth=2, marker="o", markersize=5, label="mean", zorder=4)
    else:
        axes.hlines(means[known], places[known] - 0.3 * gap, places[known] + 0.3 * gap, color=MEAN, linewidth=2.5, label="mean", zorder=4)


def _numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
