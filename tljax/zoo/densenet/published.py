"""Published weights: DenseNet."""

from tljax.weights.published import IN1K, KERAS, TF_KERNELS, Published, keras, timm, torchvision

PUBLISHED: tuple[Published, ...] = (
    *torchvision(
        "IMAGENET1K_V1",
        {
            "densenet121": "densenet121-a639ec97",
            "densenet161": "densenet161-8d451a50",
            "densenet169": "densenet169-b2777c0a",
            "densenet201": "densenet201-c1103571",
        },
    ),
    *timm(
        "Apache-2.0",
        IN1K,
        {
            "densenet121": "densenet121.ra_in1k",
            "densenet161": "densenet161.tv_in1k",
            "densenet169": "densenet169.tv_in1k",
            "densenet201": "densenet201.tv_in1k",
        },
    ),
    *keras(
        "BSD-3-Clause",
        {
            "densenet121": ("DenseNet121", f"{KERAS}densenet/densenet121{TF_KERNELS}"),
            "densenet169": ("DenseNet169", f"{KERAS}densenet/densenet169{TF_KERNELS}"),
            "densenet201": ("DenseNet201", f"{KERAS}densenet/densenet201{TF_KERNELS}"),
        },
    ),
)
