"""Inputs in the form that a pretrained model reads: geometry on the host, arithmetic on the device."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from tljax.data import augment as augmentations
from tljax.data import fields, order, spatial, tokenizer

Example = dict[str, Any]
_FILTERS = {name.lower(): getattr(Image.Resampling, name) for name in ("NEAREST", "BILINEAR", "BICUBIC", "LANCZOS", "BOX", "HAMMING")}
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class Config(Protocol):
    """The part of a `tljax.weights.PretrainedConfig` that preprocessing reads."""

    @property
    def input_size(self) -> tuple[int, ...]:
        """(H, W) of an image, (T,) of a text, or () for vectors."""

    @property
    def in_channels(self) -> int:
        """Channels of an image, tokens in the vocabulary of a text, or the length of a vector."""

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of x in [0, 1]: one value per channel in the order of `channel_order`, one for all, or ()."""

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation of x in [0, 1], likewise."""

    @property
    def channel_order(self) -> str:
        """RGB, BGR or L."""

    @property
    def crop_fraction(self) -> float:
        """The cropped side over the resized side."""

    @property
    def interpolation(self) -> str:
        """The name of a Pillow filter."""

    @property
    def tokenizer(self) -> str:
        """The path of a text model's tokenizer; read for texts alone."""


class Transform(Protocol):
    """A function of one example; in training it is also told the epoch and the example's index in its source."""

    def __call__(self, example: Example, epoch: int | None = None, index: int | None = None) -> Example:
        """The example with other fields; without an epoch as for evaluation."""


def on_host(
    config: Config,
    kinds: Mapping[str, str] | None = None,
    augment: augmentations.Expressions = (),
    seed: int = 0,
    stream: str = "",
) -> Transform:
    """The half that runs in the loader, example by example: resize, crop, channels. uint8 stays uint8, float32 stays float32.

    An image that already has `input_size` stays as it is in evaluation. Any other is resized with antialiasing, so that its shorter side is
    input_size / crop_fraction (for a size that is not square: so that it covers both sides), and cropped in its center. In training a crop
    named in `augment` replaces both. All images, masks, boxes and points of the example move with x (`spatial.move`). Then, if the model's
    `in_channels` differs, 1 channel of x is repeated to 3, or 3 are summed to 1 by luma.

    With ``input_size == ()`` x is flattened to [D]; with ``(T,)`` `tokenizer.on_host` does the work.

    Args:
      config: config of the model.
      kinds: kinds of the example's fields; None: an input of the kind that the model reads, and a class.
      augment: expressions of `data.augmentation`; operations for the device are skipped here.
      seed: seed of random crops. A crop is a function of (seed, stream, epoch, index) alone.
      stream: name of the stream, so that two streams of one source draw differently.

    Raises:
      KeyError: an unknown augmentation.
      ValueError: an unknown interpolation, a crop_fraction outside (0, 1], an x that is no image for a model that takes images, a crop of
        anything else; on use, a field without a kind, fields whose shape or dtype is not their kind's, floats outside [0, 1], channels
        that no rule converts (names both counts), a random crop of an example without index.
    """
    kinds = {"x": {0: "vector", 1: "text"}.get(len(config.input_size), "image"), "label": "class"} if kinds is None else kinds
    crops = [(name, step) for name, operation in augmentations.create(augment) if operation.on_host for step in operation.steps]
    if crops and len(config.input_size) != 2:
        raise ValueError(f"{crops[0][0]} crops images; the model takes inputs of size {config.input_size}")
    if len(config.input_size) == 1:
        prepare_text = tokenizer.on_host(config.tokenizer, config.input_size[0], config.in_channels, kinds=dict(kinds))
        return lambda example, epoch=None, index=None: prepare_text(example)
    if config.interpolation not in _FILTERS:
        raise ValueError(f"interpolation {config.interpolation!r} is unknown; there are {', '.join(_FILTERS)}")
    if not 0 < config.crop_fraction <= 1 or len(config.input_size) not in (0, 2):
        raise ValueError(f"crop_fraction {config.crop_fraction} must be in (0, 1], and input_size {config.input_size} (H, W) or ()")
    if not config.input_size:
        return lambda example, epoch=None, index=None: {**example, "x": _vector(example["x"], config.in_channels)}
    return _images(config, dict(kinds), crops, (seed, stream))


