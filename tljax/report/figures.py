"""Pictures of answers: the confusion matrix, a grid of images with captions."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tljax.report import png


def confusion_matrix(matrix: np.ndarray, classes: Sequence[str], path: str | Path) -> Path:
    """Counts in the cells, the part of the true class as color; returns the PNG's path. Made for 1 to about 100 classes.

    Args:
      matrix: [C, C] counts; row = true class, column = predicted class.
      classes: the C names.
      path: where the PNG goes.

    Raises:
      ValueError: a matrix that is not [C, C] for C names.
    """
    counts, n = np.asarray(matrix), len(classes)
    if not n or counts.shape != (n, n):
        raise ValueError(f"confusion matrix: shape {counts.shape} does not fit {n} class names")
    parts = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell = float(np.interp(n, (2, 10, 30, 100), (0.9, 0.6, 0.36, 0.24)))  # inches
    names = [_short(c, 22) for c in classes]
    margin = 1.1 + 0.09 * max(map(len, names))
    side = max(n * cell, 2.5) + margin
    figure = Figure(figsize=(side + 1, side + 0.3), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(parts, cmap="Blues", vmin=0, vmax=1)
    size = max(6.0, min(12.0, cell * 20))  # points
    heading = max(14.0, 0.8 * side)  # still read when a large matrix is shown whole
    axes.set_xticks(range(n), names, rotation=90, fontsize=size)
    axes.set_yticks(range(n), names, fontsize=size)
    axes.set_xlabel("predicted class", fontsize=heading)
    axes.set_ylabel("true class", fontsize=heading)
    accuracy = np.trace(counts) / max(counts.sum(), 1)
    axes.set_title(f"{int(counts.sum()):,} examples, accuracy {accuracy:.3f}", fontsize=heading)
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02, shrink=0.6, aspect=30)
    bar.set_label("part of the true class", fontsize=heading - 1)
    bar.ax.tick_params(labelsize=heading - 2)
    digits = len(str(int(counts.max())))
    for row, column in zip(*np.nonzero(counts), strict=True):
        color = "white" if parts[row, column] > 0.5 else "black"
        font = min(size, cell * 72 * 0.85 / (0.62 * digits))  # so that the widest count fits its cell
        axes.text(column, row, f"{int(counts[row, column])}", ha="center", va="center", color=color, fontsize=font, in_layout=False)
    return png.save(figure, path)


def image_grid(
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    path: str | Path,
    *,
    title: str,
    empty: str = "",
    columns: int = 5,
    legend: Sequence[tuple[str, tuple[int, int, int]]] = (),
) -> Path:
    """A grid of images with a caption above each; returns the PNG's path.

    Args:
      images: [H, W, C] or [H, W], uint8 or float in [0, 1]. Three channels are colors; of any other number the mean is shown.
      captions: one for each, of a few short lines.
      path: where the PNG goes.
      title: above the picture.
      empty: what the picture says where there are no images.
      columns: images beside each other.
      legend: names of colors (red, green, blue in 0..255), shown below.

    Raises:
      ValueError: another number of images than captions; something that is no image (names its number).
    """
    if len(images) != len(captions):
        raise ValueError(f"image grid: {len(images)} images for {len(captions)} captions")
    if not len(images):
        figure = Figure(figsize=(6, 2))
        figure.text(0.5, 0.5, empty or "No example to show.", ha="center", va="center", fontsize=14)
        return png.save(figure, path)
    columns = min(len(images), columns)
    lines = math.ceil(len(images) / columns)
    flat = max((np.shape(image)[0] / np.shape(image)[1] for image in images if np.size(image) and np.ndim(image) > 1), default=1.0)
    figure = Figure(figsize=(2.5 * max(columns, 2), (2.5 * min(flat, 1) + 0.6) * lines + 0.5), layout="constrained")
    figure.suptitle(title, fontsize=15)
    if legend:
        patches = [
            Patch(facecolor=(red / 255, green / 255, blue / 255), edgecolor="0.5", label=_short(name, 22))
            for name, (red, green, blue) in legend
        ]
        figure.legend(handles=patches, loc="outside lower center", ncols=min(len(patches), max(columns, 2) + 1), fontsize=11, frameon=False)
    for i, cell in enumerate(figure.subplots(lines, columns, squeeze=False).flat):
        cell.axis("off")
        if i < len(images):
            cell.imshow(_shown(images[i], i), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            cell.set_title("\n".join(_short(line, 30) for line in captions[i].split("\n")), fontsize=10, loc="left")
    return png.save(figure, path)


def _shown(image: np.ndarray, row: int) -> np.ndarray:
    """[H, W] or [H, W, 3] in [0, 1]."""
    array = np.asarray(image)
    if array.ndim not in (2, 3) or not array.size:
        raise ValueError(f"image grid: number {row} is no image but an array of shape {array.shape}")
    values = array / 255 if array.dtype == np.uint8 else array.astype(np.float64)
    if not (values.min() >= -0.01 and values.max() <= 1.01):  # a rounding error is none; standardized values are
        raise ValueError(f"image grid: number {row} has values {values.min():.3g} to {values.max():.3g}, wanted uint8 or 0 to 1")
    values = np.clip(values, 0, 1)
    return values if values.ndim == 2 or values.shape[2] == 3 else values.mean(axis=2)


def _short(name: Any, limit: int) -> str:
    text = str(name)
    return text if len(text) <= limit else text[: limit - 1] + "…"
