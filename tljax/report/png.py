"""Writes a figure as a PNG file, whole or not at all."""

import os
from pathlib import Path

from matplotlib.figure import Figure

DPI = 120


def save(figure: Figure, path: str | Path) -> Path:
    """Write `figure` to `path` beside and then renamed, so a reader never sees half a file; folders are made.

    Raises:
      OSError: the folder cannot be made or the file cannot be written; nothing is left behind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        figure.savefig(beside, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.1)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path
