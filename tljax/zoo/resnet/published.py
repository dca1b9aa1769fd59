"""Published weights: ResNet, ResNeXt and Wide ResNet."""

from tljax.weights.published import IN1K, KERAS, TF_KERNELS, Published, keras, timm, torchvision

PUBLISHED: tuple[Published, ...] = (
    *torchvision(
        "IMAGENET1K_V1",
        {
            "resnet18": "resnet18-f37072fd",
            "resnet34": "resnet34-b627a593",
            "resnet50": "resnet50-0676ba61",
            "resnet101": "resnet101-63fe2227",
            "resnet152": "resnet152-394f9c45",
            "resnext50_32x4d": "resnext50_32x4d-7cdf4587",
            "resnext101_32x8d": "resnext101_32x8d-8ba56ff5",
            "resnext101_64x4d": "resnext101_64x4d-173b62eb",
            "wide_resnet50_2": "wide_resnet50_2-95faca4d",
            "wide_resnet101_2": "wide_resnet101_2-32ee1156",
        },
    ),
    *torchvision(
        "IMAGENET1K_V2",
        {
            "resnet50": "resnet50-11ad3fa6",
            "resnet101": "resnet101-cd907fc2",
            "resnet152": "resnet152-f82ba261",
            "resnext50_32x4d": "resnext50_32x4d-1a0047aa",
            "resnext101_32x8d": "resnext101_32x8d-110c445d",
            "wide_resnet50_2": "wide_resnet50_2-9ba9bcbe",
            "wide_resnet101_2": "wide_resnet101_2-d733dc28",
        },
    ),
    *timm(
        "Apache-2.0",
        IN1K,
        {
            "resnet18": "resnet18.a1_in1k",
            "resnet34": "resnet34.a1_in1k",
            "resnet50": "resnet50.a1_in1k",
            "resnet152": "resnet152.a1_in1k",
            "resnet101": "resnet101.a1h_in1k",
            "resnext50_32x4d": "resnext50_32x4d.a1_in1k",
            "resnext101_64x4d": "resnext101_64x4d.c1_in1k",
            "wide_resnet50_2": "wide_resnet50_2.racm_in1k",
        },
    ),
    *timm(
        "BSD-3-Clause",
        IN1K,
        {
            "resnext101_32x8d": "resnext101_32x8d.tv2_in1k",
            "wide_resnet101_2": "wide_resnet101_2.tv2_in1k",
        },
    ),
    *keras(
        "MIT",
        {
            "resnet50(stride_first=True, bias=True)": ("ResNet50", f"{KERAS}resnet/resnet50{TF_KERNELS}"),
            "resnet101(stride_first=True, bias=True)": ("ResNet101", f"{KERAS}resnet/resnet101{TF_KERNELS}"),
            "resnet152(stride_first=True, bias=True)": ("ResNet152", f"{KERAS}resnet/resnet152{TF_KERNELS}"),
        },
    ),
)
