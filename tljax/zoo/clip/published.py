"""Published weights: CLIP."""

from tljax.weights.published import Published, hugging_face

PUBLISHED: tuple[Published, ...] = (
    *hugging_face(
        "not stated (code: MIT)",
        "WIT-400M",
        {
            "clip_image_base": "openai/clip-vit-base-patch32",
            "clip_text_base": "openai/clip-vit-base-patch32",
            "clip_image_large": "openai/clip-vit-large-patch14",
            "clip_text_large": "openai/clip-vit-large-patch14",
        },
    ),
)
