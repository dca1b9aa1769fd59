"""`load`: a weight file put into a given model's variables, strict both ways."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tljax import models, trees
from tljax.weights import adapt, config, restore
from tljax.weights.keymap import Keymap, Translation, file_names, keymaps, table, translate
from tljax.weights.read import StrPath, locate, read_hashed

LISTED = 20
"""How many names of each kind an error lists."""


@dataclass(frozen=True)
class LoadReport:
    """Result of a load, path by path.

    Attributes:
      file: the file that was read.
      family: the key table that fitted.
      loaded: paths filled from the file.
      reshaped: of these, path -> the rules that changed the layout or the shape.
      new: paths newly initialized -> the rule.
      ignored: the file's names that were left out -> the reason.
      config: where the `PretrainedConfig` came from (`weights.open`).
    """

    file: str
    family: str
    loaded: tuple[str, ...]
    reshaped: Mapping[str, str]
    new: Mapping[str, str]
    ignored: Mapping[str, str]
    config: str = ""

    def __str__(self) -> str:
        lines = [f"{self.file}: {len(self.loaded)} loaded, {len(self.new)} new, {len(self.ignored)} ignored (key table: {self.family})"]
        for title, rules in (("reshaped", self.reshaped), ("new", self.new), ("ignored", self.ignored)):
            for rule in dict.fromkeys(rules.values()):
                names = [name for name, r in rules.items() if r == rule]
                some = f"{names[0]}, {names[1]}, ..., {names[-1]}" if len(names) > 3 else ", ".join(names)
                lines.append(f"  {title} by '{rule}': {len(names)} ({some})")
        return "\n".join([*lines, f"  config: {self.config}"] if self.config else lines)


def load(
    path: StrPath,
    model: models.TransferModel,
    key: jax.Array | None = None,
    *,
    head: str = "auto",
    sha256: str = "",
    only: Sequence[str] = (),
    fresh: Sequence[str] = (),
) -> tuple[dict[str, Any], LoadReport]:
    """Fill `model`'s variables from a weight file; every leaf comes from the file or is named in the report.

    The key table is the one whose paths fit the model best. Shapes are compared before anything is computed. Three differences are adapted,
    by the rules of `adapt.new_head`, `adapt.fold_channels` and `adapt.resample_position`; every other one is an error. Floating leaves are
    cast to the model's dtype.

    Args:
      path: as in `weights.read`.
      model: what is filled.
      key: for leaves newly initialized by `models.init` (default: ``jax.random.key(0)``).
      head: ``"auto"``, ``"new"`` or ``"load"``, see `adapt.new_head`.
      sha256: the expected hash; default: the one recorded in a config beside the file, if any.
      only: regexes (`re.fullmatch`) over paths without ``params/`` or ``batch_stats/``, such as ``backbone/stage1/.*``: what they match is
        taken from the file, everything else is newly initialized, whether the file has it or not; names that the key table does not know
        are left out too. (): everything is taken.
      fresh: regexes of what is newly initialized although the file, and `only`, have it.

    Returns:
      ``{"params": ..., "batch_stats": ...}`` of jax arrays, and the report.

    Raises:
      FileNotFoundError, ValueError: as `weights.read`.
      ValueError: names or shapes that do not fit, listed as `` - missing``, `` + unexpected``, `` ! mismatched``; a value that is NaN or
        infinite, or no floating number where one is wanted.
      ValueError: a regex that matches no leaf of the model, with the nearest names; `only` and `fresh` that take nothing from the file.
    """
    file = locate(path)
    ours = config.find_config(file)
    arrays, _ = read_hashed(file, sha256 or (ours[0].sha256 if ours else ""))
    size = ours[0].input_size if ours else ()
    return fill(arrays, model, key=key, head=head, where=str(path), input_size=size, only=only, fresh=fresh)


def fill(
    arrays: Mapping[str, np.ndarray],
    model: models.TransferModel,
    key: jax.Array | None,
    head: str,
    where: str,
    *,
    input_size: tuple[int, ...] = (),
    family: str = "",
    only: Sequence[str] = (),
    fresh: Sequence[str] = (),
) -> tuple[dict[str, Any], LoadReport]:
    """Loads arrays that were read already, as `load` does.

    `where` names them in errors, `input_size` is the one they were made for, `family` theirs, if known.
    """
    expected = trees.flatten(models.shapes(model))
    rule = restore.rule(expected, only, fresh, where)
    keymap, names = (table(family), translate(table(family), arrays)) if family else _fitting(arrays, expected, where)
    ignored = dict.fromkeys(names.ignored, "holds nothing of the model's")
    if only:
        ignored |= dict.fromkeys(names.unknown, restore.outside(only))
        names = dataclasses.replace(names, unknown=())
    file_head, _, _ = _to_ours(arrays, _without(names, lambda path: not _is_head(path)))
    reason = adapt.new_head(_head(file_head), _head(expected), head)

    def why_new(path: str) -> str:
        return rule(path) or (f"models.init: {reason}" if reason and _is_head(path) else "")

    new = {path: why for path in expected if (why := why_new(path))}
    if new.keys() == expected.keys():
        raise ValueError(f"{where}: nothing would be taken from it with only={list(only)}, fresh={list(fresh)}, head={head!r}")
    for name, pairs in names.known.items():
        if all(why_new(path) for path, _ in pairs):
            ignored[name] = why_new(pairs[0][0]).replace("models.init:", "head:", 1)
    names = _without(names, lambda path: bool(why_new(path)))
    filled, reshaped, problems = _to_ours(arrays, names)
    unread = {path for path in filled if path not in expected and any(re.fullmatch(regex, path) for regex in keymap.optional)}
    filled = {path: a for path, a in filled.items() if path not in unread}
    ignored |= {name: "the model has no such part" for name, pairs in names.known.items() if {path for path, _ in pairs} <= unread}
    _fold_stem(filled, expected, model, reshaped)
    _resample_position(filled, expected, model, size=input_size, reshaped=reshaped)
    problems += _differences(filled, {p: s for p, s in expected.items() if p not in new}, keymap)
    problems += [f" + {ascii(name)[1:-1]}" for name in names.unknown]
    if problems:
        raise ValueError(_listed(problems, where, keymap))
    leaves = {path: _leaf(path, a, expected[path], where) for path, a in filled.items()}
    if new:
        leaves |= trees.flatten(models.init(model, jax.random.key(0) if key is None else key, new))
    _check(leaves, expected)
    variables: dict[str, Any] = {"params": {}, "batch_stats": {}} | trees.unflatten({path: leaves[path] for path in expected})
    reshaped = {path: rule for path, rule in reshaped.items() if path in filled}
    return variables, LoadReport(
        file=where, family=keymap.family, loaded=tuple(p for p in expected if p in filled), reshaped=reshaped, new=new, ignored=ignored
    )


def _fitting(arrays: Mapping[str, Any], expected: Mapping[str, Any], where: str) -> tuple[Keymap, Translation]:
    """The table that fills most of the model; of several the one that knows most names, of these one whose `infer` takes the file."""
    scored = []
    for family in keymaps:
        keymap = table(family)
        names = translate(keymap, arrays)
        fits = len({path for pairs in names.known.values() for path, _ in pairs} & expected.keys())
        scored.append((fits, -len(names.unknown), keymap, names))
    best = max(score[:2] for score in scored)
    if not best[0]:
        raise ValueError(
            f"{where}: none of its {len(arrays)} names leads to a parameter of the model in any of {len(scored)} families;"
            f" it begins with {', '.join(ascii(n)[1:-1] for n in list(arrays)[:4])}"
        )
    equal = [(keymap, names) for *score, keymap, names in scored if tuple(score) == best]
    return next((pair for pair in equal if len(equal) > 1 and _accepts(pair[0], arrays)), equal[0])


def _accepts(keymap: Keymap, arrays: Mapping[str, Any]) -> bool:
    try:
        keymap.infer({name: a.shape for name, a in arrays.items()})
    except ValueError:
        return False
    return True


def _without(names: Translation, left_out: Callable[[str], bool]) -> Translation:
    """`names` without the paths that are left out, and without the names that then lead nowhere."""
    known = {name: tuple(pair for pair in pairs if not left_out(pair[0])) for name, pairs in names.known.items()}
    return dataclasses.replace(names, known={name: pairs for name, pairs in known.items() if pairs})


def _to_ours(arrays: Mapping[str, np.ndarray], names: Translation) -> tuple[dict[str, np.ndarray], dict[str, str], list[str]]:
    filled: dict[str, np.ndarray] = {}
    reshaped: dict[str, str] = {}
    problems = []
    for name, (path, transform) in ((name, pair) for name, pairs in names.known.items() for pair in pairs):
        a = arrays[name]
        if path in filled:  # a tied weight, stored once more, does no harm
            if transform.ndim not in (None, a.ndim) or not np.array_equal(transform.forward(a), filled[path]):
                problems.append(f" + {name} (a second tensor for {path})")
        elif transform.ndim not in (None, a.ndim):
            problems.append(f" ! {path} ({name}): got shape {a.shape}, wanted {transform.ndim} axes ({transform.name})")
        else:
            filled[path] = transform.forward(a)
            if transform.name:
                reshaped[path] = transform.name
    return filled, reshaped, problems


def _is_head(path: str) -> bool:
    return path.split("/")[1] == "head"


def _head(leaves: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {path: tuple(leaf.shape) for path, leaf in leaves.items() if _is_head(path)}


def _fold_stem(filled: dict[str, np.ndarray], expected: Mapping[str, Any], model: models.TransferModel, reshaped: dict[str, str]) -> None:
    channels = {spec.shape[-1] for spec in model.input_spec.values() if len(spec.shape) == 3}
    for path, a in filled.items():
        if not path.startswith(f"params/backbone/{model.stages[0]}/") or path not in expected:
            continue
        have, want = a.shape, tuple(expected[path].shape)
        same = len(have) == len(want) == 4 and have[:2] + have[3:] == want[:2] + want[3:]
        if same and have[2] != want[2] and have[2] and want[2] in channels:
            filled[path] = adapt.fold_channels(np.asarray(a, np.float32) if _is_float(a) else a, want[2])
            reshaped[path] = "; ".join(filter(None, (reshaped.get(path), adapt.channel_rule(have[2], want[2]))))


def _resample_position(
    filled: dict[str, np.ndarray], expected: Mapping[str, Any], model: models.TransferModel, size: tuple[int, ...], reshaped: dict[str, str]
) -> None:
    path, kernel = (f"params/backbone/{model.stages[0]}/{leaf}" for leaf in ("position", "proj/kernel"))  # the kernel may be left out
    if path not in filled or not {path, kernel} <= expected.keys():
        return
    have, want, patch = filled[path].shape, tuple(expected[path].shape), expected[kernel].shape[0]
    if len(have) != 3 or have[1] < 2 or (have[0], have[2]) != (1, want[2]):
        return
    if kernel in filled and filled[kernel].shape[:2] != (patch, patch):
        return
    if have == want and not size:
        return  # as many patches, and nothing says that they were arranged in another way
    height, width = model.input_spec["x"].shape[:2]
    new = (height // patch, width // patch)
    learned = want[1] - new[0] * new[1]  # tokens before the patches
    old = adapt.patch_grid(have[1] - learned, size, patch) if learned >= 0 and have[1] > learned else None
    if old and old != new and _is_float(filled[path]):
        filled[path] = adapt.resample_position(filled[path], old, new)
        reshaped[path] = "; ".join(filter(None, (reshaped.get(path), adapt.position_rule(old, new))))


def _differences(filled: Mapping[str, np.ndarray], expected: Mapping[str, Any], keymap: Keymap) -> list[str]:
    """Lists missing, unexpected and mismatched paths, each with its name in the file."""
    missing, unexpected = [path for path in expected if path not in filled], [path for path in filled if path not in expected]
    mismatched = {}
    for path in (path for path in expected if path in filled):
        array, leaf = filled[path], expected[path]
        if array.shape != tuple(leaf.shape):
            mismatched[path] = f"got shape {array.shape}, wanted {tuple(leaf.shape)}"
        elif _is_float(leaf) and not _is_float(array):
            mismatched[path] = f"got {array.dtype}, wanted {leaf.dtype}"
    if not (missing or unexpected or mismatched):
        return []
    names = file_names(keymap, filled) | file_names(keymap, expected)
    both = {path: path if name in (None, path) else f"{path} ({name})" for path, name in names.items()}
    lines = [f" - {both[path]}" for path in missing] + [f" + {both[path]}" for path in unexpected]
    return lines + [f" ! {both[path]}: {difference}" for path, difference in mismatched.items()]


def _listed(problems: list[str], where: str, keymap: Keymap) -> str:
    kinds = {"-": "missing", "+": "unexpected", "!": "mismatched"}
    counts = ", ".join(f"{n} {text}" for sign, text in kinds.items() if (n := sum(p[1] == sign for p in problems)))
    shown = [line for sign in kinds for line in [p for p in problems if p[1] == sign][:LISTED]]
    more = [f"   and {len(problems) - len(shown)} more"] if len(problems) > len(shown) else []
    if any(" params/head/" in p for p in problems):
        more.append("   (head='new' leaves the file's head out and initializes the model's)")
    return "\n".join([f"{where}: does not fit the model (key table: {keymap.family}): {counts}", *shown, *more])


def _is_float(leaf: Any) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jnp.floating))


def _leaf(path: str, value: np.ndarray, want: jax.ShapeDtypeStruct, where: str) -> jax.Array:
    with np.errstate(over="ignore", invalid="ignore"):
        cast = np.ascontiguousarray(value, dtype=want.dtype).reshape(value.shape)
    if _is_float(want) and not np.isfinite(cast.astype(np.float32)).all():
        raise ValueError(f"{where}: {path} holds NaN or infinity")
    return jnp.array(cast)


def _check(leaves: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    for path, want in expected.items():
        leaf = leaves.get(path)
        if not isinstance(leaf, jax.Array) or leaf.shape != tuple(want.shape) or leaf.dtype != want.dtype:
            raise ValueError(f"{path} was not filled: {type(leaf).__name__}, wanted {want}")
