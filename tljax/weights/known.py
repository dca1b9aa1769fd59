"""Published weight files that fit the backbones: where they lie, what they were trained on, under which licence.

A licence is what the publisher says of the weights themselves; "not stated" means that only their code carries one. What the training
data's own terms imply for weights is another question, which no entry answers.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """One published weight file.

    Attributes:
      model: call expression of the backbone for `models.create`; details without influence on size and cost, such as an epsilon, are
        left to `weights.open`, which reads them off the file.
      name: who published it and what they call it.
      where: URL of the file, or of the page or hub repository (``hf:owner/name``, file ``model.safetensors``) that offers it.
      licence: of the weights, as stated by the publisher.
      trained_on: data sets, the last one being that of the head.
    """

    model: str
    name: str
    where: str
    licence: str
    trained_on: str


_TORCH = "not stated (code: BSD-3-Clause)"
_IN21K = "ImageNet-21k, ImageNet-1k"
_AKAMASTER = "https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/"
_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/"


def _torchvision(depth: int, version: int, digits: str) -> Known:
    file = f"https://download.pytorch.org/models/resnet{depth}-{digits}.pth"
    return Known(f"resnet{depth}", f"torchvision IMAGENET1K_V{version}", file, _TORCH, "ImageNet-1k")


def _timm(model: str, name: str, trained_on: str) -> Known:
    return Known(model, f"timm {name}", f"hf:timm/{name}", "Apache-2.0", trained_on)


KNOWN: tuple[Known, ...] = (
    *(
        Known(f"resnet{depth}_cifar", "akamaster", f"{_AKAMASTER}resnet{depth}-{digits}.th", "BSD-2-Clause", "CIFAR-10")
        for depth, digits in ((20, "12fca82f"), (32, "d509ac18"), (44, "014dd654"), (56, "4bfd9763"), (110, "1d1ed7c2"))
    ),
    _torchvision(18, 1, "f37072fd"),
    _torchvision(34, 1, "b627a593"),
    _torchvision(50, 1, "0676ba61"),
    _torchvision(50, 2, "11ad3fa6"),
    _torchvision(101, 1, "63fe2227"),
    _torchvision(101, 2, "cd907fc2"),
    _torchvision(152, 1, "394f9c45"),
    _torchvision(152, 2, "f82ba261"),
    *(_timm(f"resnet{depth}", f"resnet{depth}.a1_in1k", "ImageNet-1k") for depth in (18, 34, 50, 152)),
    _timm("resnet101", "resnet101.a1h_in1k", "ImageNet-1k"),
    _timm("vit_tiny", "vit_tiny_patch16_224.augreg_in21k_ft_in1k", _IN21K),
    _timm("vit_small", "vit_small_patch16_224.augreg_in21k_ft_in1k", _IN21K),
    _timm("vit_small(patch=32)", "vit_small_patch32_224.augreg_in21k_ft_in1k", _IN21K),
    _timm("vit_base", "vit_base_patch16_224.augreg_in21k_ft_in1k", _IN21K),
    _timm("vit_base(patch=32)", "vit_base_patch32_224.augreg_in21k_ft_in1k", _IN21K),
    _timm("vit_large", "vit_large_patch16_224.augreg_in21k", "ImageNet-21k"),
    Known("vit_base", "google vit-base-patch16-224", "hf:google/vit-base-patch16-224", "Apache-2.0", _IN21K),
    *(
        Known(model, f"keras MobileNet {digits}", f"{_KERAS}mobilenet_{digits}_224_tf.h5", "Apache-2.0", "ImageNet-1k")
        for model, digits in (
            ("mobilenet_v1", "1_0"),
            ("mobilenet_v1(width=0.75)", "7_5"),
            ("mobilenet_v1(width=0.5)", "5_0"),
            ("mobilenet_v1(width=0.25)", "2_5"),
        )
    ),
    Known(
        "mobilenet_v1(width=0.25)",
        "biubug6 model_best.pth.tar",
        "https://github.com/biubug6/Pytorch_Retinaface",
        "not stated (code: MIT)",
        "ImageNet-1k",
    ),
)
"""What is known, by model."""
