"""Published weights: MobileNetV3."""

from tljax.weights.published import IN1K, KERAS, Published, keras, timm, torchvision

PUBLISHED: tuple[Published, ...] = (
    *torchvision(
        "IMAGENET1K_V1",
        {
            "mobilenet_v3_large": "mobilenet_v3_large-8738ca79",
            "mobilenet_v3_small": "mobilenet_v3_small-047dcff4",
        },
    ),
    *torchvision("IMAGENET1K_V2", {"mobilenet_v3_large": "mobilenet_v3_large-5c1a4163"}),
    *timm(
        "Apache-2.0",
        IN1K,
        {
            "mobilenet_v3_large": "mobilenetv3_large_100.ra_in1k",
            "mobilenet_v3_small": "mobilenetv3_small_100.lamb_in1k",
        },
    ),
    *keras(
        "Apache-2.0",
        {
            "mobilenet_v3_small": ("MobileNetV3Small", f"{KERAS}mobilenet_v3/weights_mobilenet_v3_small_224_1.0_float.h5"),
            "mobilenet_v3_large": ("MobileNetV3Large", f"{KERAS}mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float.h5"),
        },
    ),
)
