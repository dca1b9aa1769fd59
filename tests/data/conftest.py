"""Small image folders, written by Pillow."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (6, 5), mode: str = "RGB") -> Path:
    """A random image of `size` (H, W); its pixels are a function of the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.fixture
def folder_of_images(tmp_path: Path) -> Path:
    """Two splits of three classes, one with a name and files beyond ASCII; `test` lacks the class dog."""
    for split, classes in {"train": ("cat", "dog", "été 猫"), "test": ("cat", "été 猫")}.items():
        for c, name in enumerate(classes):
            for i in range(2 + c):
                picture(tmp_path / "images" / split / name / f"ñ{i}.png", 10 * c + i)
    return tmp_path / "images"
