"""Published weights: SigLIP."""

from tljax.weights.published import Published, hugging_face, timm

PUBLISHED: tuple[Published, ...] = (
    *timm(
        "Apache-2.0",
        "WebLI",
        {
            "siglip_image_base": "vit_base_patch16_siglip_224.webli",
            "siglip_image_large": "vit_large_patch16_siglip_256.webli",
            "siglip_image_so400m": "vit_so400m_patch14_siglip_224.webli",
        },
    ),
    *hugging_face(
        "Apache-2.0",
        "WebLI",
        {
            "siglip_image_base": "google/siglip-base-patch16-224",
            "siglip_text_base": "google/siglip-base-patch16-224",
            "siglip_image_large": "google/siglip-large-patch16-256",
            "siglip_text_large": "google/siglip-large-patch16-256",
            "siglip_image_so400m": "google/siglip-so400m-patch14-224",
            "siglip_text_so400m": "google/siglip-so400m-patch14-224",
        },
    ),
)
