"""A source of image files."""

import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from tljax.data.source import Source, digest, sources

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


@dataclass(frozen=True, eq=False)
class Images:
    """Image files with their labels; decoded when read."""

    paths: tuple[str, ...]
    labels: np.ndarray | None
    classes: tuple[str, ...]

    @property
    def fields(self) -> Mapping[str, str]:
        """An image, with one class unless there are no labels."""
        return {"x": "image"} if self.labels is None else {"x": "image", "label": "class"}

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"x": read_image(self.paths[index])} | ({} if self.labels is None else {"label": self.labels[index]})

    def name(self, index: int) -> str:
        """The file of an example."""
        return self.paths[index]

    def fingerprint(self) -> str:
        """A hash of the files' names and sizes and of their labels: the same for a copy of the folder."""
        return digest("images", names_and_sizes(self.paths), self.labels, self.classes)


def names_and_sizes(paths: Sequence[str]) -> list[tuple[str, int]]:
    """The name of each file, relative to the folder that holds them all, and its size in bytes."""
    absolute = [os.path.abspath(path) for path in paths]
    root = os.path.commonpath([os.path.dirname(path) for path in absolute]) if absolute else ""
    return [(unicodedata.normalize("NFC", os.path.relpath(path, root)), os.stat(path).st_size) for path in absolute]


def read_image(path: str | Path) -> np.ndarray:
    """An image file as uint8 [H, W, C], turned upright as its EXIF orientation says.

    Gray images keep one channel; RGBA, palette, gray with alpha and CMYK become RGB (alpha is dropped); 16-bit gray is scaled to 0..255.

    Raises:
      FileNotFoundError: no such file. ValueError: it does not decode (truncated, damaged, no image), with its name.
    """
    return decode(path, str(path))


def decode(file: str | Path | BinaryIO, where: str) -> np.ndarray:
    """`read_image` for a path or an open file; errors quote `where`."""
    try:
        with Image.open(file) as image:
            return _to_array(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise FileNotFoundError(f"{where}: there is no such file") from None
    except Exception as e:  # on damaged bytes the decoders raise many kinds of error
        raise ValueError(f"{where}: does not decode as an image: {e}") from None


def _to_array(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.int64)
        if deep.min() < 0 or deep.max() > 65535:
            raise ValueError(f"gray values from {deep.min()} to {deep.max()} are not 16-bit")
        return ((deep * 255 + 32767) // 65535).astype(np.uint8)[..., None]
    if image.mode == "F":
        raise ValueError("floating-point images have no stated range")
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))[..., None]
    if image.mode == "P":  # by way of RGBA, as Pillow warns about palettes with transparency
        image = image.convert("RGBA")
    return np.asarray(image.convert("RGB"))


def is_image(path: Path) -> bool:
    """True for an image file, by its suffix, that is not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def image_files(path: str | Path) -> list[Path]:
    """The image files below a folder, at any depth, sorted by path; of a file that file alone. Hidden files and folders are skipped.

    Raises:
      FileNotFoundError: no such file or folder. ValueError: a folder without images.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: there is no such file or folder")
    files = sorted(p for p in path.rglob("*") if is_image(p) and not any(part.startswith(".") for part in p.relative_to(path).parts))
    if not files:
        raise ValueError(f"{path}: holds no image ({', '.join(SUFFIXES)})")
    return files


def from_files(
    paths: Sequence[str | Path], labels: np.ndarray | None = None, classes: Sequence[str] = (), on_error: str = "raise"
) -> Images:
    """A source of image files.

    Args:
      paths: N files.
      labels: class ids, int32 [N]; None: the images have no labels.
      classes: class names in the order of their ids.
      on_error: ``"raise"``: reading a file that does not decode is an error that names it. ``"skip"``: decode every file once now and leave
        out those that fail; their number and the first names are printed.

    Raises:
      ValueError: another `on_error`; labels of another shape; no file that decodes.
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error={on_error!r} must be 'raise' or 'skip'")
    ids = None if labels is None else np.asarray(labels, np.int32)
    if ids is not None and ids.shape != (len(paths),):
        raise ValueError(f"{len(paths)} image files need one class id each; the labels are {list(ids.shape)}")
    source = Images(tuple(str(p) for p in paths), ids, tuple(classes))
    return _without_undecodable(source) if on_error == "skip" else source


def _without_undecodable(source: Images) -> Images:
    bad: dict[int, str] = {}
    for i, path in enumerate(tqdm(source.paths, desc="checking images", delay=1)):
        try:
            read_image(path)
        except (ValueError, OSError) as e:
            bad[i] = str(e)
    if not bad:
        return source
    named = "; ".join(list(bad.values())[:5])
    message = f"{len(bad)} of {len(source)} images do not decode: {named}{' and others' if len(bad) > 5 else ''}"
    if len(bad) == len(source):
        raise ValueError(message)
    print(f"skipped: {message}", flush=True)
    good = [i for i in range(len(source)) if i not in bad]
    return Images(tuple(source.paths[i] for i in good), None if source.labels is None else source.labels[good], source.classes)


@sources.register
def unlabeled(path: str, on_error: str = "raise") -> Source:
    """The images of a folder, at any depth, or one image file, without labels.

    Errors as in `image_files` and `from_files`.
    """
    return from_files(image_files(path), on_error=on_error)
