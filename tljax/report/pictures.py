"""Draws the pictures of a task."""

import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tljax.report import figures, png
from tljax.tasks.pictures import Grid, Matrix, Picture, Scatter


def draw(picture: Picture, path: str | Path) -> Path:
    """Write a picture as PNG; returns its path. Raises ValueError where its data do not fit together."""
    if isinstance(picture, Matrix):
        return figures.confusion_matrix(picture.counts, picture.classes, path)
    if isinstance(picture, Grid):
        return figures.image_grid(
            picture.images,
            picture.captions,
            path,
            title=picture.title,
            empty=picture.empty,
            columns=picture.columns,
            legend=picture.legend,
        )
    return _scatter(picture, path)


def _scatter(picture: Scatter, path: str | Path) -> Path:
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.scatter(picture.targets, picture.predictions, s=16, alpha=0.6, linewidth=0)
    both = np.concatenate([picture.targets, picture.predictions])
    low, high = float(both.min()), float(both.max())
    margin = 0.05 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, color="0.5", linewidth=1, linestyle="--", label="prediction = target")
    axes.set_xlim(limits)
    axes.set_ylim(limits)
    axes.set_xlabel(picture.title, fontsize=13)
    axes.set_ylabel("prediction", fontsize=13)
    error = math.sqrt(float(np.mean((picture.targets - picture.predictions) ** 2)))
    axes.set_title(f"{len(picture.targets)} examples, root mean squared error {error:.3g}", fontsize=13)
    axes.legend(fontsize=11, frameon=False)
    axes.grid(alpha=0.3)
    return png.save(figure, path)
