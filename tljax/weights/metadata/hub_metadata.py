"""Reads the JSON that Hugging Face and timm put beside a weight file, and corrects an assumed config by it."""

import collections
import dataclasses
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tljax.weights import imagenet
from tljax.weights.config import PretrainedConfig, json_object
from tljax.weights.json_values import Values
from tljax.weights.metadata import task

RESAMPLE = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")
"""Pillow's filters by the numbers that Hugging Face writes."""

Content = Mapping[str, Any]
_Changes = tuple[dict[str, Any], list[str]]
"""Fields to change, and notes for `source`."""


@dataclass(frozen=True)
class HubMetadata:
    """JSON files of a publisher beside a weight file.

    Attributes:
      file: its ``config.json``.
      config: the content, of Hugging Face's transformers or of timm; {}: none.
      inputs_file: its ``preprocessor_config.json`` or ``processor_config.json``.
      inputs: the content, of Hugging Face; {}: none.
    """

    file: Path
    config: Content
    inputs_file: Path
    inputs: Content


def read(file: Path) -> HubMetadata:
    """Read what lies beside a weight file; JSON of other kinds counts as absent. Raises ValueError naming a file that is no JSON."""
    config, inputs, both = (file.with_name(f"{name}.json") for name in ("config", "preprocessor_config", "processor_config"))
    content = json_object(config)
    if not {"model_type", "architectures", "transformers_version", "architecture", "pretrained_cfg"} & content.keys():
        return HubMetadata(config, {}, inputs, {})
    if inputs.is_file():
        return HubMetadata(config, content, inputs, json_object(inputs))
    part = json_object(both).get("image_processor")
    return HubMetadata(config, content, both, part if isinstance(part, dict) else {})


def apply(base: PretrainedConfig, told: Collection[str], metadata: HubMetadata, headless: bool = False) -> PretrainedConfig:
    """`base` with task, labels and preprocessing as the publisher states them; its `source` says which and from where.

    Args:
      base: what the family assumes.
      told: the fields that the weights themselves tell, which therefore stand (``input_size``, of position embeddings).
      metadata: what lies beside the weights.
      headless: the file has no head, so nothing is said of its task and classes.

    Raises:
      ValueError: a value of another type or range, or one that contradicts the weights; names file and key.
    """
    if not metadata.config:
        return base
    main = _timm if {"architecture", "pretrained_cfg"} & metadata.config.keys() else _hugging_face
    parts: list[tuple[Path, Content, Callable[..., _Changes]]] = [(metadata.file, metadata.config, main)]
    parts += [(metadata.inputs_file, metadata.inputs, _inputs)] if metadata.inputs else []
    for file, content, read in parts:
        try:
            changes, notes = read(Values(content), base, told, headless)
            changed = dataclasses.replace(base, **changes)
        except ValueError as e:
            raise ValueError(f"{file}: {e}") from None
        origin = [f"{file.name} beside it says {', '.join(changes)}"] if changes else []
        base = dataclasses.replace(changed, source="; ".join(filter(None, [base.source, *origin, *notes])))
    return base


def _hugging_face(content: Values, base: PretrainedConfig, told: Collection[str], headless: bool) -> _Changes:
    channels, size = content.get("num_channels", int), content.get("image_size", int, list)
    if channels is not None and channels != base.in_channels:
        raise ValueError(f"num_channels is {channels}, but the weights take {base.in_channels}")
    changes: dict[str, Any] = {}
    if size is not None and base.input_size:
        sizes = tuple(size) if isinstance(size, list) else (size, size)
        if "input_size" in told and sizes != base.input_size:
            raise ValueError(f"image_size is {size!r}, but the weights are for {base.input_size[0]} x {base.input_size[1]} pixels")
        changes = {"input_size": sizes} if sizes != base.input_size else {}
    named = content.get("id2label", dict)
    if headless:
        return changes, []
    if (stated := task.stated_task(content, base)) != base.task:
        changes["task"] = stated
    if named is None:
        return changes, []
    if set(named) != {str(i) for i in range(len(named))} or not all(isinstance(name, str) for name in named.values()):
        raise ValueError(f'id2label is {str(named)[:80]!r}, wanted names by the classes "0" to "{len(named) - 1}"')
    names = [named[str(i)] for i in range(len(named))]
    if len(names) != base.num_classes:
        if any(task.ONE_PER_CLASS.fullmatch(name) for name in task.names(content)):
            raise ValueError(f"id2label names {len(names)} classes, but the weights have {base.num_classes}")
        return changes, []
    if all(re.fullmatch(r"LABEL_\d+", name) for name in names):
        return changes, []
    return changes | {"labels": _labels(names)}, []


