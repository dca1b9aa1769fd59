"""Published weights: VGG."""

from tljax.weights.published import IN1K, KERAS, TF_KERNELS, Published, keras, timm, torchvision

PUBLISHED: tuple[Published, ...] = (
    *torchvision(
        "IMAGENET1K_V1",
        {
            "vgg11": "vgg11-8a719046",
            "vgg11_bn": "vgg11_bn-6002323d",
            "vgg13": "vgg13-19584684",
            "vgg13_bn": "vgg13_bn-abd245e5",
            "vgg16": "vgg16-397923af",
            "vgg16_bn": "vgg16_bn-6c64b313",
            "vgg19": "vgg19-dcbb9e9d",
            "vgg19_bn": "vgg19_bn-c79401a0",
        },
    ),
    *timm(
        "BSD-3-Clause",
        IN1K,
        {
            "vgg11": "vgg11.tv_in1k",
            "vgg11_bn": "vgg11_bn.tv_in1k",
            "vgg13": "vgg13.tv_in1k",
            "vgg13_bn": "vgg13_bn.tv_in1k",
            "vgg16": "vgg16.tv_in1k",
            "vgg16_bn": "vgg16_bn.tv_in1k",
            "vgg19": "vgg19.tv_in1k",
            "vgg19_bn": "vgg19_bn.tv_in1k",
        },
    ),
    *keras(
        "CC BY",
        {
            "vgg16": ("VGG16", f"{KERAS}vgg16/vgg16{TF_KERNELS}"),
            "vgg19": ("VGG19", f"{KERAS}vgg19/vgg19{TF_KERNELS}"),
        },
    ),
)
