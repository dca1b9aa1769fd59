"""A source with its classes numbered as in another list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tljax.data.source import Source, digest, fingerprint, name_of, origin_of

_IDS, _COLUMNS = ("class", "mask", "tags"), ("classes", "distribution")


@dataclass(frozen=True, eq=False)
class Relabeled:
    """A source whose class ids are mapped when an example is read; build it with `relabel` or `only_classes`."""

    source: Source
    new_ids: np.ndarray  # [number of classes of `source`] -> id in `classes`, -1 where no example has the class
    classes: tuple[str, ...]
    note: str

    @property
    def fields(self) -> Mapping[str, str]:
        """The fields of the source."""
        return self.source.fields

    @cached_property
    def labels(self) -> np.ndarray | None:
        """The labels of the source, renumbered."""
        return None if self.source.labels is None else self._renumbered(self.source.labels)

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        example = self.source[index]
        return {**example, "label": self._renumbered(example["label"])}

    def name(self, index: int) -> str:
        """The name of an example in the source."""
        return name_of(self.source, index)

    def fingerprint(self) -> str:
        """A hash of the source's fingerprint and of the map of the classes."""
        return digest("relabeled", fingerprint(self.source), self.new_ids, self.classes)

    def _renumbered(self, label: Any) -> Any:
        label = np.asarray(label)
        if self.fields["label"] in _COLUMNS:
            columns = np.zeros((*label.shape[:-1], len(self.classes)), label.dtype)
            columns[..., self.new_ids] = label
            return columns
        return np.where(label < 0, label, self.new_ids[label]).astype(np.int32)[()]


def relabel(source: Source, classes: Sequence[str], by_order: bool = False) -> Source:
    """The same examples with their labels numbered as in `classes`.

    Class ids, tags and pixels of masks are looked up in a table; negative ones stay. Columns of several classes and of distributions are
    permuted, with 0 for a class that the source lacks. A source with labels of other kinds, or without labels, is returned as it is.

    Args:
      source: a source with class names.
      classes: the names in the new order, such as those of the training data.
      by_order: take class i for class i, whatever the names.

    Raises:
      ValueError: a class of the source that `classes` lacks; with `by_order` lists of different lengths.
    """
    old, new = tuple(source.classes), tuple(str(c) for c in classes)
    if source.fields.get("label") not in (*_IDS, *_COLUMNS) or old == new:
        return source
    if by_order:
        if len(old) != len(new):
            raise ValueError(f"{origin_of(source)}: has {len(old)} classes, to be matched by order with {len(new)}; match them by name")
        return Relabeled(source, np.arange(len(old), dtype=np.int32), new, "classes matched by order")
    try:
        new_ids = class_positions(old, new, "the training data")
    except ValueError as e:
        raise ValueError(f"{origin_of(source)}: {e}; drop them with data.classes / only_classes, or match by order") from None
    return Relabeled(source, new_ids, new, "classes matched by name")


def class_positions(names: Sequence[str], classes: Sequence[str], owner: str) -> np.ndarray:
    """The position in `classes` of each of `names`: int32 [len(names)].

    Args:
      names: class names to look up.
      classes: names in the order of their ids.
      owner: whose classes they are, for the error.

    Raises:
      ValueError: names that `classes` lacks; it lists them.
    """
    if missing := [name for name in names if name not in classes]:
        raise ValueError(f"names the classes {_some(missing)} that {owner} lacks; it has {_some(classes)}")
    return np.array([list(classes).index(name) for name in names], np.int32)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:10]))
    return f"[{shown}{f', ... {len(names)} in all' if len(names) > 10 else ''}]"
