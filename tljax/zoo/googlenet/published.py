"""Published weights: GoogLeNet."""

from tljax.weights.published import Published, torchvision

PUBLISHED: tuple[Published, ...] = (*torchvision("IMAGENET1K_V1", {"googlenet": "googlenet-1378be20"}),)
