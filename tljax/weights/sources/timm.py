"""timm's weights on the Hugging Face hub, with the licences that timm's configs state."""

from tljax.weights.sources.entry import BOTH, IN1K, IN21K, Known

_APACHE, _BSD = "Apache-2.0", "BSD-3-Clause"

_ROWS: tuple[tuple[str, str, str, str], ...] = (
    *((f"vgg{kind}", f"vgg{kind}.tv_in1k", _BSD, IN1K) for kind in ("11", "11_bn", "13", "13_bn", "16", "16_bn", "19", "19_bn")),
    *((f"resnet{depth}", f"resnet{depth}.a1_in1k", _APACHE, IN1K) for depth in (18, 34, 50, 152)),
    ("resnet101", "resnet101.a1h_in1k", _APACHE, IN1K),
    ("resnext50_32x4d", "resnext50_32x4d.a1_in1k", _APACHE, IN1K),
    ("resnext101_32x8d", "resnext101_32x8d.tv2_in1k", _BSD, IN1K),
    ("resnext101_64x4d", "resnext101_64x4d.c1_in1k", _APACHE, IN1K),
    ("wide_resnet50_2", "wide_resnet50_2.racm_in1k", _APACHE, IN1K),
    ("wide_resnet101_2", "wide_resnet101_2.tv2_in1k", _BSD, IN1K),
    ("densenet121", "densenet121.ra_in1k", _APACHE, IN1K),
    *((f"densenet{depth}", f"densenet{depth}.tv_in1k", _APACHE, IN1K) for depth in (161, 169, 201)),
    ("inception_resnet_v2", "inception_resnet_v2.tf_in1k", _APACHE, IN1K),
    ("xception", "legacy_xception.tf_in1k", _APACHE, IN1K),
    ("mobilenet_v2", "mobilenetv2_100.ra_in1k", _APACHE, IN1K),
    ("mobilenet_v2(width=0.5)", "mobilenetv2_050.lamb_in1k", _APACHE, IN1K),
    ("mobilenet_v2(width=1.4)", "mobilenetv2_140.ra_in1k", _APACHE, IN1K),
    ("mobilenet_v3_large", "mobilenetv3_large_100.ra_in1k", _APACHE, IN1K),
    ("mobilenet_v3_small", "mobilenetv3_small_100.lamb_in1k", _APACHE, IN1K),
    ("efficientnet_b0", "efficientnet_b0.ra_in1k", _APACHE, IN1K),
    ("efficientnet_b1", "efficientnet_b1.ft_in1k", _APACHE, IN1K),
    ("efficientnet_b2", "efficientnet_b2.ra_in1k", _APACHE, IN1K),
    ("efficientnet_b3", "efficientnet_b3.ra2_in1k", _APACHE, IN1K),
    ("efficientnet_b4", "efficientnet_b4.ra2_in1k", _APACHE, IN1K),
    *((f"efficientnet_b{i}", f"tf_efficientnet_b{i}.ns_jft_in1k", _APACHE, f"JFT-300M, {IN1K}") for i in range(8)),
    *((f"convnext_{size}", f"convnext_{size}.fb_in22k_ft_in1k", _APACHE, BOTH) for size in ("tiny", "small", "base", "large")),
    *(
        (f"bit_r{kind}", f"resnetv2_{kind}_bit.goog_in21k_ft_in1k", _APACHE, BOTH)
        for kind in ("50x1", "50x3", "101x1", "101x3", "152x2", "152x4")
    ),
    *((f"vit_{size}", f"vit_{size}_patch16_224.augreg_in21k_ft_in1k", _APACHE, BOTH) for size in ("tiny", "small", "base")),
    *((f"vit_{size}(patch=32)", f"vit_{size}_patch32_224.augreg_in21k_ft_in1k", _APACHE, BOTH) for size in ("small", "base")),
    ("vit_large", "vit_large_patch16_224.augreg_in21k", _APACHE, IN21K),
    *((f"deit_{size}", f"deit_{size}_distilled_patch16_224.fb_in1k", _APACHE, IN1K) for size in ("tiny", "small", "base")),
    *((f"vit_{size}", f"deit_{size}_patch16_224.fb_in1k", _APACHE, IN1K) for size in ("tiny", "small", "base")),
    *((f"dinov2_{size}", f"vit_{size}_patch14_dinov2.lvd142m", _APACHE, "LVD-142M") for size in ("small", "base", "large")),
    *(
        (f"dinov2_{size}(registers=4, patches_only=True)", f"vit_{size}_patch14_reg4_dinov2.lvd142m", _APACHE, "LVD-142M")
        for size in ("small", "base", "large")
    ),
    ("siglip_image_base", "vit_base_patch16_siglip_224.webli", _APACHE, "WebLI"),
    ("siglip_image_large", "vit_large_patch16_siglip_256.webli", _APACHE, "WebLI"),
    ("siglip_image_so400m", "vit_so400m_patch14_siglip_224.webli", _APACHE, "WebLI"),
)
"""Our model, timm's name, licence, training data."""

SOURCES = tuple(Known(model, f"timm {name}", f"hf://timm/{name}", licence, data) for model, name, licence, data in _ROWS)
