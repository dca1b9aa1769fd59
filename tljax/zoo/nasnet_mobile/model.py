"""NASNet-A (Zoph et al. 2018, figure 4 and appendix A.3) in its mobile size: cells found by search."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers.convolution import DepthwiseConv, pointwise
from tljax.models.layers.normalization import batch_norm
from tljax.models.transfer import Backbone, Batch, stage

AS_IS, HALVED, PROJECTED = "as it is", "halved", "projected"
"""How a cell takes in the output of the cell before the last: see `Adjust`."""

Spec = tuple[str, str, int, str]
"""A cell: its name, ``"normal"`` or ``"reduction"``, its filters, how it adjusts the older of its inputs."""


class SeparableTwice(nn.Module):
    """Twice ReLU, depthwise convolution (the first with the stride, both padded as TensorFlow's SAME), 1x1 convolution, BatchNorm."""

    filters: int
    size: int
    stride: int
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, batch_stats_in: bool) -> jax.Array:
        for i, stride in ((1, self.stride), (2, 1)):
            x = DepthwiseConv(self.size, stride, dtype=self.dtype, name=f"depthwise{i}")(nn.relu(x))
            x = pointwise(self.filters, self.dtype, f"pointwise{i}")(x)
            x = batch_norm(batch_stats_in, self.dtype, f"bn{i}", epsilon=self.epsilon, momentum=self.momentum)(x)
        return x


class Adjust(nn.Module):
    """The older input of a cell brought to the size and the channels of the cell: ReLU, 1x1 convolutions, BatchNorm.

    Halved: every second pixel from the first on through one convolution, from the second on (zero beyond the edge) through another, their
    channels joined. Projected: one convolution.
    """

    filters: int
    how: str
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, batch_stats_in: bool) -> jax.Array:
        x = nn.relu(x)
        if self.how == HALVED:
            shifted = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))[:, 1:, 1:]
            halves = [pointwise(self.filters // 2, self.dtype, f"conv{i}")(y[:, ::2, ::2]) for i, y in enumerate((x, shifted), 1)]
            x = jnp.concatenate(halves, axis=-1)
        else:
            x = pointwise(self.filters, self.dtype, "conv")(x)
        return batch_norm(batch_stats_in, self.dtype, "bn", epsilon=self.epsilon, momentum=self.momentum)(x)


def _mean(x: jax.Array) -> jax.Array:
    """3x3, of the pixels that there are."""
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)


class Cell(nn.Module):
    """A cell of its two inputs, `x` and the older `previous`; -> `[B, H, W, 6 filters]`, a reduction `[B, H/2, W/2, 4 filters]`."""

    kind: str
    filters: int
    how: str
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, previous: jax.Array, batch_stats_in: bool) -> jax.Array:
        p = previous if self.how == AS_IS else Adjust(self.filters, self.how, **self._common(), name="adjust")(previous, batch_stats_in)
        h = pointwise(self.filters, self.dtype, "conv")(nn.relu(x))
        h = batch_norm(batch_stats_in, self.dtype, "bn", epsilon=self.epsilon, momentum=self.momentum)(h)
        return self._normal(h, p, batch_stats_in) if self.kind == "normal" else self._reduction(h, p, batch_stats_in)

    def _common(self) -> dict[str, Any]:
        return dict(epsilon=self.epsilon, momentum=self.momentum, dtype=self.dtype)

    def _separable(self, x: jax.Array, size: int, name: str, batch_stats_in: bool, stride: int = 1) -> jax.Array:
        return SeparableTwice(self.filters, size, stride, **self._common(), name=name)(x, batch_stats_in)

    def _normal(self, h: jax.Array, p: jax.Array, batch_stats_in: bool) -> jax.Array:
        one = self._separable(h, 5, "left1", batch_stats_in) + self._separable(p, 3, "right1", batch_stats_in)
        two = self._separable(p, 5, "left2", batch_stats_in) + self._separable(p, 3, "right2", batch_stats_in)
        five = self._separable(h, 3, "left5", batch_stats_in) + h
        return jnp.concatenate([p, one, two, _mean(h) + p, 2 * _mean(p), five], axis=-1)

    def _reduction(self, h: jax.Array, p: jax.Array, batch_stats_in: bool) -> jax.Array:
        rows, columns = jax.lax.padtype_to_pads(h.shape[1:3], (3, 3), (2, 2), "SAME")
        padded = jnp.pad(h, ((0, 0), rows, columns, (0, 0)))  # with zeros for the maximum too, though h can be negative
        largest = nn.max_pool(padded, (3, 3), (2, 2))
        one = self._separable(h, 5, "left1", batch_stats_in, stride=2) + self._separable(p, 7, "right1", batch_stats_in, stride=2)
        two = largest + self._separable(p, 7, "right2", batch_stats_in, stride=2)
        three = nn.avg_pool(padded, (3, 3), (2, 2)) + self._separable(p, 5, "right3", batch_stats_in, stride=2)
        five = self._separable(one, 3, "left4", batch_stats_in) + largest
        return jnp.concatenate([two, three, two + _mean(one), five], axis=-1)


