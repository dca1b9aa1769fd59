"""The path language: a parameter is named ``backbone/stage2/block0/conv1/kernel`` and selected by ordered ``(regex, value)`` rules."""

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

Tree = dict[str, Any]
Rules = Sequence[tuple[str, Any]]


def part_prefix(part: str) -> str:
    """The beginning of the paths of a part: ``"head/"`` for the head, ``"backbone/stage2/"`` for the stage ``stage2``."""
    return "head/" if part == "head" else f"backbone/{part}/"


def flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dict -> ``{path: leaf}`` in the tree's order; empty dicts are dropped. Keys are strings without ``/``.

    Raises:
      ValueError: a key that is not a string, is empty or holds a ``/``.
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if not isinstance(key, str) or not key or "/" in key:
            raise ValueError(f"{key!r} cannot be a key of a parameter tree: use a non-empty string without '/'")
        if isinstance(value, Mapping):
            flat.update({f"{key}/{path}": leaf for path, leaf in flatten(value).items()})
        else:
            flat[key] = value
    return flat


def unflatten(flat: Mapping[str, Any]) -> Tree:
    """The inverse of `flatten`.

    Raises:
      ValueError: a path that is both a leaf and the start of another path.
    """
    tree: Tree = {}
    for path, leaf in flat.items():
        *parents, last = path.split("/")
        node = tree
        for key in parents:
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise ValueError(f"{path!r} runs through a leaf")
        if last in node:
            raise ValueError(f"{path!r} is both a leaf and a branch")
        node[last] = leaf
    return tree


def label(params: Mapping[str, Any], rules: Rules) -> Tree:
    """Label each leaf with the value of the first rule whose regex matches its whole path; the result has `params`' structure.

    Args:
      params: nested dict of parameters (any leaves).
      rules: ordered ``(regex, value)``; `re.fullmatch`, first match wins.

    Raises:
      ValueError: a parameter that no rule covers; a rule that wins no parameter (a closing ``.*`` excepted); a broken regex.
    """
    paths = list(flatten(params))
    matchers = [_compile(regex) for regex, _ in rules]
    winners = {path: next((i for i, m in enumerate(matchers) if m.fullmatch(path)), None) for path in paths}
    uncovered = [path for path, i in winners.items() if i is None]
    if uncovered:
        raise ValueError(f"no rule covers {_some(uncovered)}; rules: {[r for r, _ in rules]}")
    won = set(winners.values())
    for i, (regex, _) in enumerate(rules):
        if i not in won and not (regex == ".*" and i == len(rules) - 1):
            raise ValueError(f"the rule {regex!r} wins no parameter{_why(regex, matchers[i], paths)}")
    return unflatten({path: rules[i][1] for path, i in winners.items() if i is not None})


def split(params: Mapping[str, Any], labels: Mapping[str, Any], frozen: Collection[Any]) -> tuple[Tree, Tree]:
    """``(trainable, frozen)``: each leaf goes into one of two trees, into the second where its label is in `frozen`.

    Raises:
      ValueError: `labels` has another structure than `params`.
    """
    flat, names = flatten(params), flatten(labels)
    if flat.keys() != names.keys():
        raise ValueError(f"labels and parameters need the same paths; only one of the two has {_some(sorted(flat.keys() ^ names.keys()))}")
    return (
        unflatten({path: leaf for path, leaf in flat.items() if names[path] not in frozen}),
        unflatten({path: leaf for path, leaf in flat.items() if names[path] in frozen}),
    )


def merge(*parts: Mapping[str, Any]) -> Tree:
    """Join trees without common leaves; keys come out sorted, so the order of `parts` does not matter.

    Raises:
      ValueError: two parts hold the same leaf.
    """
    flat: dict[str, Any] = {}
    for part in parts:
        leaves = flatten(part)
        twice = sorted(flat.keys() & leaves.keys())
        if twice:
            raise ValueError(f"two of the trees to merge hold {_some(twice)}")
        flat.update(leaves)
    return unflatten(dict(sorted(flat.items())))


