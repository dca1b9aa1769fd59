"""Published weights: SqueezeNet."""

from tljax.weights.published import IN1K, Published, torchvision

PUBLISHED: tuple[Published, ...] = (
    Published(
        model="squeezenet",
        name="rcmalli keras-squeezenet, without its top",
        where="https://github.com/rcmalli/keras-squeezenet/releases/download/v1.0/squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5",
        license="not stated (code: MIT)",
        trained_on=IN1K,
    ),
    *torchvision(
        "IMAGENET1K_V1",
        {
            "squeezenet(version='1.0')": "squeezenet1_0-b66bff10",
            "squeezenet": "squeezenet1_1-b8a52dc0",
        },
    ),
)
