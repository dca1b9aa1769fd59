"""torchvision's weights (torchvision/models/*.py); it states no licence for them."""

from tljax.weights.sources.entry import IN1K, Known

_FILES = {
    "IMAGENET1K_V1": """alexnet-owt-7be5be79 vgg11-8a719046 vgg11_bn-6002323d vgg13-19584684 vgg13_bn-abd245e5 vgg16-397923af
        vgg16_bn-6c64b313 vgg19-dcbb9e9d vgg19_bn-c79401a0 squeezenet1_0-b66bff10 squeezenet1_1-b8a52dc0 googlenet-1378be20
        inception_v3_google-0cc3c7bd resnet18-f37072fd resnet34-b627a593 resnet50-0676ba61 resnet101-63fe2227 resnet152-394f9c45
        resnext50_32x4d-7cdf4587 resnext101_32x8d-8ba56ff5 resnext101_64x4d-173b62eb wide_resnet50_2-95faca4d wide_resnet101_2-32ee1156
        densenet121-a639ec97 densenet161-8d451a50 densenet169-b2777c0a densenet201-c1103571 mobilenet_v2-b0353104
        mobilenet_v3_large-8738ca79 mobilenet_v3_small-047dcff4 efficientnet_b0_rwightman-7f5810bc efficientnet_b1_rwightman-bac287d4
        efficientnet_b2_rwightman-c35c1473 efficientnet_b3_rwightman-b3899882 efficientnet_b4_rwightman-23ab8bcd
        efficientnet_b5_lukemelas-1a07897c efficientnet_b6_lukemelas-24a108a5 efficientnet_b7_lukemelas-c5b4e57e
        convnext_tiny-983f1562 convnext_small-0c510722 convnext_base-6075fbad convnext_large-ea097f82""",
    "IMAGENET1K_V2": """resnet50-11ad3fa6 resnet101-cd907fc2 resnet152-f82ba261 resnext50_32x4d-1a0047aa resnext101_32x8d-110c445d
        wide_resnet50_2-9ba9bcbe wide_resnet101_2-d733dc28 mobilenet_v2-7ebf99e0 mobilenet_v3_large-5c1a4163
        efficientnet_b1-c27df63c""",
}
_OURS = {"squeezenet1_0": "squeezenet(version='1.0')", "squeezenet1_1": "squeezenet", "inception_v3_google": "inception_v3"}


def _model(file: str) -> str:
    name = file.partition("-")[0].removesuffix("_rwightman").removesuffix("_lukemelas")
    return _OURS.get(name, name)


SOURCES = tuple(
    Known(_model(file), f"torchvision {kind}", f"https://download.pytorch.org/models/{file}.pth", "not stated (code: BSD-3-Clause)", IN1K)
    for kind, files in _FILES.items()
    for file in files.split()
)
