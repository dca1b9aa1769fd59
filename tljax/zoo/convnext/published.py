"""Published weights: ConvNeXt."""

from tljax.weights.published import BOTH, IN1K, Published, hugging_face, timm, torchvision

PUBLISHED: tuple[Published, ...] = (
    Published(
        model="convnext_tiny",
        name="Meta ConvNeXt tiny",
        where="https://dl.fbaipublicfiles.com/convnext/convnext_tiny_1k_224_ema.pth",
        license="MIT",
        trained_on=IN1K,
    ),
    Published(
        model="convnext_small",
        name="Meta ConvNeXt small",
        where="https://dl.fbaipublicfiles.com/convnext/convnext_small_1k_224_ema.pth",
        license="MIT",
        trained_on=IN1K,
    ),
    Published(
        model="convnext_base",
        name="Meta ConvNeXt base",
        where="https://dl.fbaipublicfiles.com/convnext/convnext_base_1k_224_ema.pth",
        license="MIT",
        trained_on=IN1K,
    ),
    Published(
        model="convnext_large",
        name="Meta ConvNeXt large",
        where="https://dl.fbaipublicfiles.com/convnext/convnext_large_1k_224_ema.pth",
        license="MIT",
        trained_on=IN1K,
    ),
    *torchvision(
        "IMAGENET1K_V1",
        {
            "convnext_tiny": "convnext_tiny-983f1562",
            "convnext_small": "convnext_small-0c510722",
            "convnext_base": "convnext_base-6075fbad",
            "convnext_large": "convnext_large-ea097f82",
        },
    ),
    *timm(
        "Apache-2.0",
        BOTH,
        {
            "convnext_tiny": "convnext_tiny.fb_in22k_ft_in1k",
            "convnext_small": "convnext_small.fb_in22k_ft_in1k",
            "convnext_base": "convnext_base.fb_in22k_ft_in1k",
            "convnext_large": "convnext_large.fb_in22k_ft_in1k",
        },
    ),
    *hugging_face(
        "Apache-2.0",
        IN1K,
        {
            "convnext_tiny": "facebook/convnext-tiny-224",
            "convnext_small": "facebook/convnext-small-224",
            "convnext_base": "facebook/convnext-base-224",
            "convnext_large": "facebook/convnext-large-224",
        },
    ),
)
