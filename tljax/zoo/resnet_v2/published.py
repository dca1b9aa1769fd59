"""Published weights: ResNetV2 and BiT."""

from tljax.weights.published import BOTH, IN21K, KERAS, TF_KERNELS, Published, keras, timm

PUBLISHED: tuple[Published, ...] = (
    Published(
        model="bit_r50x1",
        name="Google BiT-M R50x1",
        where="https://storage.googleapis.com/bit_models/BiT-M-R50x1.npz",
        license="Apache-2.0",
        trained_on=IN21K,
    ),
    Published(
        model="bit_r50x3",
        name="Google BiT-M R50x3",
        where="https://storage.googleapis.com/bit_models/BiT-M-R50x3.npz",
        license="Apache-2.0",
        trained_on=IN21K,
    ),
    Published(
        model="bit_r101x1",
        name="Google BiT-M R101x1",
        where="https://storage.googleapis.com/bit_models/BiT-M-R101x1.npz",
        license="Apache-2.0",
        trained_on=IN21K,
    ),
    Published(
        model="bit_r101x3",
        name="Google BiT-M R101x3",
        where="https://storage.googleapis.com/bit_models/BiT-M-R101x3.npz",
        license="Apache-2.0",
        trained_on=IN21K,
    ),
    Published(
        model="bit_r152x2",
        name="Google BiT-M R152x2",
        where="https://storage.googleapis.com/bit_models/BiT-M-R152x2.npz",
        license="Apache-2.0",
        trained_on=IN21K,
    ),
    Published(
        model="bit_r152x4",
        name="Google BiT-M R152x4",
        where="https://storage.googleapis.com/bit_models/BiT-M-R152x4.npz",
        license="Apache-2.0",
        trained_on=IN21K,
    ),
    *timm(
        "Apache-2.0",
        BOTH,
        {
            "bit_r50x1": "resnetv2_50x1_bit.goog_in21k_ft_in1k",
            "bit_r50x3": "resnetv2_50x3_bit.goog_in21k_ft_in1k",
            "bit_r101x1": "resnetv2_101x1_bit.goog_in21k_ft_in1k",
            "bit_r101x3": "resnetv2_101x3_bit.goog_in21k_ft_in1k",
            "bit_r152x2": "resnetv2_152x2_bit.goog_in21k_ft_in1k",
            "bit_r152x4": "resnetv2_152x4_bit.goog_in21k_ft_in1k",
        },
    ),
    *keras(
        "MIT",
        {
            "resnet50_v2": ("ResNet50V2", f"{KERAS}resnet/resnet50v2{TF_KERNELS}"),
            "resnet101_v2": ("ResNet101V2", f"{KERAS}resnet/resnet101v2{TF_KERNELS}"),
            "resnet152_v2": ("ResNet152V2", f"{KERAS}resnet/resnet152v2{TF_KERNELS}"),
        },
    ),
)
