"""Published weights: EfficientNet."""

from tljax.weights.published import IN1K, Published, keras, timm, torchvision

PUBLISHED: tuple[Published, ...] = (
    *torchvision(
        "IMAGENET1K_V1",
        {
            "efficientnet_b0": "efficientnet_b0_rwightman-7f5810bc",
            "efficientnet_b1": "efficientnet_b1_rwightman-bac287d4",
            "efficientnet_b2": "efficientnet_b2_rwightman-c35c1473",
            "efficientnet_b3": "efficientnet_b3_rwightman-b3899882",
            "efficientnet_b4": "efficientnet_b4_rwightman-23ab8bcd",
            "efficientnet_b5": "efficientnet_b5_lukemelas-1a07897c",
            "efficientnet_b6": "efficientnet_b6_lukemelas-24a108a5",
            "efficientnet_b7": "efficientnet_b7_lukemelas-c5b4e57e",
        },
    ),
    *torchvision("IMAGENET1K_V2", {"efficientnet_b1": "efficientnet_b1-c27df63c"}),
    *timm(
        "Apache-2.0",
        IN1K,
        {
            "efficientnet_b0": "efficientnet_b0.ra_in1k",
            "efficientnet_b1": "efficientnet_b1.ft_in1k",
            "efficientnet_b2": "efficientnet_b2.ra_in1k",
            "efficientnet_b3": "efficientnet_b3.ra2_in1k",
            "efficientnet_b4": "efficientnet_b4.ra2_in1k",
        },
    ),
    *timm(
        "Apache-2.0",
        "JFT-300M, ImageNet-1k",
        {
            "efficientnet_b0": "tf_efficientnet_b0.ns_jft_in1k",
            "efficientnet_b1": "tf_efficientnet_b1.ns_jft_in1k",
            "efficientnet_b2": "tf_efficientnet_b2.ns_jft_in1k",
            "efficientnet_b3": "tf_efficientnet_b3.ns_jft_in1k",
            "efficientnet_b4": "tf_efficientnet_b4.ns_jft_in1k",
            "efficientnet_b5": "tf_efficientnet_b5.ns_jft_in1k",
            "efficientnet_b6": "tf_efficientnet_b6.ns_jft_in1k",
            "efficientnet_b7": "tf_efficientnet_b7.ns_jft_in1k",
        },
    ),
    *keras(
        "Apache-2.0",
        {
            "efficientnet_b0": ("EfficientNetB0", "https://storage.googleapis.com/keras-applications/efficientnetb0.h5"),
            "efficientnet_b1": ("EfficientNetB1", "https://storage.googleapis.com/keras-applications/efficientnetb1.h5"),
            "efficientnet_b2": ("EfficientNetB2", "https://storage.googleapis.com/keras-applications/efficientnetb2.h5"),
            "efficientnet_b3": ("EfficientNetB3", "https://storage.googleapis.com/keras-applications/efficientnetb3.h5"),
            "efficientnet_b4": ("EfficientNetB4", "https://storage.googleapis.com/keras-applications/efficientnetb4.h5"),
            "efficientnet_b5": ("EfficientNetB5", "https://storage.googleapis.com/keras-applications/efficientnetb5.h5"),
            "efficientnet_b6": ("EfficientNetB6", "https://storage.googleapis.com/keras-applications/efficientnetb6.h5"),
            "efficientnet_b7": ("EfficientNetB7", "https://storage.googleapis.com/keras-applications/efficientnetb7.h5"),
        },
    ),
)
