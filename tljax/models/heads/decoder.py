"""The head ``decoder``: logits for every pixel from maps of several resolutions."""

import math
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import heads
from tljax.models.transfer import Batch, at_least_float32

LEVELS = 4
"""Resolutions that are read where no taps are named: the coarsest ones, 1/4 to 1/32 in most ConvNets."""

GROUP = 8
"""Channels in a group of GroupNorm."""

EXTRA_TOKENS = 8
"""The most tokens before a Transformer's patches (class, distillation, registers)."""


class Decoder(nn.Module):
    """Maps of several resolutions are brought to one width, added from coarse to fine, and classified: logits `[B, H, W, num_classes]`.

    ``y = lateral_i(map_i) + upsampled y`` (Lin et al. 2017, section 3), then a 3x3 convolution, GroupNorm and ReLU on the finest map (as
    the semantic branch of Kirillov et al. 2019, section 3.1), a class for each place, and the logits enlarged to the input. All resizing
    is bilinear. There are no batch statistics; float32 out.

    Attributes:
      num_classes: outputs at each pixel.
      width: channels inside, a multiple of 8.
      taps: names of the intermediates that it reads.
      choose: of the taps only the last map of each of the `LEVELS` coarsest resolutions; others may be no maps.
      size: height, width of the input.
      dtype: of the computation.
    """

    num_classes: int
    width: int
    taps: tuple[str, ...]
    choose: bool
    size: tuple[int, int]
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> jax.Array:
        maps = _chosen(batch["taps"], self.taps, self.size) if self.choose else _named(batch["taps"], self.taps, self.size)
        y: Any = 0.0
        for name, x in sorted(maps.items(), key=lambda item: item[1].shape[1]):
            lateral = nn.Dense(self.width, dtype=self.dtype, name=f"lateral_{name}")(x)
            y = lateral + (y if isinstance(y, float) else _resized(y, lateral.shape[1:3]))
        y = nn.Conv(self.width, (3, 3), use_bias=False, dtype=self.dtype, name="conv")(y)
        y = nn.relu(nn.GroupNorm(self.width // GROUP, dtype=self.dtype, name="norm")(y))
        return _resized(at_least_float32(nn.Dense(self.num_classes, dtype=self.dtype, name="classes")(y)), self.size)


@heads.register
def decoder(
    num_classes: int,
    width: int = 64,
    taps: tuple[str, ...] = (),
    dtype: str = "float32",
    *,
    stages: tuple[str, ...],
    input_size: tuple[int, ...],
) -> Decoder:
    """A class for every pixel of an image, from several stages of a ConvNet or a Vision Transformer.

    Args:
      num_classes: outputs at each pixel.
      width: channels inside, a multiple of 8.
      taps: stages, or other intermediates, to read: maps `[B, h, w, D]`, or tokens `[B, P + h w, D]` whose last h w are patches in the
        image's proportions, behind P <= 8 others; (): the last stage of each resolution, of the four coarsest.
      dtype: of the computation.
      stages: of the backbone.
      input_size: height and width.

    Raises:
      ValueError: a backbone that reads no images; another width; when traced, taps that are no maps.
    """
    if len(input_size) != 2:
        raise ValueError(
            f"the head 'decoder' gives a class for every pixel, but the backbone reads inputs of size {input_size}, not images"
        )
    if width < GROUP or width % GROUP:
        raise ValueError(f"decoder(width={width}): a multiple of {GROUP}")
    return Decoder(
        num_classes, width=width, taps=taps or stages, choose=not taps, size=(input_size[0], input_size[1]), dtype=jnp.dtype(dtype)
    )


def patch_grid(count: int, size: tuple[int, int]) -> tuple[int, int] | None:
    """``(h, w)`` of the square patches among `count` tokens of an image of this size: the most that fit; None: there is no such grid."""
    common = math.gcd(*size)
    grids = ((size[0] // side, size[1] // side) for side in range(1, common + 1) if common % side == 0)
    return next(((h, w) for h, w in grids if 0 <= count - h * w <= EXTRA_TOKENS), None)


def _as_map(x: jax.Array, size: tuple[int, int]) -> jax.Array | None:
    """A stage's output as `[B, h, w, D]`: maps as they are, patch tokens in their grid; None for anything else."""
    if x.ndim == 4:
        return x
    grid = patch_grid(x.shape[1], size) if x.ndim == 3 else None
    return None if grid is None else x[:, -grid[0] * grid[1] :].reshape(len(x), *grid, x.shape[-1])


def _named(taps: Mapping[str, jax.Array], names: tuple[str, ...], size: tuple[int, int]) -> dict[str, jax.Array]:
    maps = {name: _as_map(taps[name], size) for name in names}
    if wrong := [name for name, x in maps.items() if x is None]:
        shape = tuple(taps[wrong[0]].shape)
        raise ValueError(f"decoder: the tap {wrong[0]!r} is {shape}, neither a map [B, h, w, D] nor the patches of an image {list(size)}")
    return {name: x for name, x in maps.items() if x is not None}


def _chosen(taps: Mapping[str, jax.Array], names: tuple[str, ...], size: tuple[int, int]) -> dict[str, jax.Array]:
    maps = {name: x for name in names if (x := _as_map(taps[name], size)) is not None}
    if not maps:
        shapes = ", ".join(f"{name} {tuple(taps[name].shape)}" for name in names)
        raise ValueError(f"decoder: no stage of the backbone gives a map [B, h, w, D] or the patches of an image {list(size)}: {shapes}")
    last = {x.shape[1:3]: name for name, x in maps.items()}
    return {last[resolution]: maps[last[resolution]] for resolution in sorted(last)[:LEVELS]}


def _resized(x: jax.Array, size: tuple[int, ...]) -> jax.Array:
    return jax.image.resize(x, (len(x), *size, x.shape[-1]), "bilinear")
