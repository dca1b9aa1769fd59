"""Weights that their authors keep on their own pages."""

from tljax.weights.sources.entry import IN1K, IN21K, Known

_AKAMASTER = "https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/"
_DINOV2 = "https://dl.fbaipublicfiles.com/dinov2/"

SOURCES: tuple[Known, ...] = (
    *(
        Known(f"resnet{depth}_cifar", "akamaster", f"{_AKAMASTER}resnet{depth}-{digits}.th", "BSD-2-Clause", "CIFAR-10")
        for depth, digits in ((20, "12fca82f"), (32, "d509ac18"), (44, "014dd654"), (56, "4bfd9763"), (110, "1d1ed7c2"))
    ),
    Known(
        "mobilenet_v1(width=0.25)",
        "biubug6 model_best.pth.tar",
        "https://github.com/biubug6/Pytorch_Retinaface",
        "not stated (code: MIT)",
        IN1K,
    ),
    Known(
        "squeezenet",
        "rcmalli keras-squeezenet, without its top",
        "https://github.com/rcmalli/keras-squeezenet/releases/download/v1.0/squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "not stated (code: MIT)",
        IN1K,
    ),
    *(
        Known(f"bit_r{kind}", f"Google BiT-M R{kind}", f"https://storage.googleapis.com/bit_models/BiT-M-R{kind}.npz", "Apache-2.0", IN21K)
        for kind in ("50x1", "50x3", "101x1", "101x3", "152x2", "152x4")
    ),
    *(
        Known(f"dinov2_{size}", f"Meta DINOv2 {file}", f"{_DINOV2}dinov2_{file}/dinov2_{file}_pretrain.pth", "Apache-2.0", "LVD-142M")
        for size, file in (("small", "vits14"), ("base", "vitb14"), ("large", "vitl14"))
    ),
    *(
        Known(
            f"convnext_{size}",
            f"Meta ConvNeXt {size}",
            f"https://dl.fbaipublicfiles.com/convnext/convnext_{size}_1k_224_ema.pth",
            "MIT",
            IN1K,
        )
        for size in ("tiny", "small", "base", "large")
    ),
    Known(
        "albert(width=256, heads=8, inner=512, pool='mean', activation='gelu', in_channels=591)",
        "rxn4chemistry rxnmapper",
        "https://github.com/rxn4chemistry/rxnmapper",
        "MIT",
        "reactions as SMILES",
    ),
    Known("resnet8", "MLPerf Tiny ResNet-8", "https://github.com/mlcommons/tiny", "Apache-2.0", "CIFAR-10"),
)
