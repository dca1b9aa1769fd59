"""Published weights: ResNet-8."""

from tljax.weights.published import Published

PUBLISHED: tuple[Published, ...] = (
    Published("resnet8", "MLPerf Tiny ResNet-8", "https://github.com/mlcommons/tiny", "Apache-2.0", "CIFAR-10"),
)
