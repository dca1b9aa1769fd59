"""Published weights: MobileNetV2."""

from tljax.weights.published import IN1K, KERAS, Published, keras, timm, torchvision

PUBLISHED: tuple[Published, ...] = (
    *torchvision("IMAGENET1K_V1", {"mobilenet_v2": "mobilenet_v2-b0353104"}),
    *torchvision("IMAGENET1K_V2", {"mobilenet_v2": "mobilenet_v2-7ebf99e0"}),
    *timm(
        "Apache-2.0",
        IN1K,
        {
            "mobilenet_v2": "mobilenetv2_100.ra_in1k",
            "mobilenet_v2(width=0.5)": "mobilenetv2_050.lamb_in1k",
            "mobilenet_v2(width=1.4)": "mobilenetv2_140.ra_in1k",
        },
    ),
    *keras(
        "Apache-2.0",
        {
            "mobilenet_v2": ("MobileNetV2 1.0", f"{KERAS}mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"),
            "mobilenet_v2(width=1.4)": (
                "MobileNetV2 1.4",
                f"{KERAS}mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.4_224.h5",
            ),
            "mobilenet_v2(width=0.5)": (
                "MobileNetV2 0.5",
                f"{KERAS}mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.5_224.h5",
            ),
        },
    ),
)
