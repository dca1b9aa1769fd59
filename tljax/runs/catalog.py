"""The catalog of backbones: size, cost, and addresses of published weights."""

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
    """Every registered backbone with its default arguments, and the variants with published weights, in natural order.

    Args:
      search: text that has to occur in the name, or in the publisher, address, training data or license of published weights; case is
        ignored.

    Raises:
      ValueError: nothing matches; the nearest words are named.
    """
    texts = {name: [name] for name in sorted({*backbones, *(entry.model for entry in published())}, key=_natural)}
    for entry in published():
        texts[entry.model] += [entry.name, entry.where, entry.trained_on, entry.license]
    matches = [name for name, searched in texts.items() if any(search.lower() in text.lower() for text in searched)]
    if not matches:
        searched = [text for row in texts.values() for text in row]
        words = {word.lower(): word for text in searched for word in (text, *re.findall(r"[\w.-]+", text))}
        near = [words[word] for word in difflib.get_close_matches(search.lower(), words, n=5, cutoff=0.5)]
        hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(texts)}"
        raise ValueError(f"--search={search}: no backbone, publisher or license matches; {hint}")
    return matches


def describe(name: str, cost: dict[str, Any]) -> dict[str, Any]:
    """A row of the catalog: ``{name, parameters, flops, features, input, stages, weights}``; `cost` is that of `model_stats.cost`."""
    entries = [entry for entry in published() if entry.model == name]
    rows = [{"name": e.name, "where": e.where, "license": e.license, "trained_on": e.trained_on} for e in entries]
    return {"name": name} | cost | {"weights": rows}


def catalog(search: str = "", sort: str = "name", classes: int = 0) -> list[dict[str, Any]]:
    """The rows of `describe` for all `names` that match `search`, sorted by the key `sort` of `SORTS`."""
    rows = [describe(name, cost) for name, cost in model_stats.costs(names(search), classes).items()]
    return sorted(rows, key=SORTS[sort])


def report(rows: Sequence[dict[str, Any]], stages: bool = False, markdown: bool = False, classes: int = 0) -> str:
    """Two tables as text: the models, then their published weights."""
    form = table.markdown if markdown else table.text
    shown = [
        {
            "name": row["name"],
            "parameters": f"{row['parameters']:,}",
            "GFLOP": f"{row['flops'] / 1e9:.3g}",
            "input": _input(*row["input"]["x"]),
            "features": row["features"],
            "stages": f"{len(row['stages'])}{': ' + ' '.join(row['stages']) if stages else ''}",
            "weights": ", ".join(dict.fromkeys(entry["name"].split()[0] for entry in row["weights"])),
        }
        for row in rows
    ]
    head = f"with a linear head of {classes} classes" if classes else "without head"
    note = (
        f"Of one forward pass of one example, {head}. GFLOP is XLA's count: a multiplication and the addition after it are two operations, "
        "and multiplications with padding do not count."
    )
    entries = [{"model": row["name"]} | entry for row in rows for entry in row["weights"]]
    parts = [form(shown, list(shown[0])), note, form(entries, ["model", "name", "trained_on", "license", "where"]) if entries else ""]
    return "\n\n".join(part for part in parts if part)


def _input(shape: list[int], dtype: str) -> str:
    return f"{shape[0]} tokens" if dtype.startswith("int") else " x ".join(map(str, shape))


def _natural(name: str) -> list[tuple[float, str]]:
    return [(float(part) if part[:1].isdigit() else -1.0, part) for part in re.split(r"(\d+(?:\.\d+)?)", name)]
