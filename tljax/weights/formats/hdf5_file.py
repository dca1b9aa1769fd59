"""Keras weight files (HDF5, of Keras 1 to 3) as arrays, tensor by tensor; Keras is not needed."""

import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyfive  # pure Python: the HDF5 library itself loops for ever, or crashes, on some damaged files

from tljax.weights.formats import zip_file

KERAS_ENTRY = "model.weights.h5"
"""The weights inside a `.keras` archive."""

GROUP_BYTES = 40
"""What a group takes at least in a file: its object header and its entry in the group above."""


def read(data: bytes, room: int = 0) -> dict[str, np.ndarray]:
    """The weights of an HDF5 file's bytes, named ``layer/weight``.

    Keras 1 and 2, and Keras 3 when it saves to ``.h5``: each layer lists its weights, so ``conv1`` and ``conv1/kernel:0`` give
    ``conv1/kernel``, ``block`` and ``conv/kernel:0`` give ``block/conv/kernel``. Keras 3's ``.weights.h5`` numbers them: ``conv1/0`` (a
    convolution: kernel, bias; BatchNorm: gamma, beta, mean, variance), and ``block/conv/0`` inside another layer. Optimizer states are
    left out. Nothing outside `data` is read, wherever a link in it points.

    Args:
      data: the file.
      room: bytes that its tensors may take in all; 0: what its own size can hold, were all of it compressed.

    Raises:
      ValueError: no Keras layout; a tensor that is listed but absent, of no plain numbers, or larger than the file can hold; one name
        twice.
    """
    try:
        return _read(data, room or zip_file.DEFLATE_RATIO * len(data))
    except _Said as e:
        raise ValueError(*e.args) from None
    except ValueError as e:  # of the parser: it tells of bytes, not of what is wrong
        raise EOFError(*e.args) from e


class _Said(ValueError):
    """An error in our words, unlike those of the parser."""


def _read(data: bytes, left: int) -> dict[str, np.ndarray]:
    with pyfive.File(io.BytesIO(data)) as file:
        root = _group(file, "model_weights") if "model_weights" in file else file
        if "layer_names" in root.attrs or "layer_names0" in root.attrs:
            found = _listed(root)
        elif "layers" in file or "_layer_checkpoint_dependencies" in file or "vars" in file:
            found = _numbered(file, iter(range(len(data) // GROUP_BYTES)))
        else:
            raise _Said(f"an HDF5 file, but not of Keras: it holds {', '.join(map(ascii, list(file)[:5])) or 'nothing'}")
        arrays: dict[str, np.ndarray] = {}
        for name, dataset in found:
            if name in arrays:
                raise _Said(f"two of its tensors are called {name!a}")
            arrays[name] = _array(name, dataset, left)
            left -= arrays[name].nbytes
        return arrays


def read_keras(data: bytes) -> dict[str, np.ndarray]:
    """The weights of a `.keras` archive's bytes (a zip with ``model.weights.h5``); the rest of it is not looked at. Raises as `read`."""
    return read(zip_file.entries(data)[KERAS_ENTRY](), zip_file.DEFLATE_RATIO * len(data))


def _listed(root: Any) -> Iterator[tuple[str, Any]]:
    for layer in _names(root, "layer_names"):
        group = _group(root, layer)
        for weight in _names(group, "weight_names"):
            short = weight.removesuffix(":0")
            yield short if short.startswith(f"{layer}/") else f"{layer}/{short}", _member(group, weight)


def _names(group: Any, attribute: str) -> list[str]:
    """A list of names; Keras cuts one above 64 kB into ``layer_names0``, ``layer_names1``, ..."""
    parts = [group.attrs[attribute]] if attribute in group.attrs else []
    while f"{attribute}{len(parts)}" in group.attrs:
        parts.append(group.attrs[f"{attribute}{len(parts)}"])
    return [name.decode() if isinstance(name, bytes) else str(name) for part in parts for name in part]


def _numbered(group: Any, visits: Iterator[int], inside: str = "", name: str = "") -> Iterator[tuple[str, Any]]:
    """Of one layer and the layers in it.

    Args:
      group: the layer's.
      visits: ends after as many groups as the file can hold: groups that hold each other have endless paths.
      inside: path of the layers around it.
      name: its own, where the file does not tell it.
    """
    if next(visits, None) is None:
        raise _Said(f"its groups hold each other: {inside}{name!a}")
    held = _group(group, "vars") if "vars" in group else None
    if held is not None and name:  # the whole model's own name belongs to no path
        own = held.attrs.get("name", name)
        name = own.decode() if isinstance(own, bytes) else str(own)
        for number in sorted(held, key=int):
            yield f"{inside}{name}/{number}", _member(held, number)
        inside = f"{inside}{name}/"
    for child in group:
        if child == "layers":
            for layer in _group(group, child):
                yield from _numbered(_group(_group(group, child), layer), visits, inside, layer)
        elif child not in ("vars", "optimizer"):
            yield from _numbered(_group(group, child), visits, inside, child)


def _group(parent: Any, name: str) -> Any:
    node = _member(parent, name)
    if not isinstance(node, pyfive.Group):
        raise _Said(f"{name!a} is no group")
    return node


def _member(parent: Any, name: str) -> Any:
    try:
        return parent[name]
    except KeyError:
        raise _Said(f"the tensor or group {name!a} that it lists is not in it") from None


def _array(name: str, dataset: Any, room: int) -> np.ndarray:
    if not isinstance(dataset, pyfive.Dataset) or np.dtype(dataset.dtype).kind not in "biuf":
        raise _Said(f"refused: {name!a} is no array of plain numbers")
    if dataset.id.layout_class not in (0, 1, 2):  # compact, contiguous, chunked; a virtual one takes its values from other files
        raise _Said(f"refused: the values of {name!a} lie in another file")
    declared = math.prod(dataset.shape) * np.dtype(dataset.dtype).itemsize
    if declared > room:
        raise _Said(f"{name!a} declares {declared:,} bytes, more than the file can hold")
    value = np.asarray(dataset[()])
    return value.astype(value.dtype.newbyteorder("="), copy=False)
