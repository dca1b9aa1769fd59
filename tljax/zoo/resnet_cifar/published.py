"""Published weights: the ResNets of CIFAR-10."""

from tljax.weights.published import Published

PUBLISHED: tuple[Published, ...] = (
    Published(
        "resnet20_cifar",
        "akamaster",
        "https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/resnet20-12fca82f.th",
        "BSD-2-Clause",
        "CIFAR-10",
    ),
    Published(
        "resnet32_cifar",
        "akamaster",
        "https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/resnet32-d509ac18.th",
        "BSD-2-Clause",
        "CIFAR-10",
    ),
    Published(
        "resnet44_cifar",
        "akamaster",
        "https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/resnet44-014dd654.th",
        "BSD-2-Clause",
        "CIFAR-10",
    ),
    Published(
        "resnet56_cifar",
        "akamaster",
        "https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/resnet56-4bfd9763.th",
        "BSD-2-Clause",
        "CIFAR-10",
    ),
    Published(
        "resnet110_cifar",
        "akamaster",
        "https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/resnet110-1d1ed7c2.th",
        "BSD-2-Clause",
        "CIFAR-10",
    ),
)