def _images(config: Config, kinds: dict[str, str], crops: list[tuple[str, Any]], key: tuple[int, str]) -> Transform:
    if kinds.get("x") != "image":
        raise ValueError(f"the model takes images {list(config.input_size)}, and the kind of x is {kinds.get('x', 'not declared')}")
    size = (config.input_size[0], config.input_size[1])

    def prepare(example: Example, epoch: int | None = None, index: int | None = None) -> Example:
        fields.check_movable("preprocessing", example, kinds)
        example = example | {name: np.asarray(example[name]) for name, kind in kinds.items() if kind in fields.SPATIAL and name in example}
        _check_image(example["x"])
        source = example["x"].shape[:2]
        if epoch is None or not crops:
            center = center_crop(source, size, config.crop_fraction)
            moved = spatial.move(example, kinds, center, lambda x: fit(x, size, config.crop_fraction, config.interpolation))
        else:
            name, step = crops[0]
            corner, sides = step.rectangle(_numbers(name, step.draws, *key, epoch, index), source)
            affine = spatial.window(corner, sides, source=source, size=size)
            moved = spatial.move(example, kinds, affine, lambda x: resize(x, size, config.interpolation, corner=corner, sides=sides))
        return moved | {"x": with_channels(moved["x"], config.in_channels)}

    return prepare


def _vector(x: Any, length: int) -> np.ndarray:
    values = np.asarray(x)
    if values.size != length:
        raise ValueError(f"x {list(values.shape)} holds {values.size} values, but the model takes vectors of {length}")
    return values.reshape(-1)


def _numbers(name: str, n: int, seed: int, stream: str, epoch: int, index: int | None) -> np.ndarray:
    """Numbers uniform in [0, 1), float64 [n], of 53 random bits each. Numpy makes its own alike, but may change how."""
    if index is None:
        raise ValueError(f"{name} draws by the example's index, and none was passed: transform(example, epoch=..., index=...)")
    key = ("augmentation", stream, seed, epoch, index)
    return (order.bits(*key).random_raw(n) >> np.uint64(11)) * 2.0**-53


