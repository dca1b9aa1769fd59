"""Published weights: Vision Transformers."""

from tljax.weights.published import BOTH, IN1K, IN21K, Published, hugging_face, timm

PUBLISHED: tuple[Published, ...] = (
    *timm(
        "Apache-2.0",
        BOTH,
        {
            "vit_tiny": "vit_tiny_patch16_224.augreg_in21k_ft_in1k",
            "vit_small": "vit_small_patch16_224.augreg_in21k_ft_in1k",
            "vit_base": "vit_base_patch16_224.augreg_in21k_ft_in1k",
            "vit_small(patch=32)": "vit_small_patch32_224.augreg_in21k_ft_in1k",
            "vit_base(patch=32)": "vit_base_patch32_224.augreg_in21k_ft_in1k",
        },
    ),
    *timm("Apache-2.0", IN21K, {"vit_large": "vit_large_patch16_224.augreg_in21k"}),
    *timm(
        "Apache-2.0",
        IN1K,
        {
            "vit_tiny": "deit_tiny_patch16_224.fb_in1k",
            "vit_small": "deit_small_patch16_224.fb_in1k",
            "vit_base": "deit_base_patch16_224.fb_in1k",
        },
    ),
    *hugging_face("Apache-2.0", BOTH, {"vit_base": "google/vit-base-patch16-224"}),
)
