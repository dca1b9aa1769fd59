"""Convolutions: of XLA, and as shifted multiply-adds or matrix products where CPUs run those faster."""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

Margins = tuple[tuple[int, int], tuple[int, int]]
"""``((top, bottom), (left, right))`` in pixels."""

Padding = Margins | str


def image_conv(width: int, stride: int, padding: Any, dtype: Any, name: str) -> nn.Conv:
    """3x3 convolution without bias of an image's few channels; on CPUs as shifted multiply-adds, four times as fast at 8 outputs."""
    return nn.Conv(width, (3, 3), stride, padding, use_bias=False, dtype=dtype, conv_general_dilated=_image_conv, name=name)


def _image_conv(x: jax.Array, kernel: jax.Array, strides: Sequence[int], padding: Any, **_: Any) -> jax.Array:
    stride, pads = strides[0], margins(padding, x, kernel, strides[0])
    return jax.lax.platform_dependent(
        x,
        kernel,
        cpu=lambda x, kernel: shifted_conv(x, kernel, stride, pads),
        default=lambda x, kernel: conv(x, kernel, stride, pads),
    )


def margins(padding: Padding, x: jax.Array, kernel: jax.Array, stride: int) -> Margins:
    """Resolves the padding of `x [B, H, W, C]` to pixels; a name (``"SAME"``, ``"VALID"``) by XLA's rule."""
    pads = jax.lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], (stride, stride), padding) if isinstance(padding, str) else padding
    (top, bottom), (left, right) = pads
    return (top, bottom), (left, right)


