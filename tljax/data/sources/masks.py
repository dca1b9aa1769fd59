"""The source ``masks``: a folder of images with a folder of label images, for segmentation."""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tljax.data.source import Source, digest, sources
from tljax.data.sources.images import image_files, names_and_sizes, read_image

_LABEL_MODES = ("1", "L", "P", "I", "I;16", "I;16L", "I;16B")


@dataclass(frozen=True, eq=False)
class Masks:
    """Image files with a label image each, decoded when read; build it with `masks`."""

    paths: tuple[str, ...]
    mask_paths: tuple[str, ...]
    ids: Mapping[int, int]  # pixel value -> id, or -1 where it is ignored
    classes: tuple[str, ...]

    @property
    def fields(self) -> Mapping[str, str]:
        """An image and its mask."""
        return {"x": "image", "label": "mask"}

    @property
    def labels(self) -> None:
        """None: masks are decoded when they are read."""

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Any]:
        x, values = read_image(self.paths[index]), read_mask(self.mask_paths[index])
        if x.shape[:2] != values.shape:
            raise ValueError(
                f"{self.mask_paths[index]}: the mask is {list(values.shape)} (H, W), but its image {self.paths[index]} {list(x.shape[:2])}"
            )
        return {"x": x, "label": self._to_ids(values, self.mask_paths[index])}

    def name(self, index: int) -> str:
        """The image file of an example."""
        return self.paths[index]

    def fingerprint(self) -> str:
        """A hash of the files' names and sizes and of the classes: the same for a copy of the folders."""
        ids = sorted(self.ids.items())
        files = (names_and_sizes(self.paths), names_and_sizes(self.mask_paths))
        return digest("masks", *files, ids, self.classes)

    def _to_ids(self, values: np.ndarray, path: str) -> np.ndarray:
        present, places = np.unique(values, return_inverse=True)
        if unknown := [int(v) for v in present if int(v) not in self.ids]:
            row, column = np.argwhere(values == unknown[0])[0]
            raise ValueError(
                f"{path}: pixel value {unknown[0]} at row {row}, column {column} is neither a class (there are {len(self.classes)}: "
                f"{', '.join(self.classes[:5])}{', ...' if len(self.classes) > 5 else ''}) nor ignored; name its class, or "
                f"ignore={unknown[0]}"
            )
        return np.array([self.ids[int(v)] for v in present], np.int32)[places].reshape(values.shape)


@sources.register
def masks(images: str, masks: str, classes: str | Sequence[str], ignore: int | Sequence[int] = ()) -> Source:
    """Images with a class for each pixel: ``x`` uint8 [H, W, C], ``label`` int32 [H, W], where -1 is ignored.

    The label of ``images/a/b.jpg`` is ``masks/a/b.png``: one channel of class numbers, or a palette image, of which the indices are read.
    Example: ``masks('camvid/train', 'camvid/trainannot', 'camvid/classes.txt', ignore=11)``.

    Args:
      images: the folder of images, at any depth.
      masks: the folder of label images (PNG) with the same names.
      classes: the class of pixel value 0, 1, ...: their names, or the path of a text file with one name a line.
      ignore: pixel values that become -1. Where `classes` names one of them, that class is left out and later ids move down.

    Raises:
      FileNotFoundError: no such folder or file of classes, images without a mask (counted). ValueError: two images of one name, no classes,
        or one that is named twice; on reading an example, files that do not decode, a mask of another size or in color, a pixel value that
        is neither a class nor ignored, with its file.
    """
    names = _class_names(classes)
    ignored = {ignore} if isinstance(ignore, int) else set(ignore)
    paths, masks_by_name = image_files(Path(images).expanduser()), _by_name(Path(masks).expanduser())
    keys = [_key(path, Path(images).expanduser()) for path in paths]
    if double := [key for key, count in Counter(keys).items() if count > 1]:
        raise ValueError(f"{images}: several images are called {double[0]!r}, and they cannot share one mask")
    missing = [path for path, key in zip(paths, keys, strict=True) if key not in masks_by_name]
    if missing:
        raise FileNotFoundError(
            f"{masks}: {len(missing)} of {len(paths)} images have no mask (PNG) of their name, the first is {missing[0]}"
        )
    if unused := sorted(set(masks_by_name) - set(keys)):
        print(f"{masks}: {len(unused)} masks have no image and are not used, the first is {masks_by_name[unused[0]]}", flush=True)
    remaining = [value for value in range(len(names)) if value not in ignored]
    ids = {value: i for i, value in enumerate(remaining)} | dict.fromkeys(ignored, -1)
    chosen = tuple(str(masks_by_name[key]) for key in keys)
    return Masks(tuple(map(str, paths)), chosen, ids, tuple(names[value] for value in remaining))


def read_mask(path: str | Path) -> np.ndarray:
    """A label image as integers [H, W]: the stored gray values, or the indices of a palette.

    Raises:
      FileNotFoundError: no such file. ValueError: it does not decode, or is in color; names the file.
    """
    try:
        with Image.open(path) as image:
            mode, values = image.mode, np.asarray(image)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file") from None
    except Exception as e:  # on damaged bytes the decoders raise many kinds of error
        raise ValueError(f"{path}: does not decode as an image: {e}") from None
    if mode not in _LABEL_MODES:
        raise ValueError(f"{path}: is a {mode} image; a mask has one channel of class numbers, or a palette")
    return values.astype(np.int32)


def _key(path: Path, root: Path) -> str:
    """A file's name below its folder, without its suffix and in Unicode's normal form."""
    return unicodedata.normalize("NFC", path.relative_to(root if root.is_dir() else root.parent).with_suffix("").as_posix())


def _by_name(root: Path) -> dict[str, Path]:
    if not root.exists():
        raise FileNotFoundError(f"{root}: there is no such folder of masks")
    return {_key(path, root): path for path in image_files(root) if path.suffix.lower() == ".png"}


def _class_names(classes: str | Sequence[str]) -> tuple[str, ...]:
    names = tuple(map(str, classes))
    if isinstance(classes, str):
        path = Path(classes).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"{path}: there is no such file of class names; classes= takes names, or a file with one name a line")
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    if not names or len(set(names)) != len(names):
        raise ValueError(f"classes={classes!r}: expected at least one name, and each once")
    return names
