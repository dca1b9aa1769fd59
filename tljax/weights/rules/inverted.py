"""Rules of inverted residuals for MobileNets and EfficientNets, and the search for the network that a file holds."""

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from tljax.models.layers.inverted_residual import Network
from tljax.weights.keymap import Shapes, table, translate
from tljax.weights.rules import keras as keras_rules
from tljax.weights.rules.layers import Rules

WIDTHS = (1.0, 0.75, 0.5, 0.35, 1.4, 1.3, *(i / 20 for i in range(1, 81)))
"""The multipliers that are tried, those of published files first."""

BN = ("expand_bn", "depthwise_bn", "project_bn")
LAYERS = ("expand", BN[0], "depthwise", BN[1], "se/reduce", "se/expand", "project", BN[2])
"""Our names of a block's layers, in the order in which they run."""

Candidates = Iterable[tuple[str, Network]]
"""Call expressions, and the networks that they stand for."""


def layers(kind: ModuleType, names: Mapping[str, str]) -> Rules:
    """Builds the rules of several layers.

    Args:
      kind: `rules.layers` or `rules.keras`.
      names: our path -> the layer's name, a regex; paths that end with ``bn`` are BatchNorms.
    """
    rules: Rules = {}
    for path, name in names.items():
        if path.endswith("bn"):
            rules |= kind.batch_norm(name, path)
        elif path.endswith("/depthwise") and kind is keras_rules:
            rules |= keras_rules.depthwise(name, path)
        else:
            rules |= kind.conv(name, path, bias="/se/" in path)
    return rules


def path_rules(kind: ModuleType) -> Rules:
    """Rules of all layers by our own paths, for files whose names `numbered_layers` turns into these; `kind` as in `layers`."""
    names = {
        r"\1bn": r"(backbone/[\w/]+)bn",
        r"\1/depthwise": r"(backbone/[\w/]+)/depthwise",
        r"\1/se/\2": r"(backbone/[\w/]+)/se/(reduce|expand)",
        r"\1/\2": r"(backbone/[\w/]+)/(conv|expand|project)",
    }
    return layers(kind, names)


def block(kind: ModuleType, path: str, name: str, leaves: Mapping[str, str]) -> Rules:
    """`layers` of one block: the name of each is `name` and one of `leaves`, which go by `LAYERS`."""
    return layers(kind, {f"{path}/{ours}": name + theirs for ours, theirs in leaves.items()})


def infer(family: str, shapes: Shapes, candidates: Callable[[frozenset[str]], Candidates]) -> dict[str, Any]:
    """Implements `Keymap.infer`: the first candidate whose kernels all have the file's shapes.

    Args:
      family: the table that names the kernels.
      shapes: the file's.
      candidates: names of the file's blocks -> what it may hold.

    Raises:
      ValueError: none fits; the nearest, and the first kernel that differs.
    """
    names, found = _kernels(family, shapes)
    stem, head = found.get("params/backbone/stem/conv/kernel", ()), found.get("params/head/kernel", (0,))
    if len(stem) != 4 or stem[:2] != (3, 3):
        raise ValueError(f"its first convolution is {list(stem) or 'absent'}, not [3, 3, channels, width]")
    own = {path: shape for path, shape in found.items() if not path.startswith("params/head/")}
    blocks = frozenset(part for path in own for part in path.split("/") if part.startswith("block"))
    nearest: list[tuple[int, str]] = []
    for expression, network in candidates(blocks):
        expected = kernels(network, stem[2])
        if expected == own:
            return {"model": expression, "num_classes": head[-1], "in_channels": stem[2]}
        differing = [path for path in (*expected, *own) if expected.get(path) != own.get(path)]
        path = differing[0]
        has, needs = (list(shapes[path]) if path in shapes else "absent" for shapes in (own, expected))
        difference = f"{names.get(path, path)} is {has} in our layout, the last its outputs; in {expression} it is {needs}"
        nearest.append((len(differing), difference))
    raise ValueError(min(nearest)[1])


def kernels(network: Network, channels: int) -> dict[str, tuple[int, ...]]:
    """Our paths and shapes of a network's kernels, without the head's."""
    out: dict[str, tuple[int, ...]] = {"stem/conv": (3, 3, channels, network.stem)}
    inputs = network.stem
    for stage, specs in network.stages.items():
        for spec in specs:
            convs = {
                "expand": (1, 1, inputs, spec.expanded) if spec.expanded != inputs else None,
                "depthwise": (spec.kernel, spec.kernel, 1, spec.expanded),
                "se/reduce": (1, 1, spec.expanded, spec.squeeze) if spec.squeeze else None,
                "se/expand": (1, 1, spec.squeeze, spec.expanded) if spec.squeeze else None,
                "project": (1, 1, spec.expanded, spec.width),
            }
            out |= {f"{stage}/{spec.name}/{name}": shape for name, shape in convs.items() if shape}
            inputs = spec.width
    out["last/conv"] = (1, 1, inputs, network.last)
    if network.penultimate:
        out["penultimate/fc"] = (network.last, network.penultimate)
    return {f"params/backbone/{path}/kernel": shape for path, shape in out.items()}


def _kernels(family: str, shapes: Shapes) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
    """Our paths of the file's kernels -> their names in the file, and -> their shapes in our layout."""
    names, found = {}, {}
    for name, targets in translate(table(family), shapes).known.items():
        for path, transform in targets:
            if path.endswith("/kernel"):
                if transform.ndim not in (None, len(shapes[name])):
                    raise ValueError(f"{name} is {list(shapes[name])}, not {transform.ndim}-dimensional")
                names[path] = name
                found[path] = transform.forward(np.broadcast_to(np.int8(0), shapes[name])).shape
    return names, found
