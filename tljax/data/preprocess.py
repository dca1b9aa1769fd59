"""Inputs as a pretrained model wants them: geometry on the host, arithmetic on the device."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from tljax.data import tokenizer

Example = dict[str, Any]
_FILTERS = {name.lower(): getattr(Image.Resampling, name) for name in ("NEAREST", "BILINEAR", "BICUBIC", "LANCZOS", "BOX", "HAMMING")}
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class Config(Protocol):
    """What preprocessing reads of a `tljax.weights.PretrainedConfig`."""

    @property
    def input_size(self) -> tuple[int, ...]:
        """(H, W) of an image, (T,) of a text, or () for vectors."""

    @property
    def in_channels(self) -> int:
        """Channels of an image, tokens in the vocabulary of a text, or the length of a vector."""

    @property
    def mean(self) -> tuple[float, ...]:
        """Of x in [0, 1], per channel in the order of `channel_order`, one for all, or ()."""

    @property
    def std(self) -> tuple[float, ...]:
        """Of x in [0, 1], per channel in the order of `channel_order`, one for all, or ()."""

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


def on_host(config: Config) -> Callable[[Example], Example]:
    """The half that runs in the loader, example by example: resize, centre crop, channels. uint8 stays uint8, float32 stays float32.

    An image that already has `input_size` is not touched. Any other is resized so that its shorter side is input_size / crop_fraction (for
    a size that is not square: so that it covers both sides), with antialiasing, and cropped in its centre. Then 1 channel is repeated to
    3, or 3 are summed to 1 by luma, where the model's `in_channels` wants it. With ``input_size == ()`` x is flattened to [D]; with
    ``(T,)`` x is a text and becomes the ids of T tokens, as in `tokenizer.on_host`.

    Raises:
      ValueError: an unknown interpolation, a crop_fraction outside (0, 1]; on use, x of another rank or dtype, floats outside [0, 1],
        channels that no rule converts (both counts are named).
    """
    if len(config.input_size) == 1:
        return tokenizer.on_host(config.tokenizer, config.input_size[0], config.in_channels)
    if config.interpolation not in _FILTERS:
        raise ValueError(f"interpolation {config.interpolation!r} is unknown; there are {', '.join(_FILTERS)}")
    if not 0 < config.crop_fraction <= 1 or len(config.input_size) not in (0, 2):
        raise ValueError(f"crop_fraction {config.crop_fraction} must be in (0, 1], and input_size {config.input_size} (H, W) or ()")

    def prepare(example: Example) -> Example:
        x = np.asarray(example["x"])
        if not config.input_size:
            if x.size != config.in_channels:
                raise ValueError(f"x {list(x.shape)} holds {x.size} values and the model takes vectors of {config.in_channels}")
            return {**example, "x": x.reshape(-1)}
        _check_image(x)
        fitted = fit(x, (config.input_size[0], config.input_size[1]), config.crop_fraction, config.interpolation)
        return {**example, "x": with_channels(fitted, config.in_channels)}

    return prepare


def fit(x: np.ndarray, size: tuple[int, int], crop_fraction: float = 1.0, interpolation: str = "bilinear") -> np.ndarray:
    """An image [H, W, C] resized and centre-cropped to [*size, C], in its dtype; returned as it is where it has that size."""
    height, width = x.shape[:2]
    if (height, width) == size:
        return x
    scale = max(size[0] / crop_fraction / height, size[1] / crop_fraction / width)
    # the shorter side comes out as size / crop_fraction, the longer one is cut to whole pixels; neither may fall below the crop
    rows, columns = (max(side, int(n * scale + 1e-6)) for n, side in zip((height, width), size, strict=True))
    x = resize(x, (rows, columns), interpolation)
    top, left = (round((n - side) / 2) for n, side in zip((rows, columns), size, strict=True))
    return x[top : top + size[0], left : left + size[1]]


def resize(x: np.ndarray, size: tuple[int, int], interpolation: str = "bilinear") -> np.ndarray:
    """An image [H, W, C] (uint8 or float32) in another size, by Pillow's filter of that name, with its support scaled when shrinking."""
    if x.shape[:2] == size:
        return x
    method, turned = _FILTERS[interpolation], (size[1], size[0])
    if x.dtype == np.uint8 and x.shape[-1] == 3:
        return np.asarray(Image.fromarray(x).resize(turned, method))
    planes = [Image.fromarray(np.ascontiguousarray(x[..., c])).resize(turned, method) for c in range(x.shape[-1])]
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
        grey = (x.astype(np.float32) @ np.array(_LUMA, np.float32))[..., None]
        return np.round(grey).astype(np.uint8) if x.dtype == np.uint8 else np.clip(grey, 0, 1)
    raise ValueError(f"x has {x.shape[-1]} channels and the model takes {channels}; only 1 -> 3 and 3 -> 1 have a rule")


def on_device(config: Config) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The half that runs inside `jax.jit`, batch by batch: x' = (x - mean) / std in float32, x in [0, 1].

    uint8 is divided by 255, floats are taken to lie in [0, 1] already. ``channel_order="BGR"`` reverses RGB first; mean and std stand in
    the model's order, and () is 0 or 1. Batches of several streams (``{"source": {"x": ...}, "target": {"x": ...}}``) are handled stream
    by stream. Ids of tokens are left alone.

    Raises:
      ValueError: mean or std for other channels, std not above 0, an unknown channel order, BGR for anything but images of 3 channels;
        when traced, x of another dtype or shape than [B, *input_size, in_channels], or no x at all.
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

    def normalise(batch: Mapping[str, Any]) -> dict[str, Any]:
        if "x" in batch:
            x = _unit(batch["x"], shape)
            x = x[..., ::-1] if config.channel_order == "BGR" else x
            return {**batch, "x": (x - mean) / std}
        if not any(isinstance(value, Mapping) for value in batch.values()):
            raise ValueError(f"a batch needs x, or streams that hold x; this one holds {', '.join(batch) or 'nothing'}")
        return {name: normalise(value) if isinstance(value, Mapping) else value for name, value in batch.items()}

    return normalise


def _unit(x: jax.typing.ArrayLike, shape: tuple[int, ...]) -> jax.Array:
    x = jnp.asarray(x)
    if x.shape[1:] != shape:
        raise ValueError(f"x is {list(x.shape)}; the model takes [B, {', '.join(map(str, shape))}] (see on_host)")
    if x.dtype != jnp.uint8 and not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(f"x is {x.dtype}; wanted is uint8 (0 to 255) or float in [0, 1]")
    return x.astype(jnp.float32) / 255 if x.dtype == jnp.uint8 else x.astype(jnp.float32)


def _check_image(x: np.ndarray) -> None:
    if x.ndim != 3 or (x.dtype != np.uint8 and x.dtype != np.float32):
        raise ValueError(f"x is {x.dtype} {list(x.shape)}; wanted is an image [H, W, C], uint8 or float32")
    if x.dtype == np.float32 and x.size and (x.min() < -1e-3 or x.max() > 1.001):
        raise ValueError(f"x is a float image with values from {x.min():g} to {x.max():g}; wanted is [0, 1] (or uint8)")
