r"""Key tables of families whose files number the layers through the whole network.

``features.10`` is one layer in VGG-11 and another in VGG-16. A layout lists the layers of one network, name in the file -> our path. The
file's layers tell the network; its names are then renamed by that layout, and one set of rules over our paths
(``(backbone/stage\d/conv\d)``) serves all networks of the family.
"""

import functools
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypedDict, TypeVar

Network = TypeVar("Network", bound=Hashable)
Layouts = Mapping[Network, Mapping[str, str]]
"""Network -> its layout."""

Rename = Callable[[Iterable[str]], Mapping[str, str]]


class Renames(TypedDict):
    """The two fields of a `Keymap` that layouts define."""

    rename: Rename
    rename_back: Rename


def renames(layouts: Layouts[Network]) -> Renames:
    """Builds `Keymap.rename` and `Keymap.rename_back` of these networks."""
    backwards = {network: {path: layer for layer, path in layout.items()} for network, layout in layouts.items()}
    return {"rename": functools.partial(_renamed, layouts), "rename_back": functools.partial(_renamed, backwards)}


def nearest(layouts: Layouts[Network], names: Iterable[str]) -> Network | None:
    """Returns the network that has the most of the layers in `names`, of several the smallest; None if none has any of them."""
    layers = {_split(name)[0] for name in names}
    shared = {network: len(layers & layout.keys()) for network, layout in layouts.items()}
    best = max(layouts, key=lambda network: (shared[network], -len(layouts[network])))
    return best if shared[best] else None


def _renamed(layouts: Layouts[Network], names: Iterable[str]) -> dict[str, str]:
    names = list(names)
    network = nearest(layouts, names)
    if network is None:
        return {}
    layout, parts = layouts[network], {name: _split(name) for name in names}
    return {name: layout[layer] + leaf for name, (layer, leaf) in parts.items() if layer in layout}


def _split(name: str) -> tuple[str, str]:
    """Splits a name into its layer and the rest: ``features.0``, ``.weight``; ``conv1``, ``/kernel``."""
    end = max(name.rfind("."), name.rfind("/"), 0)
    return name[:end], name[end:]
