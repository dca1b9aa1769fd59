"""The source ``tagged``: sentences with a tag for each word, one word a line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tljax.data.source import Source, digest, sources

OUTSIDE = "O"


@dataclass(frozen=True, eq=False)
class Tagged:
    """Sentences in memory; build it with `tagged`.

    ``source[i]`` is ``{"x": n words, "label": int32 [n]}``, without ``"label"`` where `tags` is None.
    """

    words: tuple[tuple[str, ...], ...]
    tags: tuple[np.ndarray, ...] | None
    classes: tuple[str, ...]
    path: str
    lines: tuple[int, ...]

    @property
    def fields(self) -> Mapping[str, str]:
        """Words, with their tags unless there are none."""
        return {"x": "tokens"} if self.tags is None else {"x": "tokens", "label": "tags"}

    @property
    def labels(self) -> None:
        """None: sentences differ in length, so their tags make no array."""

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"x": self.words[index]} | ({} if self.tags is None else {"label": self.tags[index]})

    def name(self, index: int) -> str:
        """The file and the first line of a sentence."""
        return f"{self.path}, line {self.lines[index]}"

    def fingerprint(self) -> str:
        """A hash of the words and tags."""
        tags = None if self.tags is None else [one.tolist() for one in self.tags]
        return digest("tagged", self.words, tags, self.classes)


@sources.register
def tagged(file: str, text: int = 0, label: int | None = -1, classes: Sequence[str] | None = None) -> Source:
    """Sentences in CoNLL's form: one word a line with its tag in another column, a blank line between sentences.

    Columns are separated by tabs if any line has one, else by spaces. ``-DOCSTART-`` lines end a sentence and are left out.

    Args:
      file: UTF-8.
      text: the number of the word's column; negative ones count from the last.
      label: the number of the tag's column, likewise; None: the words have no tags.
      classes: the tags in the order of their ids; by default those in the file, sorted, ``O`` first.

    Raises:
      FileNotFoundError: no such file. ValueError: a line that lacks a column (names it), a tag that `classes` does not name, no word.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{file}: there is no such file")
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise ValueError(f"{file}: is no UTF-8 text ({e}); convert it to UTF-8") from None
    columns = (text,) if label is None else (text, label)
    sentences = list(_sentences(content, columns, file))
    if not sentences:
        raise ValueError(f"{file}: holds no word")
    lines, words = zip(*((line, tuple(row[0] for row in rows)) for line, rows in sentences), strict=True)
    if label is None:
        return Tagged(words, tags=None, classes=(), path=file, lines=lines)
    names = _class_names([row[1] for _, rows in sentences for row in rows], classes, file)
    ids = {name: i for i, name in enumerate(names)}
    tags = tuple(np.array([ids[row[1]] for row in rows], np.int32) for _, rows in sentences)
    return Tagged(words, tags=tags, classes=names, path=file, lines=lines)


def _sentences(content: str, columns: tuple[int, ...], file: str) -> Iterator[tuple[int, list[list[str]]]]:
    """For each sentence ``(number of its first line, the cells of `columns` of each line)``."""
    separator = "\t" if "\t" in content else None
    rows: list[list[str]] = []
    start = 0
    for number, line in enumerate((*content.split("\n"), ""), 1):  # splitlines would also cut at characters that occur within tweets
        if not line.strip() or line.startswith("-DOCSTART-"):
            if rows:
                yield start, rows
            rows = []
            continue
        cells = [cell.strip() for cell in line.split("\t")] if separator else [cell for cell in line.strip().split(" ") if cell]
        if short := [column for column in columns if not -len(cells) <= column < len(cells)]:
            raise ValueError(f"{file}: line {number} has {len(cells)} columns, so no column {short[0]}: {line[:60]!r}")
        row = [cells[column] for column in columns]
        # Without this check the word of a line that lost its tag would count as its tag.
        if len(columns) == 2 and (len(cells) < 2 or not all(row)):
            raise ValueError(f"{file}: line {number}: expected a word and its tag, found {line[:60]!r}")
        start = start if rows else number
        rows.append(row)


def _class_names(tags: Sequence[str], classes: Sequence[str] | None, file: str) -> tuple[str, ...]:
    present = set(tags)
    if classes is None:
        return tuple(sorted(present, key=lambda tag: (tag != OUTSIDE, tag)))
    if isinstance(classes, str) or len(set(classes)) != len(classes):
        raise ValueError(f"{file}: classes={classes!r} must be a list of different tags")
    if unknown := sorted(present - set(classes)):
        raise ValueError(f"{file}: {', '.join(map(repr, unknown[:5]))} not among the tags {', '.join(map(repr, list(classes)[:20]))}")
    return tuple(map(str, classes))
