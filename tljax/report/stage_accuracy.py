"""A picture of how well the features of each stage tell the classes apart."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from tljax.report import png


def draw(rows: Sequence[Mapping[str, Any]], path: str | Path, baselines: Mapping[str, float], title: str = "") -> Path:
    """Accuracy over the stages, from input to output: cross-validation with its spread, test with its standard error; the PNG's path.

    Args:
      rows: dicts with `stage`, `test`, `test_error` and, where there was a cross-validation, `cv` and `cv_spread`.
      path: where the PNG goes.
      baselines: accuracies drawn as level lines, by name.
      title: above the picture.

    Raises:
      ValueError: no rows.
    """
    if not rows:
        raise ValueError("accuracy by stage: there are no rows")
    figure = Figure(figsize=(max(6.0, 0.55 * len(rows) + 3), 4.2), layout="constrained")
    axes = figure.subplots()
    for shift, name, key, spread in (
        (-0.08, "cross-validation ± sd over folds", "cv", "cv_spread"),
        (0.08, "test ± se", "test", "test_error"),
    ):
        shown = [(i, row) for i, row in enumerate(rows) if row.get(key) is not None]
        if shown:
            at, values, bars = zip(*((i + shift, row[key], row[spread]) for i, row in shown), strict=True)
            axes.errorbar(at, values, bars, marker="o", markersize=5, capsize=3, linewidth=1.3, label=name)
    for i, (name, value) in enumerate(baselines.items()):
        axes.axhline(value, color="0.45", linestyle=("--", ":", "-.")[i % 3], linewidth=1.3, label=f"{name}: {value:.3f}")
    axes.set_xticks(range(len(rows)), [str(row["stage"]) for row in rows], rotation=90 if len(rows) > 8 else 0)
    axes.set_xlim(-0.5, len(rows) - 0.5)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("stage, from input to output")
    axes.set_ylabel("accuracy")
    axes.set_title(textwrap.fill(title, int(10 * figure.get_figwidth())), fontsize=11)
    axes.grid(axis="y", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    return png.save(figure, path)
