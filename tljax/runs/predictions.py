"""Predictions as rows of a file or lines of a table."""

import csv
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from tljax import data
from tljax.runs import pretrained

Row = dict[str, Any]


def input_source(
    opened: pretrained.Pretrained, path: str, expression: str, *, column: str = "text", on_error: str = "raise"
) -> data.Source:
    """The source to predict on: a call expression, or a path of images or of a table of texts.

    Raises:
      ValueError, FileNotFoundError: an error of the source; a path for a model of vectors.
    """
    if expression:
        return data.create(expression)
    if len(opened.config.input_size) == 1:
        return data.create(f"text({path!r}, text={column!r}, label='')")
    if len(opened.config.input_size) == 2:
        return data.create(f"unlabeled({path!r}, on_error={on_error!r})")
    raise ValueError(f'--input={path}: the model takes vectors; give them as a source, --data="npz({path!r})"')


def read_columns(path: str, names: Sequence[str], size: int) -> list[Row]:
    """Read columns of the table `path`: one dict for each of its `size` rows, empty if there are no `names`.

    Raises:
      ValueError: a missing column, or another number of rows.
    """
    if not names:
        return [{} for _ in range(size)]
    texts = [data.create(f"text({path!r}, text={name!r}, label='')") for name in names]
    if any(len(source) != size for source in texts):
        raise ValueError(f"{path}: the columns {', '.join(names)} do not have {size} rows")
    return [{name: source[i]["x"] for name, source in zip(names, texts, strict=True)} for i in range(size)]


def with_columns(rows: Iterable[Row], carried: Sequence[Row]) -> Iterator[Row]:
    """Insert the carried columns into each row, after the file."""
    for row, extra in zip(rows, carried, strict=True):
        yield {"file": row["file"], **extra, **{name: value for name, value in row.items() if name != "file"}}


def write(path: str | os.PathLike[str], rows: Iterable[Row]) -> str:
    """Write rows as ``.csv`` or ``.jsonl``; the file is complete or absent. Returns a line that says what was written.

    Masks `[H, W]` become PNGs of class ids in the folder ``NAME_masks`` next to the file; the row holds their path. 255 means no class. A
    mask with an id above 254 has 16 bits, and 65535 means no class.

    Raises:
      ValueError: another suffix.
      OSError: the file cannot be written.
    """
    out = pathlib.Path(path)
    if out.suffix.lower() not in (".csv", ".jsonl"):
        raise ValueError(f"{out}: predictions are written as .csv or .jsonl")
    folder = out.with_name(f"{out.stem}_masks")
    plain = [_with_files(row, folder, i) for i, row in enumerate(rows)]
    temporary = out.with_name(out.name + ".tmp")
    if out.suffix.lower() == ".csv":
        flat = [_flat(row) for row in plain]
        with temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(dict.fromkeys(name for row in flat for name in row)))
            writer.writeheader()
            writer.writerows(flat)
    else:
        temporary.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in plain), encoding="utf-8")
    os.replace(temporary, out)
    return f"{out}: {len(plain)} rows" + (f"; masks in {folder}" if folder.is_dir() else "")


def display_row(row: Mapping[str, Any]) -> Row:
    """A row for the screen: one column for each of the likeliest classes, and the size of an array in its place."""
    cells: Row = {}
    for name, value in row.items():
        if name == "predictions":
            cells |= {f"{i + 1}.": f"{p['class']} {p['probability']:.3f}" for i, p in enumerate(value)}
        elif isinstance(value, np.ndarray):
            cells[name] = f"{value.shape[0]} x {value.shape[1]}"
        elif name not in ("class", "probability") or "predictions" not in row:
            cells[name] = ", ".join(map(str, value)) if isinstance(value, list) else value
    return cells


def _with_files(row: Row, folder: pathlib.Path, place: int) -> Row:
    """Write the row's arrays as PNGs; returns the row with their paths."""
    out = dict(row)
    for name, value in row.items():
        if isinstance(value, np.ndarray):
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{place:06}_{pathlib.Path(str(row['file'])).stem}.png"
            none = 255 if value.max(initial=0) < 255 else 65535
            Image.fromarray(np.where(value < 0, none, value).astype(np.uint8 if none == 255 else np.uint16)).save(file)
            out[name] = f"{folder.name}/{file.name}"
    return out


def _flat(row: Mapping[str, Any]) -> Row:
    """A row with one cell for each value: lists are joined by ``;``, the listed predictions are numbered."""
    cells: Row = {}
    for name, value in row.items():
        if name == "predictions":
            for i, one in enumerate(value, 1):
                cells |= {f"class_{i}": one["class"], f"probability_{i}": one["probability"]}
        elif isinstance(value, list | tuple):
            cells[name] = ";".join("" if part is None else str(part) for part in value)
        elif not (name in ("class", "probability") and "predictions" in row):
            cells[name] = value
    return cells
