"""SqueezeNet 1.0 and 1.1 (Iandola et al. 2016): fire modules, and a head whose classes are maps."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers.fully_connected import he
from tljax.models.layers.pooling import max_pool
from tljax.models.transfer import Backbone, Batch, stage

SQUEEZES = {2: 1, 3: 1, 4: 2, 5: 2, 6: 3, 7: 3, 8: 4, 9: 4}
"""Number of the fire module -> channels that it squeezes to, over those of the first; each expand convolution has four times as many."""

VERSIONS = {"1.0": (7, 6, ((2, 3, 4), (5, 6, 7, 8), (9,))), "1.1": (3, 4, ((2, 3), (4, 5), (6, 7, 8, 9)))}
"""Version -> of the first convolution the kernel size, and the channels counted likewise; the fire modules in ``stage1`` to ``stage3``."""


def conv(width: int, size: int, dtype: Any, name: str, stride: int = 1, padding: int = 0) -> nn.Conv:
    """A convolution with bias."""
    return nn.Conv(width, (size, size), stride, padding, dtype=dtype, kernel_init=he, name=name)


class Stem(nn.Module):
    """A convolution of stride 2 without padding, ReLU, 3x3 maximum of stride 2: about a quarter of each side."""

    width: int
    size: int
    ceil_mode: bool
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = nn.relu(conv(self.width, self.size, self.dtype, "conv", stride=2)(batch["x"]))
        return batch | {"x": max_pool(x, 3, 2, ceil_mode=self.ceil_mode)}


class Fire(nn.Module):
    """1x1 convolution to few channels, 1x1 and 3x3 convolutions side by side, each with ReLU: `[B, H, W, C]` -> `[B, H, W, 8 squeeze]`."""

    squeeze: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.relu(conv(self.squeeze, 1, self.dtype, "squeeze")(x))
        sides = [conv(4 * self.squeeze, 1, self.dtype, "expand1x1")(x), conv(4 * self.squeeze, 3, self.dtype, "expand3x3", padding=1)(x)]
        return nn.relu(jnp.concatenate(sides, axis=-1))


class FireStage(nn.Module):
    """The fire modules of one resolution, ``(number, channels squeezed to)`` each; if `pooled`, a 3x3 maximum of stride 2 follows."""

    fires: tuple[tuple[int, int], ...]
    pooled: bool
    ceil_mode: bool
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = batch["x"]
        for number, squeeze in self.fires:
            x = Fire(squeeze, self.dtype, name=f"fire{number}")(x)
        return batch | {"x": max_pool(x, 3, 2, ceil_mode=self.ceil_mode) if self.pooled else x}


@backbones.register
def squeezenet(
    version: str = "1.1",
    width: int = 16,
    ceil_mode: bool = True,
    in_channels: int = 3,
    input_size: tuple[int, int] = (224, 224),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``stem, stage1, stage2, stage3`` (/4, /8, /16, /16); in 1.0 ``fire9`` alone is behind the last maximum, in 1.1 four are.

    Args:
      version: ``"1.0"`` or ``"1.1"``, which costs less than half of it at the same accuracy.
      width: channels that the first fire module squeezes to; all other layers' are multiples.
      ceil_mode: whether maxima round their size up (the authors' Caffe, torchvision) or down (Keras).
      in_channels: of the images.
      input_size: height, width; any other size runs too.
      dtype: of the computation.

    Raises:
      ValueError: an unknown version, a width below 1.
    """
    if version not in VERSIONS:
        raise ValueError(f"squeezenet: version={version!r} is one of {', '.join(VERSIONS)}")
    if width < 1:
        raise ValueError(f"squeezenet: width={width} must be 1 or more")
    compute = jnp.dtype(dtype)
    size, first, stages = VERSIONS[version]
    fires = [tuple((n, SQUEEZES[n] * width) for n in numbers) for numbers in stages]
    layout = (
        stage("stem", Stem, width=first * width, size=size, ceil_mode=ceil_mode, dtype=compute),
        *(
            stage(f"stage{i}", FireStage, fires=fire, pooled=i < len(fires), ceil_mode=ceil_mode, dtype=compute)
            for i, fire in enumerate(fires, 1)
        ),
    )
    return Backbone(layout, inputs=(("x", (*input_size, in_channels), "float32"),))
