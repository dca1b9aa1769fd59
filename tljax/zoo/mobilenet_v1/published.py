"""Published weights: MobileNetV1."""

from tljax.weights.published import IN1K, KERAS, Published, keras

PUBLISHED: tuple[Published, ...] = (
    Published(
        model="mobilenet_v1(width=0.25)",
        name="biubug6 model_best.pth.tar",
        where="https://github.com/biubug6/Pytorch_Retinaface",
        license="not stated (code: MIT)",
        trained_on=IN1K,
    ),
    *keras(
        "Apache-2.0",
        {
            "mobilenet_v1": ("MobileNet 1_0", f"{KERAS}mobilenet/mobilenet_1_0_224_tf.h5"),
            "mobilenet_v1(width=0.75)": ("MobileNet 7_5", f"{KERAS}mobilenet/mobilenet_7_5_224_tf.h5"),
            "mobilenet_v1(width=0.5)": ("MobileNet 5_0", f"{KERAS}mobilenet/mobilenet_5_0_224_tf.h5"),
            "mobilenet_v1(width=0.25)": ("MobileNet 2_5", f"{KERAS}mobilenet/mobilenet_2_5_224_tf.h5"),
        },
    ),
)
