"""The table of a sweep, with the choice that it ends in, from its rows alone."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tljax.report import table

Row = Mapping[str, Any]


def select(rows: Sequence[Row]) -> str | None:
    """The setting with the best mean validation score over its seeds, the first of equals; None where each has a trial that failed.

    Args:
      rows: ``{"setting": name, "split": "val" or "test", "metrics": {...}, "metric": name of the score, "sign": 1 or -1}``, trials that
        failed with an `error` instead of these.
        Rows of the test split are not looked at.
    """
    means = {
        setting: np.mean([row["sign"] * row["metrics"][row["metric"]] for row in of])
        for setting, of in _by_setting(rows, "val").items()
        if not any("error" in row for row in of)
    }
    return max(means, key=means.__getitem__) if means else None


def report(rows: Sequence[Row], markdown: bool = False) -> str:
    """Caption, table, and the selected setting as flags.

    A cell is ``mean ± standard deviation over seeds (seeds)``. Trials that failed do not enter it; the note counts them. Every setting
    with rows of the test split is shown, and the caption counts them.

    Args:
      rows: as for `select`, of one task, with ``task``, ``overrides`` (the same fields in each), ``seed``, ``measured_on``, ``seconds``,
        ``examples_per_second``.
      markdown: Markdown instead of plain text.
    """
    val, test, best = _by_setting(rows, "val"), _by_setting(rows, "test"), select(rows)
    metric = score_name(rows)
    lines = [_line(val.get(setting, []), test.get(setting, []), metric, setting == best) for setting in val | test]
    columns = [c for c in lines[0] if any(line[c] is not None for line in lines)]
    shown = (table.markdown if markdown else table.text)(lines, columns)
    chosen = f"selected: {_flags(val[best][0])}" if best is not None else "nothing is selected: every setting has a trial that failed"
    return "\n".join([_caption(rows, metric), "", shown, "", chosen])


def score_name(rows: Sequence[Row]) -> str:
    """The metric that selects; ``score`` where every trial failed."""
    return next((row["metric"] for row in rows if "metric" in row), "score")


def _by_setting(rows: Sequence[Row], split: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row["split"] == split:
            groups.setdefault(row["setting"], []).append(row)
    return groups


def _line(of: Sequence[Row], tested: Sequence[Row], metric: str, selected: bool) -> dict[str, Any]:
    good, why = [row for row in of if "error" not in row], [row["error"].split(":")[0] for row in of if "error" in row]
    failed = [f"{why.count(reason)} of {len(of)} {reason}" for reason in dict.fromkeys(why)]
    return dict([*of, *tested][0]["overrides"]) | {
        f"val {metric}": _spread(good, metric),
        f"test {metric}": _spread(tested, metric),
        "seconds": float(np.mean([row["seconds"] for row in good])) if good else None,
        "examples/s": round(np.mean([row["examples_per_second"] for row in good])) if good else None,
        "note": ", ".join(["selected"] * selected + failed) or None if of else "of an earlier sweep",
    }


def _spread(rows: Sequence[Row], metric: str) -> str | None:
    if not rows:
        return None
    values = [row["metrics"][metric] for row in rows]
    small = metric == "mse" and 0 < np.mean(values) < 1  # an error has no natural size: three digits that count
    return table.mean_spread(values, 2 - int(np.floor(np.log10(np.mean(values)))) if small else 3)


def _caption(rows: Sequence[Row], metric: str) -> str:
    on = list(dict.fromkeys(row["measured_on"] for row in rows if "measured_on" in row))
    seeds, measured = len({row["seed"] for row in rows}), len(_by_setting(rows, "test"))
    tested = f"; settings measured on the test split: {measured}" if measured else ""
    return (
        f"{rows[0]['task']}: {metric} on {', '.join(on) or 'nothing'}; mean ± standard deviation over {seeds} seed{'s' * (seeds > 1)}; "
        f"selected by the mean on val{tested}"
    )


def _flags(row: Row) -> str:
    flags = [f"--config.{name}={shlex.quote(str(value))}" for name, value in row["overrides"].items()]
    return " ".join(flags) or "the recipe as it stands"
