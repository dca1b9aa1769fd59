"""The source: random access to examples, which are dicts of fields of declared kinds."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from tljax.data import fields
from tljax.registry import Registry

sources = Registry("source")


class Source(Protocol):
    """Random-access examples; workers pickle it, threads read it at the same time.

    `source[i]` is a dict that holds a value for each name in `fields`, such as ``{"x": image, "label": class id}``. A source may also have

    - ``name(i) -> str``, the file or place of example i, which errors quote;
    - ``fingerprint() -> str``, 16 hex digits that change with its content (see `fingerprint`);
    - ``note: str`` and ``source``, if it is a view of another source: the view in words (see `describe`).
    """

    @property
    def fields(self) -> Mapping[str, str]:
        """The kind of each field of an example, one of `fields.KINDS`; a source without labels has no ``label``."""

    @property
    def labels(self) -> np.ndarray | None:
        """The values [N, ...] of the field ``label`` where they can be read without decoding an input, else None."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in the order of their ids; empty where labels are no classes."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]: ...


def create(expression: Any) -> Source:
    """Creates the source that a call expression names, such as ``"digits"`` or ``"folder('images', split='train')"``.

    The source remembers its expression, which `describe` prints. A source is returned as it is.

    Raises:
      KeyError: unknown name. ValueError, FileNotFoundError: wrong arguments, missing or damaged files, an object that is no source.
    """
    source: Source = sources.create(expression)
    if isinstance(expression, str) and hasattr(source, "__dict__"):  # past the setattr of frozen dataclasses
        vars(source)["expression"] = expression
    _check(source)
    return source


def _check(source: Source) -> None:
    """Raises ValueError for an object that lacks a part of a `Source`, and for fields of unknown kinds."""
    kind = type(source).__name__
    parts = ("fields", "labels", "classes", "__len__", "__getitem__")
    if missing := [name for name in parts if not hasattr(source, name)]:
        raise ValueError(f"{kind} is no source: it has no {', '.join(missing)}; a source has {', '.join(parts)}")
    fields.check_kinds(origin_of(source), source.fields)
    named = next((kind for kind in source.fields.values() if kind in ("class", "classes", "distribution")), None)
    if named and not len(source.classes):
        raise ValueError(f"{origin_of(source)}: a field of kind {named!r} needs class names, but classes is empty")


def name_of(source: Source, index: int) -> str:
    """The origin of example `index`: its file if the source knows it, otherwise ``"example 3"``."""
    name = getattr(source, "name", None)
    return name(index) if callable(name) else f"example {index}"


def origin_of(source: Source) -> str:
    """The origin of a source: its expression, file or type, and its views in words, such as ``digits, 5 per class (seed 0)``."""
    if expression := getattr(source, "expression", None):
        return expression
    if (note := getattr(source, "note", None)) is not None:
        return ", ".join(part for part in (origin_of(source.source), note) if part)  # type: ignore[attr-defined]
    return getattr(source, "where", None) or type(source).__name__.lower()


def describe(source: Source) -> str:
    """One line on a source: its origin, length and labels, such as ``folder('flowers'), 432 examples of 12 classes``."""
    kind, num_classes = source.fields.get("label"), len(source.classes)
    if num_classes:
        labels = f"of {num_classes} class{'' if num_classes == 1 else 'es'}"
    else:
        labels = f"with labels of kind {kind}" if kind else "without labels"
    return f"{origin_of(source)}, {len(source)} example{'' if len(source) == 1 else 's'} {labels}"


def fingerprint(source: Source) -> str:
    """16 hex digits that differ for sources of different content.

    A source may define ``fingerprint()``. For any other it is a hash of the type, the length, the fields, the classes, the labels and the
    names of all examples.
    """
    own = getattr(source, "fingerprint", None)
    if callable(own):
        return str(own())
    kind = f"{type(source).__module__}.{type(source).__qualname__}"
    names = [name_of(source, i) for i in range(len(source))]
    content = (dict(source.fields), source.classes, source.labels, names)
    return digest(kind, len(source), *content)


def digest(*parts: Any) -> str:
    """16 hex digits of the SHA-256 of `parts`: arrays of numbers by dtype, shape and bytes, anything else by its JSON."""
    state = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray) and not part.dtype.hasobject:
            state.update(f"array {part.dtype.str} {part.shape} ".encode())
            state.update(np.ascontiguousarray(part).tobytes())
        else:
            state.update(f"{json.dumps(part, sort_keys=True, default=repr)} ".encode())
    return state.hexdigest()[:16]


def class_ids(source: Source) -> np.ndarray:
    """The class id of every example: int32 [N].

    Raises:
      ValueError: labels of another kind than ``class``, labels that are not readable without decoding, negative ids.
    """
    kind = source.fields.get("label")
    if kind != "class":
        actual = f"are of kind {kind!r}" if kind else "are absent"
        raise ValueError(f"{origin_of(source)}: one class per example is needed (labels of kind 'class'), but its labels {actual}")
    if source.labels is None:
        raise ValueError(f"{origin_of(source)}: its class ids cannot be read without decoding the examples (labels is None)")
    ids = np.asarray(source.labels)
    if (outside := np.flatnonzero((ids < 0) | (ids >= len(source.classes)))).size:
        first, ending = int(outside[0]), f"is no class id (0 to {len(source.classes) - 1})"
        raise ValueError(f"{origin_of(source)}: the label {ids[first]} of {name_of(source, first)} {ending}")
    return ids


def class_counts(source: Source) -> np.ndarray:
    """The number of examples of each class: int64 [num_classes]. Raises ValueError where labels are not of kind ``class``."""
    return np.bincount(class_ids(source), minlength=len(source.classes))