def _covering(source: tuple[int, int], size: tuple[int, int], crop_fraction: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """``((H, W) of the image before its center is cropped, (top, left) corner of the crop in it)``."""
    if source == size:
        return size, (0, 0)
    scale = max(size[0] / crop_fraction / source[0], size[1] / crop_fraction / source[1])
    # The shorter side becomes size / crop_fraction, the longer one is cut to whole pixels; neither may fall below the crop.
    rows, columns = (max(side, int(n * scale + 1e-6)) for n, side in zip(source, size, strict=True))
    return (rows, columns), (round((rows - size[0]) / 2), round((columns - size[1]) / 2))


def center_crop(source: tuple[int, int], size: tuple[int, int], crop_fraction: float = 1.0) -> spatial.Affine:
    """The map of coordinates of `fit`."""
    covering, corner = _covering(source, size, crop_fraction)
    step = np.array(source) / np.array(covering)
    return spatial.window(np.array(corner) * step, np.array(size) * step, source=source, size=size)


def fit(x: np.ndarray, size: tuple[int, int], crop_fraction: float = 1.0, interpolation: str = "bilinear") -> np.ndarray:
    """An image [H, W, C] resized and center-cropped to [*size, C], in its dtype; an image of that size is returned as it is."""
    covering, (top, left) = _covering(x.shape[:2], size, crop_fraction)
    return resize(x, covering, interpolation)[top : top + size[0], left : left + size[1]] if x.shape[:2] != size else x


def resize(
    x: np.ndarray,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    corner: Sequence[float] | np.ndarray = (0, 0),
    sides: Sequence[float] | np.ndarray | None = None,
) -> np.ndarray:
    """An image [H, W, C] (uint8 or float32) in another size, by a filter of Pillow, antialiased when shrinking.

    Args:
      x: the image; returned as it is if `size` is its own and no part is chosen.
      size: (H, W) of the result.
      interpolation: the filter's name, in small letters.
      corner: y and x of the upper left corner of the part to resize, in pixels; may be fractions.
      sides: height and width of that part; None: the whole image.
    """
    height, width = x.shape[:2]
    (top, left), (rows, columns) = corner, (height, width) if sides is None else sides
    # Pillow refuses a rectangle that rounding pushes over the border.
    box = (float(left), float(top), min(float(left + columns), width), min(float(top + rows), height))
    if (height, width) == size and box == (0, 0, width, height):
        return x
    method, width_height = _FILTERS[interpolation], (size[1], size[0])
    if x.dtype == np.uint8 and x.shape[-1] == 3:
        return np.asarray(Image.fromarray(x).resize(width_height, method, box))
    planes = [Image.fromarray(np.ascontiguousarray(x[..., c])).resize(width_height, method, box) for c in range(x.shape[-1])]
    return np.clip(np.stack([np.asarray(p) for p in planes], axis=-1), 0, 255 if x.dtype == np.uint8 else 1)


def with_channels(x: np.ndarray, channels: int) -> np.ndarray:
    """An image [H, W, C] with `channels` channels: 1 is repeated to 3, RGB becomes luma 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).

    Raises:
      ValueError: any other change, naming both counts.
    """
    if x.shape[-1] == channels:
        return x
    if (x.shape[-1], channels) == (1, 3):
        return np.repeat(x, 3, axis=-1)
    if (x.shape[-1], channels) == (3, 1):
        gray = (x.astype(np.float32) @ np.array(_LUMA, np.float32))[..., None]
        return np.round(gray).astype(np.uint8) if x.dtype == np.uint8 else np.clip(gray, 0, 1)
    raise ValueError(_no_rule(x.shape[-1], channels))


def on_device(config: Config, resize: bool = False) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The half that runs inside `jax.jit`, batch by batch: x' = (x - mean) / std in float32, x in [0, 1].

    uint8 is divided by 255; floats must lie in [0, 1] already. ``channel_order="BGR"`` reverses RGB first, and mean and std have the
    model's order; an empty mean is 0, an empty std 1. Batches of several streams (``{"source": {"x": ...}, "target": {"x": ...}}``) are
    handled stream by stream. Token ids pass. Only x changes.

    Args:
      config: config of the model.
      resize: resize images (linear, antialiased) and convert their channels as in `with_channels`, where they were prepared for another
        model; otherwise such images are refused.

    Raises:
      ValueError: mean or std for another number of channels, std not above 0, an unknown channel order, BGR for anything but images of 3
        channels; when traced, x of another dtype or shape than [B, *input_size, in_channels], or no x; to resize, x that is no image,
        channels that no rule converts.
    """
    if len(config.input_size) == 1:
        return dict
    shape = (*config.input_size, config.in_channels)
    mean, std = np.asarray(config.mean or 0, np.float32), np.asarray(config.std or 1, np.float32)
    if config.channel_order not in ("RGB", "BGR", "L"):
        raise ValueError(f"channel_order {config.channel_order!r} must be RGB, BGR or L")
    if config.channel_order == "BGR" and shape[2:] != (3,):
        raise ValueError(f"channel_order 'BGR' needs images of 3 channels; the model takes {list(shape)}")
    if not {mean.size, std.size} <= {1, config.in_channels} or not (std > 0).all():
        raise ValueError(f"mean {config.mean} and std {config.std} must be for 0, 1 or {config.in_channels} channels, and std above 0")

    def normalize(batch: Mapping[str, Any]) -> dict[str, Any]:
        if "x" in batch:
            x = fields.unit_images("x", _resized(batch["x"], shape) if resize else batch["x"])
            if x.shape[1:] != shape:
                raise ValueError(f"x is {list(x.shape)}; the model takes [B, {', '.join(map(str, shape))}] (see on_host)")
            x = x[..., ::-1] if config.channel_order == "BGR" else x
            return {**batch, "x": (x - mean) / std}
        if not any(isinstance(value, Mapping) for value in batch.values()):
            raise ValueError(f"a batch needs x, or streams that hold x; this one holds {', '.join(batch) or 'nothing'}")
        return {name: normalize(value) if isinstance(value, Mapping) else value for name, value in batch.items()}

    return normalize


def _resized(images: jax.typing.ArrayLike, shape: tuple[int, ...]) -> jax.typing.ArrayLike:
    """Images [B, H, W, C] as float32 [B, *shape]; images of this shape are returned as they are."""
    if jnp.shape(images)[1:] == shape:
        return images
    x = fields.unit_images("x", images)
    if len(shape) != 3 or len(x.shape) != 4:
        raise ValueError(
            f"x is {list(x.shape)}; only images [B, H, W, C] can be resized, and the model takes [B, {', '.join(map(str, shape))}]"
        )
    x = jnp.clip(jax.image.resize(x, (x.shape[0], *shape[:2], x.shape[3]), "linear", antialias=True), 0, 1)
    if (x.shape[-1], shape[-1]) == (1, 3):
        return jnp.repeat(x, 3, axis=-1)
    if (x.shape[-1], shape[-1]) == (3, 1):
        return (x * jnp.array(_LUMA, jnp.float32)).sum(-1, keepdims=True)
    if x.shape[-1] != shape[-1]:
        raise ValueError(_no_rule(x.shape[-1], shape[-1]))
    return x


def _no_rule(channels: int, expected: int) -> str:
    return f"x has {channels} channels and the model takes {expected}; only 1 -> 3 and 3 -> 1 have a rule"


def _check_image(x: np.ndarray) -> None:
    if x.ndim != 3 or (x.dtype != np.uint8 and x.dtype != np.float32):
        raise ValueError(f"x is {x.dtype} {list(x.shape)}; expected an image [H, W, C], uint8 or float32")
    if x.dtype == np.float32 and x.size and (x.min() < -1e-3 or x.max() > 1.001):
        raise ValueError(f"x is a float image with values from {x.min():g} to {x.max():g}; expected values in [0, 1] (or uint8)")
