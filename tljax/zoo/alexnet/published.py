"""Published weights: AlexNet."""

from tljax.weights.published import Published, torchvision

PUBLISHED: tuple[Published, ...] = (*torchvision("IMAGENET1K_V1", {"alexnet": "alexnet-owt-7be5be79"}),)