def _timm(content: Values, base: PretrainedConfig, told: Collection[str], headless: bool) -> _Changes:
    classes = content.get("num_classes", int)
    if classes and not headless and classes != base.num_classes:
        raise ValueError(f"num_classes is {classes}, but the weights have {base.num_classes}")
    inner = Values(content.get("pretrained_cfg", dict) or content.content)
    shape, mode = inner.get("input_size", list), inner.get("crop_mode", str)
    changes: dict[str, Any] = {"mean": inner.numbers("mean", base.in_channels), "std": inner.numbers("std", base.in_channels)}
    if shape is not None:
        if len(shape) != 3 or not all(type(n) is int and n > 0 for n in shape):
            raise ValueError(f"input_size is {shape!r}, wanted [channels, height, width]")
        if shape[0] != base.in_channels:
            raise ValueError(f"input_size has {shape[0]} channels, but the weights take {base.in_channels}")
        if "input_size" in told and tuple(shape[1:]) != base.input_size:
            raise ValueError(f"input_size is {shape!r}, but the weights are for {base.input_size[0]} x {base.input_size[1]} pixels")
        changes["input_size"] = tuple(shape[1:])
    changes |= {"crop_fraction": inner.share("crop_pct", base.crop_fraction), "interpolation": _filter(inner, base.interpolation)}
    changes |= {"license": inner.get("license", str) or base.license}
    names = inner.get("label_names", list) or content.get("label_names", list)
    if names and len(names) == base.num_classes and not headless:
        changes["labels"] = _labels([str(name) for name in names])
    notes = [f"its crop_mode {mode!r} is not taken over: the center is cropped"] if mode not in (None, "center") else []
    return _differing(changes, base), notes


def _filter(content: Values, default: str) -> str:
    name = content.get("interpolation", str) or default
    if name not in RESAMPLE:
        raise ValueError(f"interpolation is {name!r}, wanted one of {', '.join(RESAMPLE)}")
    return name


def _inputs(content: Values, base: PretrainedConfig, told: Collection[str], headless: bool) -> _Changes:
    if not base.input_size:
        return {}, []
    changes, notes = _normalization(content, base), []
    number = content.get("resample", int)
    if number is not None and number not in range(len(RESAMPLE)):
        raise ValueError(f"resample is {number}, wanted 0 to {len(RESAMPLE) - 1} (Pillow's filters)")
    changes |= {} if number is None else {"interpolation": RESAMPLE[number]}
    size, crop = content.size("size"), content.size("crop_size")
    if crop and content.get("do_center_crop", bool) is not False:
        taken, fraction = (crop * 2)[:2], min(1.0, min(crop) / min(size)) if size else 1.0
    else:
        share = content.share("crop_pct", 1.0)
        taken, fraction = (size * 2)[:2], share if len(size) == 1 and size[0] < 384 else 1.0  # as ConvNeXt's processor has it
        notes += ["images that are not square are cropped, not squeezed as there"] if len(size) == 2 else []
    if taken and "input_size" in told and taken != base.input_size:
        notes.append(f"its size {taken[0]} x {taken[1]} is not taken over, for the weights' {base.input_size[0]} x {base.input_size[1]}")
    elif taken:
        changes["input_size"] = taken
    return _differing(changes | ({"crop_fraction": fraction} if taken else {}), base), notes


def _normalization(content: Values, base: PretrainedConfig) -> dict[str, Any]:
    """Mean and deviation of pixels in [0, 1]. There: y = (factor 255 x - offset - image_mean) / image_std."""
    n, normal = base.in_channels, content.get("do_normalize", bool) is not False
    if normal and content.content.get("image_mean") is None:
        return {}
    mean, std = (content.numbers(key, n) for key in ("image_mean", "image_std")) if normal else ((0.0,) * n, (1.0,) * n)
    if len(std) != n or min(std) <= 0:
        raise ValueError(f"image_std is {content.content.get('image_std')!r}, wanted {n} positive numbers")
    factor = 255 * content.number("rescale_factor", 1 / 255) if content.get("do_rescale", bool) is not False else 255.0
    if factor <= 0:
        raise ValueError(f"rescale_factor is {factor / 255}, wanted a positive number")
    factor = 1.0 if math.isclose(factor, 1.0) else factor
    offset = 1.0 if content.get("rescale_offset", bool) else 0.0
    std = tuple(s * s for s in std) if normal and content.get("include_top", bool) else std  # EfficientNet's processor divides twice
    flipped = content.get("do_flip_channel_order", bool)
    order = {"channel_order": "BGR" if flipped else "RGB"} if flipped is not None and n == 3 else {}
    return {"mean": tuple((m + offset) / factor for m in mean), "std": tuple(s / factor for s in std)} | order


def _labels(names: list[str]) -> tuple[str, ...]:
    """The names, made different; our own of ImageNet-1k where these are other names of the same classes in the same order."""
    ours = imagenet.labels()
    if len(names) == len(ours):
        same = sum(name.partition(",")[0].lower() == label.lower() for name, label in zip(names, ours, strict=True))
        if same >= 0.9 * len(ours) or (all(re.fullmatch(r"n\d{8}", name) for name in names) and names == sorted(names)):
            return ours
    counts = collections.Counter(names)
    return tuple(name if counts[name] == 1 else f"{name} ({i})" for i, name in enumerate(names))


def _differing(changes: dict[str, Any], base: PretrainedConfig) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if value not in ((), getattr(base, name))}
