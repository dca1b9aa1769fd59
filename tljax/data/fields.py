"""Kinds of fields: the meaning of the values of an example, and which of them lie at a place in an image.

An example is a dict, and its source declares one kind for each field. The code decides by kinds, never by names, dtypes or shapes.
"""

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp

Batch = Mapping[str, Any]
"""The fields of B examples, stacked `[B, ...]`, with `MARKS`; of named streams a dict of such batches."""

SPATIAL = ("image", "mask", "boxes", "points")
"""Kinds with coordinates: `image` [H, W, C]; `mask` integers [H, W]; `boxes` float32 [K, 4], x0 y0 x1 y1; `points` float32 [K, 2], x y.

Coordinates are pixels from the upper left corner, x to the right, y down; the center of the first pixel is at (0.5, 0.5).
"""

KINDS = {
    "image": "uint8 [H, W, C] in 0..255, or float32 [H, W, C] in [0, 1]",
    "mask": "int32 [H, W], a class for each pixel; negative: ignored",
    "boxes": "float32 [K, 4], x0 y0 x1 y1 in pixels",
    "points": "float32 [K, 2], x y in pixels",
    "tokens": "a tuple of n words",
    "tags": "int32 [n], a class for each word",
    "span": "int32 [2], the characters [begin, end) of the field pair",
    "text": "a str",
    "audio": "float32 [T], samples",
    "series": "float32 [T, D]",
    "columns": "the cells of a table's row",
    "vector": "uint8 or float32 [D]",
    "class": "an int32 class id",
    "classes": "float32 [C], 0 or 1 for each class",
    "distribution": "float32 [C], probabilities of classes",
    "number": "a float32, or float32 [D]",
}
"""The kinds of fields, with the form of their values in an example."""

CLASSIFICATION: Mapping[str, str] = MappingProxyType({"x": "image", "label": "class"})
"""The fields of an image with one class."""

MARKS = ("valid", "weight", "index", "epoch")
"""Fields that a batch has besides those of its examples."""

IGNORE = -1
"""The value of a mask where no class is known; pixels with negative values do not count."""


def is_by_stream(kinds: Mapping[str, object]) -> bool:
    """True for a mapping of streams: one that holds mappings."""
    return any(isinstance(value, Mapping) for value in kinds.values())


def valid_name(field: str) -> str:
    """The name of the field [K] that marks the boxes or points of `field`: 1 for a real one, 0 for padding."""
    return f"{field}_valid"


def check_kinds(origin: str, kinds: Mapping[str, str]) -> None:
    """Refuses fields of a source whose kind is not in `KINDS`.

    Args:
      origin: of the source, for the error.
      kinds: kinds of its fields.

    Raises:
      ValueError: an unknown kind; names the field and the nearest kinds.
    """
    for name, kind in kinds.items():
        if kind not in KINDS:
            near = difflib.get_close_matches(str(kind), KINDS, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"kinds are {', '.join(KINDS)}"
            raise ValueError(f"{origin}: unknown kind {kind!r} of the field {name!r}; {hint}")


def check_movable(operation: str, names: Iterable[str], kinds: Mapping[str, str]) -> None:
    """Refuses fields that a spatial operation might have to move, but whose kind is unknown.

    Args:
      operation: name of the operation, for the error.
      names: the fields of an example or batch. `MARKS` and ``<field>_valid`` need no kind.
      kinds: kinds of the fields.

    Raises:
      ValueError: a field without a kind, or with a kind that is not in `KINDS`; names the field.
    """
    without_kind = {*MARKS, *map(valid_name, kinds)}
    for name in names:
        if name in kinds and kinds[name] not in KINDS:
            raise ValueError(
                f"{operation} cannot move the field {name!r} of the unknown kind {kinds[name]!r}; kinds are {', '.join(KINDS)}"
            )
        if name not in kinds and name not in without_kind:
            raise ValueError(
                f"{operation} moves images, but the field {name!r} has no kind that says if it must move too; "
                f"declare one (kinds are given for {', '.join(kinds) or 'no field'})"
            )


def unit_images(name: str, images: jax.typing.ArrayLike) -> jax.Array:
    """Images as float32 in [0, 1]: uint8 is divided by 255, floats must lie in [0, 1] already. Raises ValueError for other dtypes."""
    values = jnp.asarray(images)
    if values.dtype == jnp.uint8:
        return values.astype(jnp.float32) / 255
    if not jnp.issubdtype(values.dtype, jnp.floating):
        raise ValueError(f"{name} is {values.dtype} {list(values.shape)}; expected images in uint8 (0 to 255) or float in [0, 1]")
    return values.astype(jnp.float32)
