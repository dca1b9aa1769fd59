"""Published weights: Inception-v3."""

from tljax.weights.published import KERAS, TF_KERNELS, Published, keras, torchvision

PUBLISHED: tuple[Published, ...] = (
    *torchvision("IMAGENET1K_V1", {"inception_v3": "inception_v3_google-0cc3c7bd"}),
    *keras("Apache-2.0", {"inception_v3(norm_scale=False)": ("InceptionV3", f"{KERAS}inception_v3/inception_v3{TF_KERNELS}")}),
)
