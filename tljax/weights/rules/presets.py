"""Inputs of published ImageNet models: the few conventions that weights of other frameworks were trained with."""

from typing import Any

from tljax.weights import imagenet
from tljax.weights.config import PretrainedConfig, adapt_channels

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels in [0, 1], RGB, as torchvision and timm use them."""

CAFFE_MEAN = (103.939, 116.779, 123.68)
"""Of ImageNet's pixels in [0, 255], BGR, as Caffe's models use them."""

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""Class names of CIFAR-10 in the order of its labels."""

STYLES: dict[str, dict[str, Any]] = {
    "torch": {"mean": MEAN, "std": STD},
    "unit": {"mean": (0.5,) * 3, "std": (0.5,) * 3},
    "caffe": {"mean": tuple(m / 255 for m in CAFFE_MEAN), "std": (1 / 255,) * 3, "channel_order": "BGR"},
    "raw": {"mean": (0.0,) * 3, "std": (1 / 255,) * 3},
}
"""Name -> mean, standard deviation, channel order: ``torch``: ImageNet's statistics; ``unit``: [-1, 1]; ``caffe``: BGR in [0, 255] minus
its mean; ``raw``: [0, 255] as it is."""


def imagenet_config(fields: dict[str, Any], style: str = "torch", **more: Any) -> PretrainedConfig:
    """Builds the config assumed for an ImageNet model.

    Args:
      fields: what `Keymap.infer` gave.
      style: one of `STYLES`.
      **more: further fields of `PretrainedConfig`, such as `source`; they win over the defaults: 224 pixels, the center of 256, bilinear;
        ImageNet's labels where there are 1000 classes.
    """
    channels, labels = fields["in_channels"], imagenet.labels()
    inputs = STYLES[style]
    values: dict[str, Any] = {
        "input_size": (224, 224),
        "crop_fraction": 0.875,
        "mean": adapt_channels(inputs["mean"], channels),
        "std": adapt_channels(inputs["std"], channels),
        "channel_order": "L" if channels == 1 else inputs.get("channel_order", "RGB") if channels == 3 else "RGB",
        "labels": labels if fields["num_classes"] == len(labels) else (),
    }
    return PretrainedConfig(**(values | fields | more))
