"""Rules for the convolutions of `models.layers.branches`, from the same data that the models are built from."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tljax.models.layers.branches import Conv, Layer, Max, Part, Parts, Residual, conv_names, widened
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules import layers as rules
from tljax.weights.rules.layers import Rules


@dataclass(frozen=True)
class Spot:
    """One convolution with its BatchNorm: its name in a file (in rules: a regex), our path without the tree, and what it is."""

    name: str
    path: str
    conv: Conv


def inside(part: Part) -> list[tuple[str, Conv]]:
    """A part's convolutions with BatchNorm: the path below the part's own, and what it is."""
    if isinstance(part, Conv):
        return [("", part)]
    if isinstance(part, Max):
        return []
    convs = [conv for layers in part.branches for layer in layers for conv in _convs(layer)]
    prefix = "/branches/" if isinstance(part, Residual) else "/"
    return [(prefix + name, conv) for name, conv in zip(conv_names(part.branches), convs, strict=True)]


def _convs(layer: Layer) -> tuple[Conv, ...]:
    return (layer,) if isinstance(layer, Conv) else layer if isinstance(layer, tuple) else ()


def spots(stages: Mapping[str, Parts], names: Callable[[str, str, Part], Sequence[str]]) -> list[Spot]:
    """All convolutions with BatchNorm in the order of the layout; `names(stage, part's name, part)` gives those of a part in a file."""
    return [
        Spot(file, f"backbone/{stage}/{name}{below}", conv)
        for stage, parts in stages.items()
        for name, part in parts
        if (convs := inside(part))
        for file, (below, conv) in zip(names(stage, name, part), convs, strict=True)
    ]


def counted_spots(stages: Mapping[str, Parts]) -> list[Spot]:
    """All of them under the names that Keras gives convolutions without names, built in this order."""
    found = spots(stages, lambda _stage, _name, part: [""] * len(inside(part)))
    return [replace(spot, name=keras_rules.counted_name("conv2d", i)) for i, spot in enumerate(found)]


def sequential(part: Part, first: int) -> list[str]:
    """Names of PyTorch modules: ``branch0`` is a convolution, ``branch1.0``, ``branch1.1`` a sequence; branches count from `first`."""
    assert not isinstance(part, Conv | Max)
    lone = [len(layers) == 1 for layers in part.branches]
    places = (name.removeprefix("branch").split("_") for name in conv_names(part.branches))
    return [f"branch{int(i) + first}" + ("" if lone[int(i)] else f".{j}") for i, j in places]


def conv_norm(name: str, path: str) -> Rules:
    """PyTorch's ``conv`` and ``bn`` in the module `name`, a regex."""
    return rules.conv(rf"{name}\.conv", f"{path}/conv") | rules.batch_norm(rf"{name}\.bn", f"{path}/bn")


def torch_rules(found: list[Spot]) -> Rules:
    """`conv_norm` of all spots, whose names are no regexes."""
    return {regex: target for spot in found for regex, target in conv_norm(re.escape(spot.name), spot.path).items()}


def counted_rules(found: list[Spot], scale: bool) -> Rules:
    """Of spots that Keras counted; without `scale` their BatchNorm has no gamma."""
    conv = [keras_rules.conv(spot.name, f"{spot.path}/conv") for spot in found]
    norm = [keras_rules.batch_norm(spot.name.replace("conv2d", "batch_normalization"), f"{spot.path}/bn", scale) for spot in found]
    return {regex: target for one in (*conv, *norm) for regex, target in one.items()}


def width(found: list[Spot], shapes: Mapping[str, tuple[int, ...]], torch: bool, family: str) -> float:
    """The width at which all spots have the outputs and kernel sizes that the file has.

    Args:
      found: the spots; their names are those of the file.
      shapes: the file's.
      torch: kernels are ``name.conv.weight`` `[O, I, H, W]`; else ``name/kernel`` or ``name/0`` `[H, W, I, O]`.
      family: its name, for errors.

    Raises:
      ValueError: a kernel is missing, of another size, or no width gives its outputs.
    """
    names = [f"{spot.name}.conv.weight" if torch else f"{spot.name}/{leaf(shapes, spot.name)}" for spot in found]
    for name, spot in zip(names, found, strict=True):
        size = shapes.get(name, ())[2:] if torch else shapes.get(name, ())[:2]
        if len(shapes.get(name, ())) != 4:
            raise ValueError(f"it has no 4-dimensional {name}")
        if size != spot.conv.size:
            raise ValueError(f"{name} is {size[0]}x{size[1]}, that of {family} {spot.conv.size[0]}x{spot.conv.size[1]}")
    outputs = [shapes[name][0 if torch else 3] for name in names]
    found_width = max(count / spot.conv.width for count, spot in zip(outputs, found, strict=True))
    for name, spot, count in zip(names, found, outputs, strict=True):
        if widened(spot.conv, found_width) != count:
            expected = widened(spot.conv, found_width)
            raise ValueError(f"{name} has {count} outputs, where {family} has {expected} beside such other layers")
    return found_width


def leaf(shapes: Mapping[str, tuple[int, ...]], layer: str) -> str:
    """Returns Keras's name of a layer's kernel in this file, ``kernel`` or ``0``."""
    return "0" if f"{layer}/0" in shapes else "kernel"
