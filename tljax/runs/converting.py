"""Converts a checkpoint to the names of another publisher, or to tljax's own."""

from typing import Any

from tljax import trees, weights

OURS = "ours"


def target(to: str, opened: weights.Pretrained) -> str:
    """The key table to write by: `to` if it is not empty; else ``"ours"`` for a publisher's file, and the only fitting family for ours.

    Raises:
      ValueError: an unknown family; or `to` is empty and no family, or more than one, fits.
    """
    if to or opened.report.family != "own":
        return to or OURS
    reasons = weights.families(opened.config)
    fit = [family for family, why in reasons.items() if not why]
    if len(fit) == 1:
        return fit[0]
    near = [why for why in reasons.values() if "has no name" not in why]
    hint = f"one of {', '.join(fit)}" if fit else f"no family can hold it{': ' if near else ''}{'; '.join(near)}"
    raise ValueError(f"say in whose names {opened.config.model} is to be written, --to=FAMILY: {hint}")


def convert(path: str, to: str = "", out: str = "", *, dry_run: bool = False, num_classes: int = 0, family: str = "") -> dict[str, Any]:
    """Convert a checkpoint.

    Args:
      path: any file, folder or repository that `weights.open` takes.
      to: key table to write by, ``"ours"``, or ``""`` (see `target`).
      out: the folder to write.
      dry_run: report only, write nothing.
      num_classes: of a new head, for a file without one; 0: no head is added.
      family: the key table to read by; ``""``: recognized from names and shapes.

    Returns:
      ``{report, config, to, arrays, bytes}``: the `weights.LoadReport`, the `PretrainedConfig` that was read or written, the key table, the
      number of arrays and their size.

    Raises:
      ValueError, KeyError, OSError: as `weights.open`, `weights.export` and `weights.save`; no `out`.
    """
    if not out and not dry_run:
        raise ValueError("say where to write, --out=FOLDER, or --dry_run")
    overrides: dict[str, Any] = {"num_classes": num_classes} if num_classes else {}
    opened = weights.open(path, family=family, **overrides)
    to, config = target(to, opened), opened.config
    if to == OURS:
        arrays = trees.flatten(opened.variables)
        config = config if dry_run else weights.save(out, opened.variables, config)
    else:
        arrays = weights.export(opened.variables, config, to)
        config = config if dry_run else weights.save_foreign(out, opened.variables, config, to)
    size = sum(a.nbytes for a in arrays.values())
    return {"report": opened.report, "config": config, "to": to, "arrays": len(arrays), "bytes": size}
