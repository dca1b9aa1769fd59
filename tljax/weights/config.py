"""`PretrainedConfig`: everything about a checkpoint that its numbers do not tell, so that preprocessing cannot drift from weights."""

import dataclasses
import difflib
import json
import math
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tljax import registry
from tljax.weights import renamed

VERSION = 1
"""The value of the marker ``"tljax"`` in a config file; a ``config.json`` without the marker belongs to someone else and is not read."""

ORDERS = ("RGB", "BGR", "L")


@dataclass(frozen=True)
class PretrainedConfig:
    """Description of a pretrained model: how it is built and which inputs it expects.

    Attributes:
      model: call expression of the backbone for `models.create`.
      num_classes: outputs of the head.
      in_channels: channels of the input (of a vector: its length).
      input_size: (height, width) in pixels; (T,), the tokens that a text is cut or filled up to; () for vectors.
      mean: per channel, of inputs in [0, 1]; what is subtracted. () : nothing.
      std: per channel, of inputs in [0, 1]; what is divided by. () : nothing.
      channel_order: ``"RGB"``, ``"BGR"`` or ``"L"`` (one channel).
      crop_fraction: side of the central crop over the side of the resized image, in (0, 1].
      interpolation: how images are resized.
      labels: the classes' names in the head's order, or ().
      source: where the weights come from.
      sha256: of the weight file (`weights.sha256`).
      license: of the weights.
      head: call expression of the head for `models.create`.
      tokenizer: of texts: the path of a file as in `tokenizer_files`; in a config file, its name beside that file. Empty: no texts.
      task: what the outputs mean: a call expression of a task, such as ``"classification"`` or ``"regression(mean=(0.5,), std=(2.0,))"``;
        it is not evaluated in this room. Empty: nothing says it.

    Raises:
      ValueError: a value outside its range; names the field.
    """

    model: str
    num_classes: int
    in_channels: int = 3
    input_size: tuple[int, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    channel_order: str = "RGB"
    crop_fraction: float = 1.0
    interpolation: str = "bilinear"
    labels: tuple[str, ...] = ()
    source: str = ""
    sha256: str = ""
    license: str = ""
    head: str = "linear"
    tokenizer: str = ""
    task: str = ""

    def __post_init__(self) -> None:
        lengths = (0, 1, self.in_channels)
        checks = {
            "num_classes": self.num_classes >= 1,
            "in_channels": self.in_channels >= 1,
            "input_size": len(self.input_size) in (0, 1, 2) and all(n >= 1 for n in self.input_size),
            "mean": len(self.mean) in lengths and all(map(math.isfinite, self.mean)),
            "std": len(self.std) in lengths and all(math.isfinite(s) and s > 0 for s in self.std),
            "channel_order": self.channel_order in ORDERS,
            "crop_fraction": 0 < self.crop_fraction <= 1,
            "labels": len(self.labels) in (0, self.num_classes),
            "sha256": self.sha256 == "" or (len(self.sha256) == 64 and set(self.sha256) <= set("0123456789abcdef")),
            "task": self.task == "" or _is_call(self.task),
        }
        for name, good in checks.items():
            if not good:
                raise ValueError(f"PretrainedConfig.{name} cannot be {getattr(self, name)!r} ({_RANGES[name]})")


_RANGES = {
    "num_classes": "at least 1",
    "in_channels": "at least 1",
    "input_size": "(height, width), (tokens,), or () for vectors",
    "mean": "one number per channel, one for all, or none",
    "std": "one positive number per channel, one for all, or none",
    "channel_order": f"one of {', '.join(ORDERS)}",
    "crop_fraction": "above 0, at most 1",
    "labels": "one name per class, or none",
    "sha256": "64 hexadecimal digits, lower case, or empty",
    "task": "a name or a call with literal arguments, such as regression(mean=(0.5,)), or empty",
}


def to_json(config: PretrainedConfig) -> str:
    """The text of a config file; `from_json` is the inverse."""
    return json.dumps({"tljax": VERSION} | dataclasses.asdict(config), indent=1, ensure_ascii=False) + "\n"


def from_json(text: str, where: str = "config") -> PretrainedConfig:
    """Reads a config file's text, also one written by the names of an earlier version (`renamed`); `where` names the file in errors.

    Raises:
      ValueError: no JSON object with the marker ``"tljax": 1``; an unknown or missing field; a value of the wrong type or range.
    """
    content = _object(text, where)
    if content is None or content.get("tljax") != VERSION:
        raise ValueError(f'{where}: no config of this project (it needs "tljax": {VERSION})')
    hints = typing.get_type_hints(PretrainedConfig)
    values: dict[str, Any] = {}
    for key, value in content.items():
        if key == "tljax":
            continue
        name = renamed.FIELDS.get(key, key)
        if name not in hints:
            near = difflib.get_close_matches(name, hints, n=1)
            raise ValueError(f"{where}: unknown field {name!r}{f'; did you mean {near[0]}?' if near else ''}; fields: {', '.join(hints)}")
        values[name] = _value(value, hints[name], f"{where}: field {name!r}")
    for name, kind in (("model", "backbone"), ("head", "head")):
        if name in values:
            values[name] = renamed.current(kind, values[name])
    missing = [f.name for f in dataclasses.fields(PretrainedConfig) if f.default is dataclasses.MISSING and f.name not in values]
    if missing:
        raise ValueError(f"{where}: the field {missing[0]!r} is missing")
    try:
        return PretrainedConfig(**values)
    except ValueError as e:
        raise ValueError(f"{where}: {e}") from None


def find_config(file: Path) -> tuple[PretrainedConfig, Path] | None:
    """Finds our config beside a weight file, with its path: ``<file>.json``, else ``config.json`` in the folder; None if neither is ours.

    Raises:
      ValueError: a config of ours that `from_json` refuses, or a file of these names that is no JSON.
    """
    for candidate in (file.with_name(file.name + ".json"), file.with_name("config.json")):
        if candidate.is_file():
            text = _text(candidate)
            content = _object(text, str(candidate))
            if content is not None and "tljax" in content:
                config = from_json(text, str(candidate))
                path = str(candidate.parent / Path(config.tokenizer).name) if config.tokenizer else ""
                return dataclasses.replace(config, tokenizer=path), candidate
    return None


def json_object(file: Path) -> dict[str, Any]:
    """The JSON object in a file; {} where the file is absent or holds another kind of value.

    Raises:
      ValueError: no JSON; names the file.
    """
    return (_object(_text(file), str(file)) or {}) if file.is_file() else {}


def adapt_channels(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """Mean or std for another number of channels, by the rule of `adapt.fold_channels`.

    With c values and n channels: n <= c: channel j takes the mean of the values i = j modulo n (one channel: the mean of all);
    n > c: channel j takes value j modulo c. No value stays no value.
    """
    if channels >= len(values):
        return tuple(values[j % len(values)] for j in range(channels)) if values else ()
    groups = [values[j::channels] for j in range(channels)]
    return tuple(sum(g) / len(g) for g in groups)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise ValueError(f"{file}: cannot be read: {e}") from e


def _is_call(text: str) -> bool:
    try:
        registry.parse(text)
    except ValueError:
        return False
    return True


def _object(text: str, where: str) -> dict[str, Any] | None:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise ValueError(f"{where}: not JSON: {e}") from None
    return content if isinstance(content, dict) else None


def _value(value: Any, hint: Any, where: str) -> Any:
    if isinstance(hint, types.GenericAlias):
        if not isinstance(value, list):
            raise ValueError(f"{where} is a list of {hint.__args__[0].__name__}, not {value!r}")
        return tuple(_value(v, hint.__args__[0], where) for v in value)
    if hint is float and type(value) is int and abs(value) < 2**53:
        return float(value)
    if type(value) is not hint:
        raise ValueError(f"{where} is of type {hint.__name__}, not {value!r}")
    return value
