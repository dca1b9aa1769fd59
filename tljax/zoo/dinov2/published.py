"""Published weights: DINOv2."""

from tljax.weights.published import Published, hugging_face, timm

PUBLISHED: tuple[Published, ...] = (
    Published(
        model="dinov2_small",
        name="Meta DINOv2 vits14",
        where="https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth",
        license="Apache-2.0",
        trained_on="LVD-142M",
    ),
    Published(
        model="dinov2_base",
        name="Meta DINOv2 vitb14",
        where="https://dl.fbaipublicfiles.com/dinov2/dinov2_vitb14/dinov2_vitb14_pretrain.pth",
        license="Apache-2.0",
        trained_on="LVD-142M",
    ),
    Published(
        model="dinov2_large",
        name="Meta DINOv2 vitl14",
        where="https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_pretrain.pth",
        license="Apache-2.0",
        trained_on="LVD-142M",
    ),
    *timm(
        "Apache-2.0",
        "LVD-142M",
        {
            "dinov2_small": "vit_small_patch14_dinov2.lvd142m",
            "dinov2_base": "vit_base_patch14_dinov2.lvd142m",
            "dinov2_large": "vit_large_patch14_dinov2.lvd142m",
            "dinov2_small(registers=4, patches_only=True)": "vit_small_patch14_reg4_dinov2.lvd142m",
            "dinov2_base(registers=4, patches_only=True)": "vit_base_patch14_reg4_dinov2.lvd142m",
            "dinov2_large(registers=4, patches_only=True)": "vit_large_patch14_reg4_dinov2.lvd142m",
        },
    ),
    *hugging_face(
        "Apache-2.0",
        "LVD-142M",
        {
            "dinov2_small": "facebook/dinov2-small",
            "dinov2_base": "facebook/dinov2-base",
            "dinov2_large": "facebook/dinov2-large",
        },
    ),
)
