"""A stated distortion of a source of images: a shifted target with the same labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from tljax.data.order import bits
from tljax.data.source import Source, digest, fingerprint, name_of, origin_of


@dataclass(frozen=True, eq=False)
class Distorted:
    """A source whose inputs are distorted when read; build it with `distort`."""

    source: Source
    invert: bool
    noise: float
    rotate: float
    seed: int

    @property
    def fields(self) -> Mapping[str, str]:
        """The fields of the source."""
        return self.source.fields

    @property
    def note(self) -> str:
        """The distortions in words, for `describe`."""
        applied = {
            "inverted": self.invert,
            f"noise {self.noise:g} (seed {self.seed})": self.noise,
            f"rotated by {self.rotate:g}": self.rotate,
        }
        return ", ".join(name for name, value in applied.items() if value)

    @property
    def labels(self) -> np.ndarray | None:
        """The labels of the source."""
        return self.source.labels

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the source."""
        return self.source.classes

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        example = self._rotated(self.source[index], index)
        x = np.asarray(example["x"])
        if self.invert or self.noise:
            x = unit_float(x)
            x = 1 - x if self.invert else x
            normal = np.random.Generator(bits("noise", self.seed, range(len(self))[index])).standard_normal(x.shape, np.float32)
            x = np.clip(x + np.float32(self.noise) * normal, 0, 1)
        return {**example, "x": x}

    def name(self, index: int) -> str:
        """The name of an example in the source."""
        return name_of(self.source, index)

    def fingerprint(self) -> str:
        """A hash of the source's fingerprint and of the distortion."""
        settings = (self.invert, self.noise, self.rotate, self.seed)
        return digest("distorted", fingerprint(self.source), *settings)

    def _rotated(self, example: dict[str, Any], index: int) -> dict[str, Any]:
        """The example with all its images and masks turned together."""
        turn = {"image": rotated, "mask": rotated_mask}
        fields = {name: kind for name, kind in self.fields.items() if kind in turn and name in example}
        return example | {name: turn[kind](np.asarray(example[name]), self.rotate, self.name(index)) for name, kind in fields.items()}


def distort(source: Source, invert: bool = False, noise: float = 0.0, rotate: float = 0, seed: int = 0) -> Source:
    """The same examples with distorted inputs: rotated, then inverted, then with noise. Labels and order stay; masks turn along.

    x' = clip(1 - R(x) + noise * N(0, 1), 0, 1) with `invert`, else x' = clip(R(x) + noise * N(0, 1), 0, 1); R is the rotation. The noise of
    an example is a pure function of `seed` and of its index in `source`, the same in every epoch.

    Args:
      source: inputs uint8 (0..255) or float in [0, 1], of any shape; rotation needs [H, W, C].
      invert: take 1 - x.
      noise: standard deviation of Gaussian noise, in units of the full range [0, 1].
      rotate: degrees counter-clockwise. Multiples of 90 are exact (90 and 270 swap H and W); others are bilinear, same size, zero outside
        (masks: nearest, -1 outside).
      seed: of the noise.

    Returns:
      A source with float32 inputs in [0, 1], clipped; rotation by multiples of 90 alone keeps the dtype.

    Raises:
      ValueError: noise below 0; inputs that are no arrays of numbers; with rotation, inputs that are no images, or fields of boxes or
        points; on reading, an input that is not [H, W, C] (with rotation) or neither uint8 nor float.
    """
    if not noise >= 0:
        raise ValueError(f"distort(noise={noise}): expected a standard deviation of at least 0")
    fields = dict(source.fields)
    if (kind := fields.get("x")) in ("text", "tokens"):
        raise ValueError(f"{origin_of(source)}: distort changes arrays of numbers, and x is of kind {kind!r}")
    stuck = [f"{name} ({kind})" for name, kind in fields.items() if kind in ("boxes", "points")]
    if rotate % 360 and (kind != "image" or stuck):
        what = f"cannot move {', '.join(stuck)} along" if stuck else f"needs images, and x is of kind {kind!r}"
        raise ValueError(f"{origin_of(source)}: distort(rotate={rotate}) {what}")
    return Distorted(source, invert=bool(invert), noise=float(noise), rotate=float(rotate), seed=int(seed))


def unit_float(x: np.ndarray) -> np.ndarray:
    """Values as float32 in [0, 1]: uint8 is divided by 255, floats stay. Raises ValueError for another dtype."""
    if x.dtype == np.uint8:
        return x.astype(np.float32) / 255
    if x.dtype.kind != "f":
        raise ValueError(f"x is {x.dtype}; expected uint8 (0 to 255) or float in [0, 1]")
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


def rotated_mask(mask: np.ndarray, degrees: float, where: str) -> np.ndarray:
    """A mask [H, W] turned as `rotated` turns images, by the nearest pixel, -1 outside. Raises ValueError likewise."""
    if degrees % 360 == 0:
        return mask
    if mask.ndim != 2:
        raise ValueError(f"{where}: the mask is {list(mask.shape)}; expected [H, W]")
    if degrees % 90 == 0:
        return np.ascontiguousarray(np.rot90(mask, round(degrees / 90)))
    return ndimage.rotate(mask, degrees, reshape=False, order=0, cval=-1)
