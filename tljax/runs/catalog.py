"""The catalog: which backbones there are, how large, how costly, and where weights for them are published."""

import difflib
import re
from collections.abc import Sequence
from typing import Any

from tljax.models.create import backbones
from tljax.report import table
from tljax.runs import model_stats
from tljax.zoo.catalog import published

SORTS = {"name": lambda row: _natural(row["name"]), "params": lambda row: row["parameters"], "flops": lambda row: row["flops"]}


def names(search: str = "") -> list[str]:
    """Every registered backbone with its default arguments, and the variants that weights are known for, in natural order.

    Args:
      search: keep those where it occurs in the name, or in the publisher, address, training data or license of known weights; upper and
        lower case are the same.

    Raises:
      ValueError: nothing fits; the nearest words are named.
    """
    words = {name: [name] for name in sorted({*backbones, *(k.model for k in published())}, key=_natural)}
    for k in published():
        words[k.model] += [k.name, k.where, k.trained_on, k.license]
    found = [name for name, of in words.items() if any(search.lower() in word.lower() for word in of)]
    if not found:
        every = {word.lower(): word for of in words.values() for text in of for word in (text, *re.findall(r"[\w.-]+", text))}
        near = [every[word] for word in difflib.get_close_matches(search.lower(), every, n=5, cutoff=0.5)]
        hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(words)}"
        raise ValueError(f"--search={search}: no backbone, publisher or license matches; {hint}")
    return found


def describe(name: str, cost: dict[str, Any]) -> dict[str, Any]:
    """A catalogue row: ``{name, parameters, flops, features, input, stages, weights}``; `cost` as in `model_stats.cost`."""
    known = [{"name": k.name, "where": k.where, "license": k.license, "trained_on": k.trained_on} for k in published() if k.model == name]
    return {"name": name} | cost | {"weights": known}


def catalog(search: str = "", sort: str = "name", classes: int = 0) -> list[dict[str, Any]]:
    """The rows of `describe` for all `names`, sorted by one of `SORTS`."""
    rows = [describe(name, cost) for name, cost in model_stats.costs(names(search), classes).items()]
    return sorted(rows, key=SORTS[sort])


def report(rows: Sequence[dict[str, Any]], stages: bool = False, markdown: bool = False, classes: int = 0) -> str:
    """The models as one table, the known weights as another."""
    form = table.markdown if markdown else table.text
    shown = [
        {
            "name": row["name"],
            "parameters": f"{row['parameters']:,}",
            "GFLOP": f"{row['flops'] / 1e9:.3g}",
            "input": _input(*row["input"]["x"]),
            "features": row["features"],
            "stages": f"{len(row['stages'])}{': ' + ' '.join(row['stages']) if stages else ''}",
            "weights": ", ".join(dict.fromkeys(known["name"].split()[0] for known in row["weights"])),
        }
        for row in rows
    ]
    head = f"with a linear head of {classes} classes" if classes else "without head"
    note = (
        f"Of one forward pass of one example, {head}. GFLOP is XLA's count: a multiplication and the addition after it are two operations, "
        "and multiplications with padding do not count."
    )
    known = [{"model": row["name"]} | k for row in rows for k in row["weights"]]
    parts = [form(shown, list(shown[0])), note, form(known, ["model", "name", "trained_on", "license", "where"]) if known else ""]
    return "\n\n".join(part for part in parts if part)


def _input(shape: list[int], dtype: str) -> str:
    return f"{shape[0]} tokens" if dtype.startswith("int") else " x ".join(map(str, shape))


def _natural(name: str) -> list[tuple[float, str]]:
    return [(float(part) if part[:1].isdigit() else -1.0, part) for part in re.split(r"(\d+(?:\.\d+)?)", name)]
