"""Published weights: Inception-ResNet-v2."""

from tljax.weights.published import IN1K, KERAS, TF_KERNELS, Published, keras, timm

PUBLISHED: tuple[Published, ...] = (
    *timm("Apache-2.0", IN1K, {"inception_resnet_v2": "inception_resnet_v2.tf_in1k"}),
    *keras(
        "Apache-2.0",
        {"inception_resnet_v2(norm_scale=False)": ("InceptionResNetV2", f"{KERAS}inception_resnet_v2/inception_resnet_v2{TF_KERNELS}")},
    ),
)
