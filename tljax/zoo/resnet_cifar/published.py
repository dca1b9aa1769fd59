"""Published weights: the ResNets of CIFAR-10."""

from tljax.weights.published import Published

PUBLISHED: tuple[Published, ...] = (
    Published(
        model="resnet20_cifar",
        name="akamaster",
        where="https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/resnet20-12fca82f.th",
        license="BSD-2-Clause",
        trained_on="CIFAR-10",
    ),
    Published(
        model="resnet32_cifar",
        name="akamaster",
        where="https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/resnet32-d509ac18.th",
        license="BSD-2-Clause",
        trained_on="CIFAR-10",
    ),
    Published(
        model="resnet44_cifar",
        name="akamaster",
        where="https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/resnet44-014dd654.th",
        license="BSD-2-Clause",
        trained_on="CIFAR-10",
    ),
    Published(
        model="resnet56_cifar",
        name="akamaster",
        where="https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/resnet56-4bfd9763.th",
        license="BSD-2-Clause",
        trained_on="CIFAR-10",
    ),
    Published(
        model="resnet110_cifar",
        name="akamaster",
        where="https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/resnet110-1d1ed7c2.th",
        license="BSD-2-Clause",
        trained_on="CIFAR-10",
    ),
)
