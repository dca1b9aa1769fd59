"""Published weights: Xception."""

from tljax.weights.published import IN1K, KERAS, TF_KERNELS, Published, keras, timm

PUBLISHED: tuple[Published, ...] = (
    *timm("Apache-2.0", IN1K, {"xception": "legacy_xception.tf_in1k"}),
    *keras("MIT", {"xception": ("Xception", f"{KERAS}xception/xception{TF_KERNELS}")}),
)
