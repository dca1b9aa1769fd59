"""Tables as plain text or Markdown, with the spread over seeds beside every mean."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Row = Mapping[str, Any]


def text(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """An aligned table: numbers to the right, all else to the left; a key that a row lacks, or None, is an empty cell.

    Args:
      rows: dicts.
      columns: their keys to show, in this order; the key is the heading.

    Returns:
      the lines, joined, without a closing newline.
    """
    cells, right = _cells(rows, columns)
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    lines = [_line(line, widths, right).rstrip() for line in cells]
    return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])


def markdown(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """The same table as Markdown; ``|`` in a cell is escaped."""
    cells, right = _cells(rows, columns)
    cells = [[c.replace("|", "\\|").replace("\n", " ") for c in line] for line in cells]
    widths = [max(3, *(len(line[i]) for line in cells)) for i in range(len(columns))]
    rule = ["-" * (w - 1) + ":" if r else "-" * w for w, r in zip(widths, right, strict=True)]
    return "\n".join(f"| {_line(line, widths, right, ' | ')} |" for line in [cells[0], rule, *cells[1:]])


def mean_spread(values: Sequence[float], digits: int = 3) -> str:
    """``"0.812 ± 0.013 (3)"``: mean, sample standard deviation ``sqrt(sum (v - mean)^2 / (n - 1))``, count; one value: ``"0.812 (1)"``.

    Raises:
      ValueError: no values.
    """
    if not len(values):
        raise ValueError("mean and spread: there are no values")
    v = np.asarray(values, np.float64)
    spread = f" ± {v.std(ddof=1):.{digits}f}" if len(v) > 1 else ""
    return f"{v.mean():.{digits}f}{spread} ({len(v)})"


def _cells(rows: Sequence[Row], columns: Sequence[str]) -> tuple[list[list[str]], list[bool]]:
    values = [[row.get(c) for c in columns] for row in rows]
    right = [
        any(_number(line[i]) for line in values) and all(_number(line[i]) or line[i] is None for line in values)
        for i in range(len(columns))
    ]
    return [list(columns), *([_shown(v) for v in line] for line in values)], right


def _number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool], between: str = "  ") -> str:
    return between.join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True))