class Stem(nn.Module):
    """3x3 convolution of stride 2 without padding, BatchNorm."""

    width: int
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = nn.Conv(self.width, (3, 3), 2, "VALID", use_bias=False, dtype=self.dtype, name="conv")(batch["x"])
        if 0 in x.shape:
            raise ValueError(f"images of {batch['x'].shape[1]} x {batch['x'].shape[2]} pixels are too small for nasnet_mobile")
        x = batch_norm(batch_stats_in, self.dtype, "bn", epsilon=self.epsilon, momentum=self.momentum)(x)
        return batch | {"x": x, "previous": x}


class CellStage(nn.Module):
    """The cells of one resolution, with `relu` a ReLU at the end; `previous`, the input of the last cell, goes on beside `x`."""

    cells: tuple[Spec, ...]
    relu: bool
    epsilon: float
    momentum: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        if "previous" not in batch:
            raise ValueError(
                f"{self.name} of nasnet_mobile reads, besides 'x', the input of the cell before it as 'previous' from the batch"
            )
        x, previous = batch["x"], batch["previous"]
        cell = functools.partial(Cell, epsilon=self.epsilon, momentum=self.momentum, dtype=self.dtype)
        for name, kind, filters, how in self.cells:
            x, previous = cell(kind, filters, how, name=name)(x, previous, batch_stats_in), x
        return batch | {"x": nn.relu(x) if self.relu else x, "previous": previous}


def stages(filters: int, cells: int) -> dict[str, tuple[Spec, ...]]:
    """The cells of each stage; `filters` are those of the normal cells in ``stage2``, of which every stage from there on has `cells`."""
    normal = [(f"cell{i}", "normal", HALVED if i == 0 else PROJECTED) for i in range(cells)]
    cells_of: dict[str, tuple[Spec, ...]] = {"stage1": (("reduction", "reduction", filters // 4, AS_IS),)}
    for i in (2, 3, 4):
        wide = filters << (i - 2)
        # the stem's second cell sees two sizes; after a lone normal cell the older input has the third one's filters already
        how = HALVED if i == 2 else AS_IS if i == 3 and cells == 1 else PROJECTED
        first = ("reduction", "reduction", wide // 2 if i == 2 else wide, how)
        cells_of[f"stage{i}"] = (first, *((name, kind, wide, how) for name, kind, how in normal))
    return cells_of


@backbones.register
def nasnet_mobile(
    filters: int = 44,
    cells: int = 4,
    stem_width: int = 32,
    epsilon: float = 1e-3,
    momentum: float = 0.9,
    in_channels: int = 3,
    input_size: tuple[int, int] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, ..., stage4``: /2, /4, /8, /16, /32; a cell reads the last two, so `previous` stands beside `x` in the batch.

    Args:
      filters: of the normal cells in ``stage2``, a multiple of 4; doubled in each later stage. The output has 24 times as many channels.
      cells: how many normal cells each of ``stage2`` to ``stage4`` has, 1 to 4.
      stem_width: outputs of the first convolution.
      epsilon: of BatchNorm.
      momentum: of BatchNorm's running statistics.
      in_channels: of the images.
      input_size: height, width; any other size from 3 on runs too.
      dtype: of the computation.

    Raises:
      ValueError: a number outside its range.
    """
    if filters < 4 or filters % 4 or not 1 <= cells <= 4 or stem_width < 1:
        raise ValueError(
            f"nasnet_mobile: filters={filters} is a multiple of 4, cells={cells} lies in 1 to 4, stem_width={stem_width} above 0"
        )
    norm: dict[str, Any] = dict(epsilon=epsilon, momentum=momentum, dtype=jnp.dtype(dtype))
    layout = (
        stage("stem", Stem, width=stem_width, **norm),
        *(stage(name, CellStage, cells=specs, relu=name == "stage4", **norm) for name, specs in stages(filters, cells).items()),
    )
    return Backbone(layout, inputs=(("x", (*input_size, in_channels), "float32"),))
