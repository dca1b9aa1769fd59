"""Placement of arrays: the mesh `data x fsdp`, shardings by shape, batches across processes."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from tljax.train.state import parameter_paths

AXES = ("data", "fsdp")


def make_mesh(data: int = -1, fsdp: int = 1, devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh of `data` x `fsdp` devices.

    Args:
      data: devices that split the batch; -1: all that `fsdp` leaves.
      fsdp: devices that split the parameters, too.
      devices: None: all devices.

    Raises:
      ValueError: sizes whose product is not the number of devices.
    """
    devices = jax.devices() if devices is None else list(devices)
    size = len(devices) // max(fsdp, 1) if data == -1 else data
    if size < 1 or fsdp < 1 or size * fsdp != len(devices):
        raise ValueError(f"mesh data={data} x fsdp={fsdp} does not fit {len(devices)} devices; their product must be {len(devices)}")
    return jax.make_mesh((size, fsdp), AXES, axis_types=(AxisType.Auto,) * 2, devices=devices)


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding under which every device holds the whole array."""
    return NamedSharding(mesh, PartitionSpec())


def by_batch(mesh: Mesh) -> NamedSharding:
    """The sharding that cuts the leading axis across all devices."""
    return NamedSharding(mesh, PartitionSpec(AXES))


def shardings(tree: Any, mesh: Mesh, rules: Sequence[tuple[str, tuple[str | None, ...]]] = (), min_size: int = 1024) -> Any:
    """The sharding of every leaf of a pytree (parameters, optimizer state).

    By shape: an array of `min_size` elements or more is cut along its largest axis that `fsdp` divides, the last of equals. Smaller arrays
    are replicated.

    Args:
      tree: arrays or shapes.
      mesh: of the devices.
      rules: ``(regex, spec)`` such as ``("head/kernel", (None, "fsdp"))``, for leaves whose parameter's whole path matches and whose number
        of axes is that of the spec; first match wins.
      min_size: elements from which on an array is cut.
    """
    matchers = [(re.compile(regex), spec) for regex, spec in rules]

    def choose(path: tuple[Any, ...], leaf: Any) -> NamedSharding:
        for matcher, spec in matchers:
            if len(spec) == len(leaf.shape) and any(matcher.fullmatch(name) for name in parameter_paths(path)):
                return NamedSharding(mesh, PartitionSpec(*spec))
        return NamedSharding(mesh, _by_shape(leaf.shape, mesh.shape["fsdp"], min_size))

    return jax.tree_util.tree_map_with_path(choose, tree)


def _by_shape(shape: tuple[int, ...], fsdp: int, min_size: int) -> PartitionSpec:
    axes = [i for i, n in enumerate(shape) if n % fsdp == 0 and n >= fsdp]
    if fsdp == 1 or int(np.prod(shape)) < min_size or not axes:
        return PartitionSpec()
    largest = max(axes, key=lambda i: (shape[i], i))
    return PartitionSpec(*("fsdp" if i == largest else None for i in range(len(shape))))


def to_devices(tree: Any, layout: Any) -> Any:
    """Host arrays, the same on every process, as global arrays with the shardings `layout`."""
    return jax.tree.map(lambda x, s: jax.make_array_from_callback(np.shape(x), s, lambda index: np.asarray(x)[index]), tree, layout)


def to_host(tree: Any) -> Any:
    """Host copies of global arrays, on every process; every process must call it."""
    if jax.process_count() == 1:
        return jax.device_get(tree)
    return multihost_utils.process_allgather(tree, tiled=True)


def shard_batch(batch: Mapping[str, Any], mesh: Mesh) -> dict[str, Any]:
    """The global batch, cut across all devices along its leading axis, from this process's block of it.

    Raises:
      ValueError: a batch that the devices do not divide.
    """
    n = mesh.size // jax.process_count()
    if odd := [leaf.shape[0] for leaf in jax.tree.leaves(dict(batch)) if leaf.shape[0] % n]:
        raise ValueError(f"{odd[0]} examples per process do not divide among its {n} devices; choose a multiple of {n}")
    return jax.tree.map(lambda x: jax.make_array_from_process_local_data(by_batch(mesh), x), dict(batch))