def subset(params: Mapping[str, Any], patterns: Sequence[str]) -> Tree:
    """The leaves whose whole path matches one of the regexes `patterns`. Raises ValueError for a pattern that matches none."""
    flat = flatten(params)
    paths: set[str] = set()
    for regex in patterns:
        matcher = _compile(regex)
        matches = {path for path in flat if matcher.fullmatch(path)}
        if not matches:
            raise ValueError(f"the pattern {regex!r} matches no parameter{_why(regex, matcher, list(flat))}")
        paths |= matches
    return pick(params, paths)


def pick(tree: Mapping[str, Any], paths: Collection[str]) -> Tree:
    """The leaves of `tree` at `paths`; paths that it lacks are ignored."""
    return unflatten({path: leaf for path, leaf in flatten(tree).items() if path in paths})


def drop(tree: Mapping[str, Any], paths: Collection[str]) -> Tree:
    """The leaves of `tree` that are not at `paths`."""
    return unflatten({path: leaf for path, leaf in flatten(tree).items() if path not in paths})


def size(tree: Mapping[str, Any]) -> int:
    """The number of elements in all leaves."""
    return sum(int(leaf.size) for leaf in flatten(tree).values())


def nbytes(tree: Mapping[str, Any]) -> int:
    """The bytes of all leaves (arrays or `jax.ShapeDtypeStruct`)."""
    return sum(int(leaf.size) * leaf.dtype.itemsize for leaf in flatten(tree).values())


def describe(params: Mapping[str, Any], groups: Mapping[str, Any] | None = None, *, leaves: bool = True, stages: Sequence[str] = ()) -> str:
    """The parameter table as text: path, shape, dtype, group, rate, bytes; summed by stage.

    Args:
      params: nested dict of arrays or shapes.
      groups: tree of `params`' structure, whose leaves are names or `strategies.Group`.
      leaves: list every leaf; False: only the sum of each stage (the path's first two keys).
      stages: of the backbone, from input to output (`model.stages`), in whose order its rows stand; (): in the order of `params`.
    """
    flat = flatten(params)
    names = flatten(groups) if groups is not None else dict.fromkeys(flat, "")
    rows = [("path", "shape", "dtype", "group", "rate", "bytes")]
    by_stage: dict[str, list[str]] = {f"backbone/{stage}": [] for stage in stages}
    for path in flat:
        by_stage.setdefault("/".join(path.split("/")[: 2 if path.startswith("backbone/") else 1]), []).append(path)
    for stage, paths in by_stage.items():
        if not paths:
            continue
        if leaves:
            rows += [(p, str(tuple(flat[p].shape)), str(flat[p].dtype), *_group(names[p]), f"{nbytes({'x': flat[p]}):,}") for p in paths]
        of_stage = {str(i): flat[p] for i, p in enumerate(paths)}
        kinds = sorted({_group(names[p]) for p in paths})
        rows.append(
            (
                f"= {stage}",
                f"{size(of_stage):,} in {len(paths)}",
                "",
                ", ".join(dict.fromkeys(k[0] for k in kinds)),
                ", ".join(dict.fromkeys(k[1] for k in kinds)),
                f"{nbytes(of_stage):,}",
            )
        )
    rows.append(("= all", f"{size(params):,} in {len(flat)}", "", "", "", f"{nbytes(params):,}"))
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _group(value: Any) -> tuple[str, str]:
    if hasattr(value, "frozen"):
        return ("frozen", "0") if value.frozen else ("trained", f"{value.lr_scale:g}")
    return str(value), ""


def _compile(regex: str) -> re.Pattern[str]:
    try:
        return re.compile(regex)
    except re.error as e:
        raise ValueError(f"{regex!r} is not a regular expression: {e}") from None


def _why(regex: str, matcher: re.Pattern[str], paths: list[str]) -> str:
    shadowed = [p for p in paths if matcher.fullmatch(p)]
    if shadowed:
        return f": earlier rules already took {_some(shadowed)}"
    near = difflib.get_close_matches(regex, paths, n=3, cutoff=0.0)
    return f"; nearest names: {', '.join(near)}" if near else "; there are no parameters"


def _some(paths: Sequence[str], n: int = 5) -> str:
    more = f" and {len(paths) - n} more" if len(paths) > n else ""
    return ", ".join(paths[:n]) + more
