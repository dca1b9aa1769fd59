"""Spatial operations as pairs of maps: of pixels, and of coordinates. All spatial fields of an example move together.

The functions work on one example, of numpy arrays in the loader or of jax arrays on the device.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tljax.data import fields

Size = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True)
class Affine:
    """An affine map from coordinates (x, y) of an operation's output to those of its input.

    Args:
      matrix: [2, 3], of numpy or jax: ``input = matrix[:, :2] @ output + matrix[:, 2]``; invertible.
      source: (H, W) of the input.
      size: (H, W) of the output.
      reflect: pixels from outside the input show the image reflected at the centers of its border pixels; otherwise they are filled.
    """

    matrix: Any
    source: Size
    size: Size
    reflect: bool = False


def window(corner: Any, sides: Any, *, source: Size, size: Size, reflect: bool = False) -> Affine:
    """The map of an operation whose output shows a rectangle of the input.

    A crop has sides of the output's size, a resize sides of the input's. A rectangle that reaches outside pads; a negative side flips.

    Args:
      corner: [2], y and x of the rectangle's upper left corner, in pixels of the input; numpy or jax.
      sides: [2], its height and width.
      source: (H, W) of the input.
      size: (H, W) of the output.
      reflect: as in `Affine`.
    """
    xp = corner.__array_namespace__()
    scale, zero = sides / xp.asarray(size, dtype=corner.dtype), xp.zeros_like(corner[0])
    rows = [xp.stack([scale[1], zero, corner[1]]), xp.stack([zero, scale[0], corner[0]])]
    return Affine(xp.stack(rows), source, size, reflect)


def around_center(matrix: Any, size: Size) -> Affine:
    """The map of an operation that keeps the image's size, from its matrix [2, 3] in coordinates relative to the center."""
    xp = matrix.__array_namespace__()
    center = xp.asarray([size[1] / 2, size[0] / 2], dtype=matrix.dtype)
    linear = matrix[:, :2]
    offset = matrix[:, 2] + center - (linear * center).sum(1)
    return Affine(xp.concat([linear, offset[:, None]], axis=1), size, size)


def move(example: Mapping[str, Any], kinds: Mapping[str, str], affine: Affine, pixels: Callable[[Any], Any]) -> dict[str, Any]:
    """Moves every spatial field of an example by one operation; other fields pass.

    Args:
      example: the fields. Without ``<field>_valid`` [K] all boxes and points are real.
      kinds: kinds of the fields.
      affine: the operation's map of coordinates.
      pixels: its map of pixels, ``image [H, W, C] -> image``.

    Returns:
      The example with images from `pixels`, masks as int32 by the nearest pixel, boxes and points as float32 with ``<field>_valid``.

    Raises:
      ValueError: a field whose shape or dtype does not fit its kind or the image's size; names it.
    """
    moved = dict(example)
    for name, kind in kinds.items():
        if name not in example or kind not in fields.SPATIAL:
            continue
        value = example[name]
        _check(name, kind, value, affine.source)
        if kind == "image":
            moved[name] = pixels(value)
        elif kind == "mask":
            moved[name] = move_mask(value, affine)
        else:
            by_coordinates = move_boxes if kind == "boxes" else move_points
            valid = example.get(fields.valid_name(name))
            valid = value.__array_namespace__().ones(value.shape[:1], dtype=np.float32) if valid is None else valid
            moved[name], moved[fields.valid_name(name)] = by_coordinates(value, valid, affine)
    return moved


def move_mask(mask: Any, affine: Affine, fill: int = fields.IGNORE) -> Any:
    """A mask [H, W] moved, int32 [h, w]: each pixel takes the value of the input's pixel in which its center lies, `fill` outside."""
    xp = mask.__array_namespace__()
    (height, width), matrix = affine.source, affine.matrix
    y, x = (xp.arange(n, dtype=matrix.dtype) + 0.5 for n in affine.size)
    column, row = (xp.floor(m[0] * x + (m[1] * y + m[2])[:, None]).astype(np.int32) for m in matrix)
    if affine.reflect:
        column, row = _reflected(column, width), _reflected(row, height)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    values = mask[xp.clip(row, 0, height - 1), xp.clip(column, 0, width - 1)].astype(np.int32)
    return xp.where(inside, values, xp.asarray(fill, dtype=np.int32))


def move_points(points: Any, valid: Any, affine: Affine) -> tuple[Any, Any]:
    """``(points [K, 2] moved, float32; valid [K] in its dtype)``: valid is 1 for real points inside the output; others become 0."""
    xp = points.__array_namespace__()
    places = _forward(points, affine)
    inside = ((places >= 0) & (places <= _corner(places, affine))).all(-1)
    return _valid_only(xp, places, inside & (valid > 0), valid)


def move_boxes(boxes: Any, valid: Any, affine: Affine) -> tuple[Any, Any]:
    """``(boxes [K, 4] moved, float32; valid [K] in its dtype)``: valid is 1 for real boxes with an area inside the output; others become 0.

    A box becomes the smallest upright one around its four moved corners, cut at the borders of the output.
    """
    xp = boxes.__array_namespace__()
    corners = xp.stack([boxes[..., [0, 1]], boxes[..., [2, 1]], boxes[..., [0, 3]], boxes[..., [2, 3]]], axis=1)
    places = _forward(corners, affine)
    low, high = (xp.clip(edge, 0, _corner(places, affine)) for edge in (places.min(1), places.max(1)))
    return _valid_only(xp, xp.concat([low, high], axis=-1), (high > low).all(-1) & (valid > 0), valid)


def _forward(places: Any, affine: Affine) -> Any:
    """Coordinates [..., 2] of the input as coordinates of the output."""
    (a, b, c), (d, e, f) = affine.matrix
    x, y, determinant = places[..., 0] - c, places[..., 1] - f, a * e - b * d
    xp = places.__array_namespace__()
    return xp.stack([(e * x - b * y) / determinant, (a * y - d * x) / determinant], axis=-1)


def _corner(places: Any, affine: Affine) -> Any:
    """The output's lower right corner, [2]."""
    return places.__array_namespace__().asarray(affine.size[::-1], dtype=places.dtype)


def _valid_only(xp: Any, values: Any, inside: Any, valid: Any) -> tuple[Any, Any]:
    return xp.where(inside[:, None], values, 0).astype(np.float32), inside.astype(valid.dtype)


def _reflected(place: Any, n: int) -> Any:
    """Indices, those outside [0, n) reflected at the first and the last, which are not repeated."""
    if n == 1:
        return place * 0
    place = abs(place) % (2 * n - 2)
    return (n - 1) - abs(n - 1 - place)


def _check(name: str, kind: str, value: Any, source: Size) -> None:
    shape = tuple(value.shape)
    if kind in ("boxes", "points"):
        width = 4 if kind == "boxes" else 2
        if len(shape) != 2 or shape[1] != width:
            raise ValueError(f"{name} is {value.dtype} {list(shape)}; expected {kind} [K, {width}]")
    elif kind == "mask" and (shape != source or not np.issubdtype(value.dtype, np.integer)):
        raise ValueError(f"{name} is {value.dtype} {list(shape)}; expected a mask of integers {list(source)}, one for each pixel of x")
    elif kind == "image" and (len(shape) != 3 or shape[:2] != source):
        raise ValueError(f"{name} is an image {list(shape)}, but x is {list(source)}; the images of one example need one height and width")
