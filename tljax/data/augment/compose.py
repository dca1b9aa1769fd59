"""A list of augmentations as one function of a batch."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from tljax.data.augment.operation import Operation, operations

Batch = Mapping[str, Any]


def augmentation(expressions: Sequence[str], num_classes: int, seed: jax.typing.ArrayLike) -> Callable[[Batch], Batch]:
    """The operations one after the other, to run inside `jax.jit` before `on_device`.

    What happens to an example is a function of (seed, epoch, index, place in the list) alone: neither workers nor processes, devices or
    batch size change it. The keys are threefry's, which draws the same bits on every backend, and images are computed on 15 bits (see
    `snap`); what remains is the rounding of interpolations, hues and beta draws, which may differ between backends. Mixing operations take
    a partner from the batch that they see.

    Batches of several streams (``{"source": {"x": ...}, "target": {"x": ...}}``) are handled stream by stream; a stream's name goes into
    its keys, so that two streams, or two views, of one image differ.

    Args:
      expressions: calls of registered operations, such as ``("flip", "mixup(alpha=0.2)")``; none: batches come back as they are.
      num_classes: C, of the soft labels that mixing makes of integer ones.
      seed: of all draws, 32 bits. It may be traced: runs that differ in the seed alone then share one compiled program.

    Returns:
      ``augment(batch) -> batch``. It reads ``x`` `[B, H, W, C]` (uint8, or float in [0, 1]), ``index`` and ``epoch`` `[B]`, and gives ``x``
      float32 in [0, 1], of the same shape. Mixing makes ``label`` float32 `[B, C]`. All else passes.

    Raises:
      KeyError: an unknown operation. ValueError: arguments that it does not take or values out of range; when traced, keys that are missing
        and x of another dtype or rank.
    """
    if isinstance(expressions, str):
        raise ValueError(f"augmentations are a tuple of expressions, not one text: ({expressions!r},)")
    made = [operations.create(expression, num_classes=num_classes) for expression in expressions]

    def augment(batch: Batch, stream: str = "") -> Batch:
        if "x" in batch:
            return _augmented(dict(batch), made, _keys(batch, seed, stream))
        if not any(isinstance(value, Mapping) for value in batch.values()):
            raise ValueError(f"a batch needs x, or streams that hold x; this one holds {', '.join(batch) or 'nothing'}")
        return {k: augment(v, f"{stream}/{k}") if isinstance(v, Mapping) else v for k, v in batch.items()}

    return augment if made else lambda batch: batch


def _augmented(batch: dict[str, Any], made: Sequence[Operation], keys: jax.Array) -> dict[str, Any]:
    batch["x"] = _unit(batch["x"])
    for place, operation in enumerate(made):
        batch = operation(jax.vmap(jax.random.fold_in, (0, None))(keys, place), batch)
    return batch


def _keys(batch: Batch, seed: jax.typing.ArrayLike, stream: str) -> jax.Array:
    """One key for each example, `[B]`. The name keeps them apart from other uses of the seed, such as dropout."""
    missing = [name for name in ("index", "epoch") if name not in batch]
    if missing:
        raise ValueError(
            f"augmentation needs {' and '.join(missing)} [B] in a batch (train_batches gives them); there are {', '.join(batch)}"
        )
    key = jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), zlib.crc32(f"augmentation{stream}".encode()))
    of_example = jax.vmap(lambda epoch, index: jax.random.fold_in(jax.random.fold_in(key, epoch), index))
    return of_example(jnp.asarray(batch["epoch"]), jnp.asarray(batch["index"]))


def _unit(x: jax.typing.ArrayLike) -> jax.Array:
    x = jnp.asarray(x)
    if x.ndim != 4 or (x.dtype != jnp.uint8 and not jnp.issubdtype(x.dtype, jnp.floating)):
        raise ValueError(f"x is {x.dtype} {list(x.shape)}; images [B, H, W, C] can be augmented, uint8 (0 to 255) or float in [0, 1]")
    return x.astype(jnp.float32) / 255 if x.dtype == jnp.uint8 else x.astype(jnp.float32)
