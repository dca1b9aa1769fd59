"""Published weights: ResNet-8."""

from tljax.weights.published import Published

PUBLISHED: tuple[Published, ...] = (
    Published(
        model="resnet8", name="MLPerf Tiny ResNet-8", where="https://github.com/mlcommons/tiny", license="Apache-2.0", trained_on="CIFAR-10"
    ),
)
