"""Selects the leaves that a load takes from the file, by regexes over their paths."""

import re
from collections.abc import Callable, Iterable, Sequence

from tljax import trees

Rule = Callable[[str], str]
"""A leaf's path, such as ``params/backbone/stem/conv/kernel`` -> why it is not taken from the file; "": it is."""


def rule(paths: Iterable[str], only: Sequence[str], fresh: Sequence[str], where: str) -> Rule:
    """The rule that the arguments `only` and `fresh` of `weights.load` make for a model.

    Args:
      paths: of all of the model's leaves.
      only: as in `weights.load`.
      fresh: as in `weights.load`.
      where: names the file in errors.

    Raises:
      ValueError: a text instead of a list; a broken regex; one that matches no leaf of the model, with the nearest names.
    """
    leaves = trees.unflatten(dict.fromkeys(map(_short, paths)))
    for name, patterns in (("only", only), ("fresh", fresh)):
        if isinstance(patterns, str):
            raise ValueError(f"{where}: {name}={patterns!r} is a text, expected a list of regexes: {name}=[{patterns!r}]")
        try:
            trees.subset(leaves, patterns)
        except ValueError as e:
            raise ValueError(f"{where}: {name}: {e}") from None
    matchers = {name: [(regex, re.compile(regex)) for regex in patterns] for name, patterns in (("only", only), ("fresh", fresh))}

    def why(path: str) -> str:
        if regex := next((regex for regex, matcher in matchers["fresh"] if matcher.fullmatch(_short(path))), ""):
            return f"fresh={regex}"
        taken = not only or any(matcher.fullmatch(_short(path)) for _, matcher in matchers["only"])
        return "" if taken else outside(only)

    return why


def outside(only: Sequence[str]) -> str:
    """Reason in the report for a leaf that none of the regexes `only` matches."""
    return f"only={', '.join(only)} leaves it out"


def _short(path: str) -> str:
    """A path without ``params/`` or ``batch_stats/``, so that statistics go with their layer."""
    return path.partition("/")[2]
