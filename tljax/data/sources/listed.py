"""The source ``listed``: a folder of images with a text file of labels."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tljax.data.source import Source, sources
from tljax.data.sources.images import SUFFIXES, from_files
from tljax.data.sources.labels import encode


@sources.register
def listed(images: str, labels: str, classes: Sequence[str] | None = None, on_error: str = "raise") -> Source:
    """The images that a list names, below one folder: uint8 [H, W, C], in the order of the list.

    Args:
      images: the folder that the names in the list are relative to.
      labels: a text file with ``name label`` in each line, or a ``.csv`` with ``name,label``. A first line whose first cell is no image's
        name is a header. Whole numbers are class ids, other labels class names.
      classes: class names in the order of their ids.
      on_error: treatment of an image that does not decode (see `from_files`); a missing image is always an error.

    Raises:
      FileNotFoundError: no such folder or list, or missing images (counted). ValueError: a line without name and label, an empty list,
        labels outside the classes.
    """
    folder, path = Path(images).expanduser(), Path(labels).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    rows = _rows(path)
    files = [folder / name for name, _ in rows]
    missing = [f for f in files if not f.is_file()]
    if missing:
        raise FileNotFoundError(f"{path}: {len(missing)} of {len(files)} images are missing, the first is {missing[0]}")
    encoded = encode(_values([label for _, label in rows], classes), classes, str(path))
    return from_files(files, encoded.values, encoded.classes, on_error)


def _rows(path: Path) -> list[tuple[str, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as e:
        raise ValueError(f"{path}: is no UTF-8 text ({e}); convert it to UTF-8") from None
    lines = csv.reader(text) if path.suffix.lower() == ".csv" else (line.rsplit(maxsplit=1) for line in text)
    numbered = [(number, [cell.strip() for cell in cells]) for number, cells in enumerate(lines, 1) if any(cells)]
    if numbered and path.suffix.lower() == ".csv" and not numbered[0][1][0].lower().endswith(SUFFIXES):
        numbered = numbered[1:]
    wrong = next((number for number, cells in numbered if len(cells) != 2 or not all(cells)), None)
    if wrong is not None:
        raise ValueError(f"{path}: line {wrong}: expected an image's name and its label, found {text[wrong - 1][:60]!r}")
    if not numbered:
        raise ValueError(f"{path}: lists no image")
    return [(cells[0], cells[1]) for _, cells in numbered]


def _values(labels: list[str], classes: Sequence[str] | None) -> np.ndarray:
    """Ids if every label is a whole number and no class name; otherwise names."""
    named = classes is not None and set(labels) <= set(classes)
    if named or not all(re.fullmatch("-?[0-9]{1,9}", label) for label in labels):
        return np.array(labels)
    return np.array([int(label) for label in labels])