def conv(x: jax.Array, kernel: jax.Array, stride: int, padding: Sequence[tuple[int, int]], groups: int = 1) -> jax.Array:
    """XLA's convolution: `[B, H, W, C]` with a kernel `[size, size, C / groups, O]`."""
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=layout, feature_group_count=groups)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def shifted_conv(x: jax.Array, kernel: jax.Array, stride: int, padding: Sequence[tuple[int, int]]) -> jax.Array:
    """`conv` as one multiply-add per kernel element and input channel, summed in float32 or more; its gradients are those of `conv`."""
    size, wide = kernel.shape[0], jnp.promote_types(x.dtype, jnp.float32)
    padded = jnp.pad(x, ((0, 0), *padding, (0, 0))).astype(wide)
    rows, columns = ((n - size) // stride + 1 for n in padded.shape[1:3])
    total = jnp.zeros((), wide)
    for (u, v), shifted in _shifted(padded, size, stride, rows, columns).items():
        for channel in range(x.shape[-1]):
            total = total + shifted[..., channel, None] * kernel[u, v, channel].astype(wide)
    return total.astype(x.dtype)


shifted_conv.defvjp(
    lambda x, kernel, stride, padding: (shifted_conv(x, kernel, stride, padding), (x, kernel)),
    lambda stride, padding, saved, dy: jax.vjp(lambda x, kernel: conv(x, kernel, stride, padding), *saved)[1](dy),
)


def pointwise(width: int, dtype: Any, name: str) -> nn.Conv:
    """1x1 convolution without bias, `[B, H, W, C]` -> `[B, H, W, width]`, computed as a matrix product (on CPUs twice as fast)."""
    return nn.Conv(width, (1, 1), use_bias=False, dtype=dtype, conv_general_dilated=_matmul, name=name)


def _matmul(x: jax.Array, kernel: jax.Array, *_: Any, precision: Any = None, **__: Any) -> jax.Array:
    return jnp.matmul(x, kernel[0, 0], precision=precision)


class DepthwiseConv(nn.Module):
    """One filter per channel: ``y[b, i, j, c] = sum_uv kernel[u, v, 0, c] x[b, stride i + u - top, stride j + v - left, c] (+ bias[c])``.

    `x [B, H, W, C]`, kernel `[size, size, 1, C]` as in `nn.Conv` with ``feature_group_count=C``. On CPUs, where XLA runs that convolution
    an order of magnitude slower, it is computed as size^2 shifted multiply-adds; the platform is chosen when the program is lowered.
    """

    size: int = 3
    stride: int = 1
    padding: Padding = "SAME"
    dtype: Any = jnp.float32
    use_bias: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel = self.param("kernel", nn.initializers.he_normal(), (self.size, self.size, 1, x.shape[-1]))
        x, kernel = x.astype(self.dtype), kernel.astype(self.dtype)
        pads = margins(self.padding, x, kernel, self.stride)
        y = jax.lax.platform_dependent(
            x,
            kernel,
            cpu=lambda x, kernel: shifted_depthwise(x, kernel, self.stride, pads),
            default=lambda x, kernel: conv(x, kernel, self.stride, pads, groups=x.shape[-1]),
        )
        return y + self.param("bias", nn.initializers.zeros, (x.shape[-1],)).astype(y.dtype) if self.use_bias else y


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def shifted_depthwise(x: jax.Array, kernel: jax.Array, stride: int, padding: Sequence[tuple[int, int]]) -> jax.Array:
    """`DepthwiseConv` as one multiply-add of the whole image per kernel element, summed in float32 or more.

    Its backward pass is written out, because XLA:CPU takes ten times as long for the one that it derives: the gradient of `x` is the same
    sum over the mirrored kernel; that of `kernel` is accumulated image by image.
    So it cannot be differentiated in forward mode, and a batch that is cut over several CPU devices is gathered for the second.
    """
    size, wide = kernel.shape[0], jnp.promote_types(x.dtype, jnp.float32)
    padded = jnp.pad(x, ((0, 0), *padding, (0, 0))).astype(wide)
    rows, columns = ((n - size) // stride + 1 for n in padded.shape[1:3])
    total = jnp.zeros((), wide)
    for (u, v), shifted in _shifted(padded, size, stride, rows, columns).items():
        total = total + shifted * kernel[u, v, 0].astype(wide)
    return total.astype(x.dtype)


def _shifted(padded: jax.Array, size: int, stride: int, rows: int, columns: int) -> dict[tuple[int, int], jax.Array]:
    """Returns the pixels that each kernel element reads: ``(u, v) -> [..., rows, columns, C]`` of `[..., H, W, C]`."""
    down, across = stride * (rows - 1) + 1, stride * (columns - 1) + 1
    return {(u, v): padded[..., u : u + down : stride, v : v + across : stride, :] for u, v in itertools.product(range(size), range(size))}


def _shifted_forward(x: jax.Array, kernel: jax.Array, stride: int, padding: Sequence[tuple[int, int]]) -> Any:
    return shifted_depthwise(x, kernel, stride, padding), (x, kernel)


def _shifted_backward(stride: int, padding: Sequence[tuple[int, int]], saved: Any, dy: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    size, wide = kernel.shape[0], jnp.promote_types(x.dtype, jnp.float32)
    low = [size - 1 - before for before, _ in padding]
    high = [n + size - 1 - lo - (stride * (out - 1) + 1) for n, lo, out in zip(x.shape[1:3], low, dy.shape[1:3], strict=True)]
    edges = [(lo, hi, stride - 1) for lo, hi in zip(low, high, strict=True)]
    # the barrier keeps XLA from computing the spread gradient anew for each of the kernel's elements
    spread = jax.lax.optimization_barrier(jax.lax.pad(dy, jnp.zeros((), dy.dtype), ((0, 0, 0), *edges, (0, 0, 0))))
    dx = shifted_depthwise(spread, kernel[::-1, ::-1], 1, ((0, 0), (0, 0)))

    padded = jnp.pad(x, ((0, 0), *padding, (0, 0)))

    def add(sums: list[jax.Array], one: tuple[jax.Array, jax.Array]) -> tuple[list[jax.Array], None]:
        image, gradient = (a.astype(wide) for a in one)
        seen = _shifted(image, size, stride, *gradient.shape[:2])
        return [s + part * gradient for s, part in zip(sums, seen.values(), strict=True)], None

    sums, _ = jax.lax.scan(add, [jnp.zeros(dy.shape[1:], wide)] * size**2, (padded, dy))
    sums = jax.lax.optimization_barrier(sums)
    dk = jnp.stack([s.sum((0, 1)) for s in sums]).reshape(kernel.shape)
    return dx, dk.astype(kernel.dtype)


shifted_depthwise.defvjp(_shifted_forward, _shifted_backward)
