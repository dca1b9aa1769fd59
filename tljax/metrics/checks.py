"""Checks that the metrics share: which stream, which shapes, numbers that are finite."""

from collections.abc import Mapping
from typing import Any

import numpy as np


class NotFinite(ValueError):
    """Logits, features or targets are NaN or infinite."""


def statistics_of(streams: Mapping[str, Any], stream: str = "") -> Any:
    """The statistics of the stream `stream`, or of the only stream.

    Raises:
      ValueError: several streams, none of which is called `stream`.
    """
    if stream in streams:
        return streams[stream]
    if len(streams) != 1:
        names = ", ".join(map(repr, streams)) or "none"
        raise ValueError(f"expected the statistics of one stream or of {stream!r}, found those of {names}")
    return next(iter(streams.values()))


def check_shapes(logits: Any, labels: Any, form: str) -> None:
    """Raises ValueError (when traced) unless logits and labels are arrays of one shape with the axes of `form`, such as ``[B, C]``."""
    shapes = [getattr(array, "shape", None) for array in (logits, labels)]
    if shapes[0] is None or shapes[0] != shapes[1] or len(shapes[0]) != form.count(",") + 1:
        raise ValueError(f"expected logits and labels of one shape {form}, found logits {_shape(logits)} and labels {_shape(labels)}")


def check_positions(logits: Any, labels: Any, form: str, *, resized: bool = False) -> None:
    """Raises ValueError (when traced) unless labels are integers of the axes of `form` and logits have them and one of classes.

    With `resized`, only the number of examples must agree.
    """
    shape, ndim = getattr(logits, "shape", ()), form.count(",") + 1
    same = 1 if resized else ndim
    fits = len(labels.shape) == ndim == len(shape) - 1 and shape[:same] == labels.shape[:same]
    if not fits or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"expected integer labels {form} and logits {form[:-1]}, C], "
            f"found {labels.dtype} labels {_shape(labels)} and logits {_shape(logits)}"
        )


def check_finite(finite: Any, name: str = "logits") -> None:
    """Raises NotFinite, which names the first example, unless all of `finite` `[N]` are true; ValueError if there are no examples."""
    finite = np.asarray(finite, bool)
    if not finite.size:
        raise ValueError("there are no examples to measure; the split is empty")
    if not finite.all():
        raise NotFinite(
            f"{name} are not finite in {(~finite).sum()} of {finite.size} examples, first at index {finite.argmin()}; "
            "the training diverged, or this example holds NaN"
        )


def check_sums(sums: Mapping[str, Any]) -> None:
    """`check_finite` for summed statistics, which count the `examples` and those `not_finite` but know no index."""
    if not sums["examples"]:
        raise ValueError("there are no examples to measure; the split is empty")
    if sums["not_finite"]:
        raise NotFinite(f"logits are not finite in {sums['not_finite']:.0f} of {sums['examples']:.0f} examples; the training diverged")


def check_counted(sums: Mapping[str, Any], what: str) -> None:
    """Raises ValueError if some of `what` (tokens, pixels) have labels `out_of_range`, or none is `counted`."""
    if sums["out_of_range"]:
        raise ValueError(
            f"{sums['out_of_range']:.0f} {what} have a label that is no class of the model; those to ignore need a negative one"
        )
    if not sums["counted"]:
        raise ValueError(f"there are no labeled {what} to measure in {sums['examples']:.0f} examples")


def _shape(array: Any) -> str:
    return str(tuple(array.shape)) if hasattr(array, "shape") else f"of type {type(array).__name__}"
