"""Segmentation: a class for each pixel of an image."""

import colorsys
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from tljax import data
from tljax.data import preprocess, spatial
from tljax.tasks.pictures import Grid, Picture
from tljax.tasks.task import Described, Rows, Task, register

SHOWN = 5
"""Examples in the picture of overlays."""

UNKNOWN = (0, 0, 0)
"""Color of pixels whose class is not known or not predicted."""


@dataclasses.dataclass(frozen=True)
class Segmentation(Task):
    """A class for each pixel; ``batch["label"]`` is int32 `[B, H, W]`, negative where a pixel does not count.

    Images are resized to the model's input without cutting their borders off; masks move along by the nearest pixel. Training and metrics
    see both at the model's size, predictions come back in the size of each image.
    """

    kinds: ClassVar[tuple[str, ...]] = ("mask",)
    form: ClassVar[str] = "mask"
    head: ClassVar[str] = "decoder"
    objective: ClassVar[str] = "dense_cross_entropy"
    metric: ClassVar[str] = "mean_iou"

    def check(self, source: data.Source) -> None:
        """Also refuses a source of fewer than two classes."""
        super().check(source)
        if len(source.classes) < 2:
            named = ", ".join(map(repr, source.classes)) or "none"
            raise ValueError(f"{data.describe(source)}: its masks have one class at most ({named}); segmentation needs two")

    def preprocessing(self) -> dict[str, Any]:
        """No center crop, which would leave the borders without a class."""
        return {"crop_fraction": 1.0}

    def answers(self, outputs: Any, batch: Mapping[str, Any]) -> Any:
        """The likeliest class of each pixel, int32 `[B, H, W]` in the size of the model's input."""
        logits = outputs.logits
        return jax.image.resize(logits, (*batch["x"].shape[:3], logits.shape[-1]), "bilinear").argmax(-1).astype(jnp.int32)

    def rows(self, answers: Any, config: Described, examples: Sequence[Mapping[str, Any]], top: int = 3) -> Rows:
        """``{"mask": [h, w]}``, int32 in the size of the example's image; -1 where the model did not see it."""
        return [{"mask": in_size(mask, np.shape(e["x"])[:2])} for mask, e in zip(np.asarray(answers), examples, strict=True)]

    def pictures(
        self, statistics: Any, source: data.Source, classes: Sequence[str], answer: Callable[[Sequence[int]], Any]
    ) -> dict[str, Picture]:
        """Some images, evenly spread over the split, above their true and their predicted classes in colors."""
        indices = sorted({int(i) for i in np.linspace(0, len(source) - 1, SHOWN)})
        examples, palette = [source[i] for i in indices], colors(len(classes))
        images, truths = [np.asarray(e["x"]) for e in examples], [np.asarray(e["label"]) for e in examples]
        masks = [in_size(mask, truth.shape) for mask, truth in zip(np.asarray(answer(indices)), truths, strict=True)]
        overlays = [overlay(x, mask, palette) for shown in (truths, masks) for x, mask in zip(images, shown, strict=True)]
        rights = [f"prediction: {_right(mask, truth)}" for mask, truth in zip(masks, truths, strict=True)]
        captions = [*(f"example {i}" for i in indices), *["true classes"] * len(indices), *rights]
        legend = _legend([*truths, *masks], classes, palette)
        return {"overlay.png": Grid([*images, *overlays], captions, "Segments", columns=len(indices), legend=legend)}


register("segmentation")(Segmentation)


def in_size(mask: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """A mask of the model's size as int32 `[h, w]`, the size of the image that it was predicted from, by the nearest pixel.

    Preprocessing cuts the longer side of an image whose proportions are not the model's; the pixels there get -1.
    """
    height, width = size
    to_image = preprocess.center_crop((height, width), mask.shape[:2]).matrix  # from the mask's coordinates to the image's
    scale = np.array([to_image[0, 0], to_image[1, 1]])
    to_mask = np.concatenate([np.diag(1 / scale), -(to_image[:, 2:] / scale[:, None])], axis=1)
    return np.asarray(spatial.move_mask(mask, spatial.Affine(to_mask, mask.shape, (height, width))))


def colors(count: int) -> np.ndarray:
    """`count` different colors, uint8 `[count, 3]`: hues a golden section apart, by turns light, dark and pale."""
    styles = ((0.85, 1.0), (1.0, 0.6), (0.4, 0.95))
    values = [colorsys.hsv_to_rgb(0.58 + 0.618034 * i % 1, *styles[i % len(styles)]) for i in range(count)]
    return np.round(255 * np.array(values).reshape(count, 3)).astype(np.uint8)


def overlay(image: np.ndarray, mask: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """An image in gray under the colors of its mask, float32 `[H, W, 3]` in [0, 1]; pixels without a class are black."""
    gray = (image / 255 if image.dtype == np.uint8 else image).mean(axis=-1, keepdims=True)
    shown = palette[np.maximum(mask, 0)] / 255
    return np.where(mask[..., None] < 0, 0, 0.3 * gray + 0.7 * shown).astype(np.float32)


def _legend(masks: Sequence[np.ndarray], classes: Sequence[str], palette: np.ndarray) -> tuple[tuple[str, tuple[int, int, int]], ...]:
    """Names and colors of the classes in the masks."""
    present = {int(c) for mask in masks for c in np.unique(mask)}
    named = [(classes[c], (int(palette[c, 0]), int(palette[c, 1]), int(palette[c, 2]))) for c in sorted(present) if c >= 0]
    return (*named, ("ignored", UNKNOWN)) if min(present) < 0 else tuple(named)


def _right(mask: np.ndarray, truth: np.ndarray) -> str:
    counted = truth >= 0
    return f"{(mask == truth)[counted].mean():.2f} right" if counted.any() else "no pixel counts"
