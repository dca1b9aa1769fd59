"""The end of a run in words: a short table, and whether it beats always giving the most frequent class."""

import re
from collections.abc import Mapping
from typing import Any

from tljax.metrics import standard_error
from tljax.report import table


def text(summary: Mapping[str, Any]) -> str:
    """The short table that a run ends with, and what selected.

    Args:
      summary: the content of `result.json`.
    """
    numbers = {name: f"{value:.4f}" for name, value in summary["metrics"].items() if isinstance(value, int | float)}
    row = {name: summary[name] for name in ("task", "strategy", "seed", "measured_on")} | numbers
    start, params = summary["selected_step"] == 0, summary["params"]
    row["trained"] = "none: step 0 was selected" if start else f"{params['trainable']:,}"
    row["frozen (of the model)"] = f"all {params['frozen']:,} unchanged" if start else f"{params['frozen']:,}"
    row["training seconds"] = summary["seconds"]
    lines = [table.text([row], list(row))]
    if "early" in summary["ended"]:
        lines.append(f"ended after {summary['steps']} steps by {summary['ended']}")
    if summary["selected_step"] == 0:
        lines.append("selected is the model before the first step: training did not improve its validation score")
    by = f" by {summary['selected_by']}" if summary["selected_by"] else ""
    lines.append(f"selected on {summary['selected_on']}{by}; one seed, so no spread: experiments.compare runs several")
    return "\n".join(lines)


def against_majority(summary: Mapping[str, Any], share: float) -> str:
    """One sentence: does the model beat always answering the training set's most frequent class, by more than chance?

    Args:
      summary: the content of `result.json` of a classification.
      share: how often that class is right on the split that was measured.
    """
    size = re.search(r"\((\d+) examples\)", summary["measured_on"])
    accuracy = summary["metrics"]["accuracy"]
    margin = 2 * standard_error(accuracy, int(size[1]) if size else 1)
    clear = "beats" if accuracy - margin > share else "does not clearly beat"
    numbers = f"{accuracy:.4f} ± {margin:.4f} (2 standard errors) against {share:.4f}"
    return f"the model {clear} the majority model: {numbers}, {summary['measured_on']}"
