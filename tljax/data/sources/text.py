"""The source ``text``: texts, or pairs of texts, from a table."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tljax.data.source import Source, digest, sources
from tljax.data.sources.labels import encode

SEPARATORS = {".csv": ",", ".tsv": "\t"}
Row = dict[str | int, Any]


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts in memory; build it with `text`.

    ``source[i]`` is ``{"x": str, "label": ...}``, with ``"pair": str`` where there are pairs and without ``"label"`` where labels are None.
    """

    texts: tuple[str, ...]
    pairs: tuple[str, ...]
    labels: np.ndarray | None
    classes: tuple[str, ...]
    path: str
    lines: tuple[int, ...]
    kind: str = "class"

    @property
    def fields(self) -> Mapping[str, str]:
        """One text or two, with a label of `kind` unless there are no labels."""
        pair = {"pair": "text"} if self.pairs else {}
        return {"x": "text", **pair} if self.labels is None else {"x": "text", **pair, "label": self.kind}

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> dict[str, Any]:
        pair = {"pair": self.pairs[index]} if self.pairs else {}
        label = {} if self.labels is None else {"label": self.labels[index]}
        return {"x": self.texts[index], **pair, **label}

    def name(self, index: int) -> str:
        """The file and the line of an example."""
        return f"{self.path}, line {self.lines[index]}"

    def fingerprint(self) -> str:
        """A hash of the texts and labels."""
        content = (self.texts, self.pairs, self.labels, self.classes, self.fields)
        return digest("texts", *content)


@sources.register
def text(
    path: str,
    text: str | int = "text",
    label: str | int = "label",
    pair: str | int = "",
    classes: Sequence[str] | None = None,
    kind: str | None = None,
) -> Source:
    """Texts with labels from a ``.csv``, ``.tsv`` or ``.jsonl`` file; or from a ``.txt`` file, one text a line, without labels.

    Labels that are whole numbers are class ids, other numbers regression targets. All other labels are class names, and so are numbers that
    `classes` lists. Whole numbers that are no classes, such as marks from 1 to 5, need ``kind="number"``.

    Args:
      path: UTF-8. A ``.csv`` may quote its cells; a ``.tsv`` has no quotes. A ``.jsonl`` holds one object a line.
      text: the column of the text: a name in the header (in ``.jsonl`` a key), or its number from 0 in a table without header.
      label: the column of the label, likewise; ``""``: the texts have no labels.
      pair: the column of a second text, likewise; ``""``: there is none.
      classes: class names in the order of their ids.
      kind: kind of the labels, ``class`` or ``number``; None: as above.

    Raises:
      FileNotFoundError: no such file. ValueError: another suffix, a missing column, a line that cannot be read or lacks a cell, no text at
        all, labels outside the classes; names the file, and the line and the column if there is one.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    plain = file.suffix.lower() == ".txt"
    columns = {"text": 0} if plain else {name: c for name, c in (("text", text), ("label", label), ("pair", pair)) if c != ""}
    rows = [(line, {name: row[column] for name, column in columns.items()}) for line, row in _rows(file, tuple(columns.values()))]
    if not rows:
        raise ValueError(f"{path}: holds no text")
    texts, pairs = (tuple(str(row[name]) for _, row in rows) if name in columns else () for name in ("text", "pair"))
    lines = tuple(line for line, _ in rows)
    if "label" not in columns:
        return Texts(texts, pairs, labels=None, classes=(), path=str(path), lines=lines)
    labels = encode(_values([row["label"] for _, row in rows], classes), classes, str(path), kind)
    return Texts(texts, pairs, labels=labels.values, classes=labels.classes, path=str(path), lines=lines, kind=labels.kind)


def _rows(file: Path, columns: Sequence[str | int]) -> Iterator[tuple[int, Row]]:
    try:
        content = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise ValueError(f"{file}: is no UTF-8 text ({e}); convert it to UTF-8") from None
    kind = file.suffix.lower()
    if kind == ".txt":
        return ((number, {0: line}) for number, line in enumerate(content.split("\n"), 1) if line.strip())
    if kind == ".jsonl":
        return _objects(file, content, columns)
    if kind not in SEPARATORS:
        raise ValueError(f"{file}: expected a table of texts ({', '.join([*SEPARATORS, '.jsonl'])}) or texts alone (.txt)")
    return _cells(file, content, columns, SEPARATORS[kind])


def _objects(file: Path, content: str, columns: Sequence[str | int]) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as e:
            raise ValueError(f"{file}: line {number} is no JSON: {e}") from None
        if missing := [column for column in columns if not isinstance(row, dict) or column not in row]:
            keys = ", ".join(row) if isinstance(row, dict) else type(row).__name__
            raise ValueError(f"{file}: line {number} has no {missing[0]!r}; it holds {keys}")
        if bad := [column for column in columns if not isinstance(row[column], str | int | float)]:
            raise ValueError(f"{file}: line {number}: {bad[0]!r} is {json.dumps(row[bad[0]])[:60]}, neither text nor number")
        yield number, row


def _cells(file: Path, content: str, columns: Sequence[str | int], separator: str) -> Iterator[tuple[int, Row]]:
    quoting: Any = csv.QUOTE_MINIMAL if separator == "," else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, quoting=quoting, strict=True)
    header: list[str] | None = None if any(isinstance(column, str) for column in columns) else []
    limit = csv.field_size_limit(max(len(content), 1))  # a text may be longer than the module's default allows
    try:
        for cells in reader:
            if header is None:
                header = [cell.strip() for cell in cells]
                if missing := [column for column in columns if isinstance(column, str) and column not in header]:
                    hint = "name it with text=, label= or pair=; for a table without a header give numbers (text=0)"
                    raise ValueError(f"{file}: no column {missing[0]!r} in the header {', '.join(header)}; {hint}")
            elif cells:
                places = {column: header.index(column) if isinstance(column, str) else column for column in columns}
                if short := [column for column, place in places.items() if not 0 <= place < len(cells)]:
                    raise ValueError(f"{file}: line {reader.line_num} has {len(cells)} cells, so no column {short[0]!r}")
                yield reader.line_num, {column: cells[place] for column, place in places.items()}
    except csv.Error as e:
        raise ValueError(f"{file}: line {reader.line_num}: {e}") from None
    finally:
        csv.field_size_limit(limit)


def _values(labels: Sequence[Any], classes: Sequence[str] | None) -> np.ndarray:
    """Ids if all labels are whole numbers, targets if all are numbers, otherwise names."""
    texts = [str(label).strip() for label in labels]
    if classes is not None and set(texts) <= set(classes):
        return np.array(texts)
    for kind in (np.int64, np.float64):
        try:
            return np.array([kind(t) for t in texts])
        except (ValueError, OverflowError):
            continue
    return np.array(texts)
