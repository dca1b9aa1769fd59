"""A stated distortion of a source of images: a shifted target with the same labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from tljax.data.order import bits
from tljax.data.source import Source, name_of


@dataclass(frozen=True, eq=False)
class Distorted:
    """A source whose inputs are distorted when read; build it with `distort`."""

    source: Source
    invert: bool
    noise: float
    rotate: float
    seed: int

    @property
    def labels(self) -> np.ndarray:
        """The labels of the source."""
        return self.source.labels

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the source."""
        return self.source.classes

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        example = self.source[index]
        x = rotated(np.asarray(example["x"]), self.rotate, self.name(index))
        if self.invert or self.noise:
            x = unit_float(x)
            x = 1 - x if self.invert else x
            normal = np.random.Generator(bits("noise", self.seed, range(len(self))[index])).standard_normal(x.shape, np.float32)
            x = np.clip(x + np.float32(self.noise) * normal, 0, 1)
        return {**example, "x": x}

    def name(self, index: int) -> str:
        """Where an example comes from."""
        return name_of(self.source, index)


def distort(source: Source, invert: bool = False, noise: float = 0.0, rotate: float = 0, seed: int = 0) -> Source:
    """The same examples with inputs rotated, then inverted, then with noise added; labels and order stay.

    x' = clip(1 - R(x) + noise * N(0, 1), 0, 1), without ``1 -`` unless `invert`. The noise of an example is a pure function of `seed` and
    of its index in `source`, the same in every epoch.

    Args:
      source: inputs uint8 (0..255) or float in [0, 1], of any shape; rotation needs [H, W, C].
      invert: take 1 - x.
      noise: standard deviation of Gaussian noise, in units of the full range [0, 1].
      rotate: degrees counter-clockwise. Multiples of 90 are exact (90 and 270 swap H and W); others are bilinear, same size, zero outside.
      seed: of the noise.

    Returns:
      A source with float32 inputs in [0, 1], clipped; rotation by multiples of 90 alone keeps the dtype.

    Raises:
      ValueError: noise below 0; on reading, an input that is not [H, W, C] (with rotation) or neither uint8 nor float.
    """
    if not noise >= 0:
        raise ValueError(f"distort(noise={noise}): must be at least 0")
    return Distorted(source, bool(invert), float(noise), float(rotate), int(seed))


def unit_float(x: np.ndarray) -> np.ndarray:
    """Values as float32 in [0, 1]: uint8 is divided by 255, floats stay. Raises ValueError for another dtype."""
    if x.dtype == np.uint8:
        return x.astype(np.float32) / 255
    if x.dtype.kind != "f":
        raise ValueError(f"x is {x.dtype}; wanted is uint8 (0 to 255) or float in [0, 1]")
    return x.astype(np.float32)


def rotated(x: np.ndarray, degrees: float, where: str) -> np.ndarray:
    """An image [H, W, C] turned counter-clockwise; see `distort` for the angles. Raises ValueError for another shape."""
    if degrees % 360 == 0:
        return x
    if x.ndim != 3:
        raise ValueError(f"{where}: x is {list(x.shape)}; only images [H, W, C] can be rotated")
    if degrees % 90 == 0:
        return np.ascontiguousarray(np.rot90(x, round(degrees / 90)))
    return np.clip(ndimage.rotate(unit_float(x), degrees, reshape=False, order=1), 0, 1)
