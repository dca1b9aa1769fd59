"""`Keymap`: one family's table from a checkpoint's names to our paths, and the transforms between the two layouts."""

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tljax.registry import Registry
from tljax.weights.config import PretrainedConfig

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Transform:
    """A change of layout as a pair: `forward` takes the file's array to ours, `backward` takes ours to the file's."""

    name: str
    ndim: int | None
    forward: Callable[[np.ndarray], np.ndarray]
    backward: Callable[[np.ndarray], np.ndarray]


def _transposed(name: str, axes: tuple[int, ...]) -> Transform:
    back = tuple(int(i) for i in np.argsort(axes))
    return Transform(name, len(axes), lambda a: a.transpose(axes), lambda a: a.transpose(back))


IDENTITY = Transform("", None, lambda a: a, lambda a: a)
CONV = _transposed("conv OIHW -> HWIO", (2, 3, 1, 0))
DEPTHWISE_KERAS = _transposed("depthwise HWCM -> HWMC", (0, 1, 3, 2))
POINTWISE_HEAD = Transform("1x1 convolution -> linear", 4, lambda a: a.reshape(a.shape[2:]), lambda a: a[None, None])
LINEAR = _transposed("linear [out, in] -> [in, out]", (1, 0))


def part(i: int, count: int, then: Transform) -> Transform:
    """Part `i` of a tensor that holds `count` equal parts along its first axis, and `then` on it.

    `backward` gives that part; the file's tensor is the parts of all the rule's targets, concatenated in their order.
    """

    def forward(a: np.ndarray) -> np.ndarray:
        size = len(np.atleast_1d(a))  # a scalar, or a size that does not divide, shows in the comparison of shapes
        return then.forward(np.atleast_1d(a)[size * i // count : size * (i + 1) // count])

    return Transform(f"part {i + 1} of {count}, {then.name}".removesuffix(", "), then.ndim, forward, then.backward)


Target = tuple[str, Transform]
"""A path (in rules: its template) and the transform that fills it."""


@dataclass(frozen=True)
class Keymap:
    r"""The key table of one family of checkpoints.

    Attributes:
      family: its name.
      rules: regex of a whole name in the file -> (template of our path, transform); a tuple of such pairs where one tensor fills several
        leaves (see `part`). The first match wins. A template begins with ``params/`` or ``batch_stats/`` and refers to groups as in
        `re.Match.expand`. Outside its groups a regex is a literal (``\.`` for a dot), and groups do not nest, so that each rule also reads
        backwards (`file_names`).
      infer: names and shapes of the file -> the fields `model`, `num_classes` (0: no head), `in_channels` and, where shapes tell it,
        `input_size` of its `PretrainedConfig`. Raises ValueError with the first difference where the architecture is another one.
      config: the fields of `infer` -> the config assumed for a file without one of ours.
      ignored: regexes of names that hold no parameter of our models.
      apply_hf_config: the fields of `infer`, and the publisher's ``config.json`` ({}: none) -> the fields with what no shape tells (the
        number of heads, an epsilon). Raises ValueError where the two contradict each other.
      complete_state_dict: for export: config and arrays by name -> the arrays, and those that only a strict load by the publisher's code
        needs, such as a tied weight stored twice.
      to_hf_config: for export: config and shapes -> the content of the publisher's JSON files by file name, which `apply_hf_config` reads.
      rename: all names of the file -> the names in `rules`, where these depend on the file as a whole (`rules.keras.counted`); names that
        it leaves out stay.
      rename_back: for export: all names of a model in `rules` -> those of the file, for names that `rename` changes for good
        (`rules.numbered_layers`).
      optional: regexes of paths, such as ``params/backbone/pooler/.*``, that a model may lack although the file fills them.
    """

    family: str
    rules: Mapping[str, Target | tuple[Target, ...]]
    infer: Callable[[Shapes], dict[str, Any]]
    config: Callable[[dict[str, Any]], PretrainedConfig]
    ignored: tuple[str, ...] = ()
    apply_hf_config: Callable[[dict[str, Any], Mapping[str, Any]], dict[str, Any]] = lambda fields, _: fields
    complete_state_dict: Callable[[PretrainedConfig, dict[str, np.ndarray]], dict[str, np.ndarray]] = lambda _, arrays: arrays
    to_hf_config: Callable[[PretrainedConfig, Shapes], dict[str, dict[str, Any]]] = lambda config, _: {}
    rename: Callable[[Iterable[str]], Mapping[str, str]] = lambda _: {}
    rename_back: Callable[[Iterable[str]], Mapping[str, str]] = lambda _: {}
    optional: tuple[str, ...] = ()

    @functools.cached_property
    def forwards(self) -> tuple[dict[str, int], tuple[tuple[int, re.Pattern[str]], ...], tuple[tuple[Target, ...], ...]]:
        """The rules compiled: names without groups -> rule number, (number, regex) of the others, and each rule's targets."""
        plain: dict[str, int] = {}
        regexes = []
        for number, regex in enumerate(self.rules):
            if re.fullmatch(r"(?:\\\W|[\w/-])*", regex):
                plain.setdefault(re.sub(r"\\(\W)", r"\1", regex), number)
            else:
                regexes.append((number, re.compile(regex)))
        return plain, tuple(regexes), tuple(_targets(rule) for rule in self.rules.values())

    @functools.cached_property
    def backwards(self) -> tuple[tuple[re.Pattern[str], str, re.Pattern[str]], ...]:
        """Per target: the regex of its paths, the template of its names, and the rule's own regex."""
        return tuple(_reversed(regex, template) for regex, rule in self.rules.items() for template, _ in _targets(rule))


keymaps = Registry("key table", package="tljax.zoo", module="keymaps")
"""The tables by name; ``zoo/<family>/keymaps.py`` registers factories ``() -> Keymap``, one per publisher."""


@functools.cache
def table(family: str) -> Keymap:
    """The key table of a family, compiled once. Raises KeyError: unknown."""
    return keymaps[family]()


@dataclass(frozen=True)
class Translation:
    """File names sorted by what a keymap says of them: `known` maps name -> its (path, transform) pairs."""

    known: dict[str, tuple[Target, ...]]
    ignored: tuple[str, ...]
    unknown: tuple[str, ...]


def translate(keymap: Keymap, names: Iterable[str]) -> Translation:
    """Apply the table to a file's names."""
    known: dict[str, tuple[Target, ...]] = {}
    ignored: list[str] = []
    unknown: list[str] = []
    names = list(names)
    renamed = keymap.rename(names)
    for name in names:
        if targets := _first(keymap, renamed.get(name, name)):
            known[name] = targets
        else:
            (ignored if _is_ignored(keymap, name) else unknown).append(name)
    return Translation(known, tuple(ignored), tuple(unknown))


def covers(keymap: Keymap, names: Iterable[str]) -> bool:
    """Return True if the table knows or ignores every name; stops at the first that it does not."""
    names = list(names)
    renamed = keymap.rename(names)
    return all(_first(keymap, renamed.get(name, name)) or _is_ignored(keymap, name) for name in names)


def _is_ignored(keymap: Keymap, name: str) -> bool:
    return any(re.fullmatch(regex, name) for regex in keymap.ignored)


def _first(keymap: Keymap, name: str) -> tuple[Target, ...]:
    """The targets of the first rule whose regex fits `name`; () : none does."""
    plain, regexes, targets = keymap.forwards
    literal = plain.get(name, len(targets))
    for number, regex in regexes:
        if number > literal:
            break
        if match := regex.fullmatch(name):
            return tuple((match.expand(template), transform) for template, transform in targets[number])
    return targets[literal] if literal < len(targets) else ()


def file_names(keymap: Keymap, paths: Iterable[str]) -> dict[str, str | None]:
    """Returns the names that a model's paths have in a file of this family; None where the table does not lead to a path.

    Args:
      keymap: the table.
      paths: all paths of the model, for names may depend on the whole.
    """
    names = {path: _name_in_rules(keymap, path) for path in paths}
    renamed = keymap.rename_back([name for name in names.values() if name is not None])
    return {path: name and renamed.get(name, name) for path, name in names.items()}


def _name_in_rules(keymap: Keymap, path: str) -> str | None:
    for paths, name_template, names in keymap.backwards:
        match = paths.fullmatch(path)
        if match and names.fullmatch(name := match.expand(name_template)):
            return name
    return None


def _targets(rule: Target | tuple[Target, ...]) -> tuple[Target, ...]:
    return (rule,) if isinstance(rule[0], str) else rule  # type: ignore[return-value]


def _reversed(regex: str, template: str) -> tuple[re.Pattern[str], str, re.Pattern[str]]:
    groups = re.findall(r"\(([^()]*)\)", regex)
    path_regex = re.sub(r"\\\\(\d)", lambda m: f"(?P<g{m[1]}>{groups[int(m[1]) - 1]})", re.escape(template))
    numbers = iter(range(1, len(groups) + 1))
    name_template = re.sub(r"\([^()]*\)", lambda _: f"\\g<g{next(numbers)}>", regex)
    return re.compile(path_regex), re.sub(r"\\(\W)", r"\1", name_template), re.compile(regex)
