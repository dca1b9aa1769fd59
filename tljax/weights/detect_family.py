"""`detect_family`: the family that a file's names and shapes belong to, or an error with the nearest one and the difference."""

import difflib
from collections.abc import Mapping
from typing import Any

from tljax.weights.keymap import Keymap, Shapes, covers, keymaps, table, translate

SHOWN, FAMILIES = 5, 3
"""How many names, and how many equally near families, an error lists."""

_PROVOKED = (TypeError, LookupError, ArithmeticError, AttributeError)
"""Errors that a table may raise on shapes or JSON of another family."""


def detect_family(shapes: Shapes, family: str = "", hf_config: Mapping[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
    """Finds the first family whose table covers all names and accepts shapes and JSON; returns its name and the fields.

    Args:
      shapes: the file's names and shapes.
      family: the only one that is tried; empty: all.
      hf_config: the content of the ``config.json`` that the publisher put beside the file, if any.

    Raises:
      ValueError: no family; the nearest one, what differs, and some of the file's names. An unknown `family`; near ones are named.
    """
    if family and family not in keymaps:
        near = difflib.get_close_matches(family, keymaps, n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(keymaps)}"
        raise ValueError(f"family={family!r}: {hint}")
    families = [family] if family else list(keymaps)
    for name in families:
        if covers(table(name), shapes):
            _, fields, differs = _tried(table(name), shapes, hf_config or {})
            if not differs:
                return name, fields
    nearest = [(share, name, differs) for name in families for share, _, differs in [_tried(table(name), shapes, hf_config or {})]]
    best = max(share for share, _, _ in nearest)
    if not best:
        raise ValueError(f"of no known family: none of its {len(shapes)} names fits any of {len(nearest)}; it holds {_some(list(shapes))}")
    equal = sorted((not _fits(table(name), shapes), name, differs) for share, name, differs in nearest if share == best)
    count = f"({round(best * len(shapes))} of {len(shapes)} names fit)"
    candidates = "; or ".join(f"{name} {count}, but {differs}" for _, name, differs in equal[:FAMILIES])
    raise ValueError(f"of no known family; nearest is {candidates}; it holds {_some(list(shapes)[:FAMILIES])}, ...")


def _tried(keymap: Keymap, shapes: Shapes, hf_config: Mapping[str, Any]) -> tuple[float, dict[str, Any], str]:
    """Returns the share of names that fit, the fields, and the difference, "" if there is none."""
    names = translate(keymap, shapes)
    share = 1 - len(names.unknown) / len(shapes) if names.known else 0.0
    if names.unknown or not names.known:
        return share, {}, f"not its names: {_some(names.unknown)}"
    try:
        return share, keymap.apply_hf_config(keymap.infer(shapes), hf_config), ""
    except ValueError as e:
        return share, {}, str(e)
    except _PROVOKED as e:
        return share, {}, f"its shapes, or the config.json beside it, are none of that family's ({type(e).__name__}: {e})"


def _fits(keymap: Keymap, shapes: Shapes) -> bool:
    """Returns True if the shapes are the family's, whatever other names the file has."""
    try:
        return bool(keymap.infer(shapes))
    except (ValueError, *_PROVOKED):
        return False


def _some(names: Any) -> str:
    return ", ".join(ascii(n)[1:-1] for n in names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
