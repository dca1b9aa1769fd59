"""The source ``folder``: images in one folder per class."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tljax.data.source import Source, sources
from tljax.data.sources.images import SUFFIXES, from_files, is_image
from tljax.data.sources.labels import encode

_SPLITS = ("train", "training", "val", "valid", "validation", "test")


@sources.register
def folder(root: str, split: str | None = None, classes: Sequence[str] | None = None, on_error: str = "raise") -> Source:
    """Images as ``root/class/*.png|jpg|jpeg|bmp|webp``, or ``root/split/class/*``: uint8 [H, W, C], classes sorted by name.

    Hidden files, and files of other kinds, are ignored.

    Args:
      root: the folder.
      split: the sub-folder to read, if `root` holds train/, val/, test/.
      classes: the classes in the order of their ids, such as those of the training split; a class may then be absent here.
      on_error: treatment of an image that does not decode: ``"raise"`` when it is read, or ``"skip"`` (see `from_files`).

    Raises:
      FileNotFoundError: no such folder. ValueError: no classes, no images, a split that is missing or not chosen, a class folder that
        `classes` does not name, or one without images.
    """
    top = _top(Path(root).expanduser(), split)
    by_class = {d: sorted(p for p in d.iterdir() if is_image(p)) for d in _folders(top)}
    empty = [d.name for d, paths in by_class.items() if not paths]
    if empty and classes is None:
        raise ValueError(
            f"{top}: the class folder {empty[0]!r} holds no image ({', '.join(SUFFIXES)}); remove it, or name all classes with classes="
        )
    # Unicode can write one name in two ways, depending on the system that packed the folder.
    names = [_normalized(d.name) for d, paths in by_class.items() for _ in paths]
    order = [_normalized(c) for c in classes] if classes is not None and not isinstance(classes, str) else classes
    paths = [path for class_paths in by_class.values() for path in class_paths]
    if not paths:
        raise ValueError(f"{top}: its class folders hold no image ({', '.join(SUFFIXES)})")
    labels = encode(np.array(names), order, str(top))
    return from_files(paths, labels.values, labels.classes, on_error)


def _top(root: Path, split: str | None) -> Path:
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: there is no such folder")
    inner = _folders(root)
    if split is None:
        # A class may be called "train": then it holds images itself.
        splits = [d.name for d in inner if d.name.lower() in _SPLITS and _folders(d) and not any(map(is_image, d.iterdir()))]
        if splits:
            raise ValueError(f"{root}: holds the splits {', '.join(splits)}; choose one with split=")
    elif not (root / split).is_dir():
        raise ValueError(f"{root}: has no split {split!r}; it holds {', '.join(d.name for d in inner[:20]) or 'no folder'}")
    top = root / split if split else root
    if not _folders(top):
        loose = sum(map(is_image, top.iterdir()))
        hint = f"; {loose} images lie directly in it: put them into folders named after their classes" if loose else ""
        raise ValueError(f"{top}: holds no classes (one folder of images per class is expected){hint}")
    return top


def _folders(path: Path) -> list[Path]:
    return sorted(d for d in path.iterdir() if d.is_dir() and not d.name.startswith("."))


def _normalized(name: str) -> str:
    return unicodedata.normalize("NFC", str(name))
