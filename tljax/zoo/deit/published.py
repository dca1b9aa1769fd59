"""Published weights: DeiT."""

from tljax.weights.published import IN1K, Published, hugging_face, timm

PUBLISHED: tuple[Published, ...] = (
    *timm(
        "Apache-2.0",
        IN1K,
        {
            "deit_tiny": "deit_tiny_distilled_patch16_224.fb_in1k",
            "deit_small": "deit_small_distilled_patch16_224.fb_in1k",
            "deit_base": "deit_base_distilled_patch16_224.fb_in1k",
        },
    ),
    *hugging_face(
        "Apache-2.0",
        IN1K,
        {
            "deit_tiny": "facebook/deit-tiny-distilled-patch16-224",
            "deit_small": "facebook/deit-small-distilled-patch16-224",
            "deit_base": "facebook/deit-base-distilled-patch16-224",
        },
    ),
)
