"""The splits that a data set comes with, as a recipe's `Data`."""

import pathlib

from experiments.config import Data


def of_folder(folder: str) -> Data:
    """Images below a folder: those of its sub-folders ``train``, ``val`` and ``test`` that exist, or ``CLASS/*`` if there are none."""
    root = pathlib.Path(folder).expanduser()
    splits = {name: f"folder({folder!r}, split={name!r})" for name in ("train", "val", "test") if (root / name).is_dir()}
    return Data(source=splits.get("train", f"folder({folder!r})"), val=splits.get("val", ""), test=splits.get("test", ""))


def named(data: str) -> Data:
    """`of_folder` if `data` is a folder or looks like a path; else the splits ``train`` and ``test`` of the TFDS data set `data`."""
    if pathlib.Path(data).expanduser().is_dir() or data.startswith((".", "/", "~")):
        return of_folder(data)
    return Data(source=f"tfds({data!r}, split='train')", test=f"tfds({data!r}, split='test')")
