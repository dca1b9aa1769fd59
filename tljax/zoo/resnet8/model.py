"""The ResNet-8 for CIFAR-10 of MLPerf Tiny (Banbury et al. 2021, section 4.1; reference in Keras): three residual blocks."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.layers.normalization import batch_norm
from tljax.models.transfer import Backbone, Batch, stage


class Stem(nn.Module):
    """3x3 convolution, BatchNorm, ReLU."""

    width: int
    epsilon: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        x = nn.Conv(self.width, (3, 3), kernel_init=nn.initializers.he_normal(), dtype=self.dtype, name="conv")(batch["x"])
        return batch | {"x": nn.relu(batch_norm(batch_stats_in, self.dtype, "bn", self.epsilon)(x))}


class Block(nn.Module):
    """Two 3x3 convolutions with BatchNorm and a shortcut, `[B, H, W, C]` -> `[B, H/stride, W/stride, width]`; all convolutions have biases.

    Padding is TensorFlow's: at stride 2 and an even size none at the top and left. The shortcut is the identity at stride 1, else a 1x1
    convolution, without BatchNorm.
    """

    width: int
    stride: int
    epsilon: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        def conv(x: Any, size: int, stride: int, name: str) -> Any:
            init = nn.initializers.he_normal()
            return nn.Conv(self.width, (size, size), stride, padding="SAME", kernel_init=init, dtype=self.dtype, name=name)(x)

        x = batch["x"]
        y = nn.relu(batch_norm(batch_stats_in, self.dtype, "bn1", self.epsilon)(conv(x, 3, self.stride, "conv1")))
        y = batch_norm(batch_stats_in, self.dtype, "bn2", self.epsilon)(conv(y, 3, 1, "conv2"))
        x = conv(x, 1, self.stride, "shortcut") if self.stride > 1 else x
        return batch | {"x": nn.relu(x + y)}


@backbones.register
def resnet8(
    width: int = 16, epsilon: float = 1e-3, in_channels: int = 3, input_size: tuple[int, int] = (32, 32), dtype: str = "float32"
) -> Backbone:
    """Stages ``stem, stage1, stage2, stage3``, each of one block, at `width`, 2 `width`, 4 `width` channels and /1, /2, /4.

    Args:
      width: of the stem and of the first block.
      epsilon: of BatchNorm.
      in_channels: of the images.
      input_size: height, width; any other size runs too.
      dtype: of the computation.
    """
    compute = jnp.dtype(dtype)
    layout = (
        stage("stem", Stem, width=width, epsilon=epsilon, dtype=compute),
        *(stage(f"stage{i + 1}", Block, width=width << i, stride=1 if i == 0 else 2, epsilon=epsilon, dtype=compute) for i in range(3)),
    )
    return Backbone(layout, inputs=(("x", (*input_size, in_channels), "float32"),))
