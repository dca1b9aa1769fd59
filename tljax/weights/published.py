"""`Published`: a weight file that fits one of the backbones, where it lies, what it was trained on, under which license.

A license is what the publisher says of the weights themselves; "not stated" means that only their code carries one. What the training
data's own terms imply for weights is another question, which no entry answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

IN1K, IN21K = "ImageNet-1k", "ImageNet-21k"
BOTH = f"{IN21K}, {IN1K}"

KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
TF_KERNELS = "_weights_tf_dim_ordering_tf_kernels.h5"


@dataclass(frozen=True)
class Published:
    """One published weight file.

    Attributes:
      model: call expression of the backbone for `models.create`; details without influence on size and cost, such as an epsilon, are
        left to `weights.open`, which reads them off the file.
      name: who published it and what they call it.
      where: URL of the file, or of the page that offers it, or a hub repository (``hf://owner/name``), which `weights.open` takes as it is.
      license: of the weights, as stated by the publisher.
      trained_on: data sets, the last one being that of the head.
    """

    model: str
    name: str
    where: str
    license: str
    trained_on: str


def torchvision(weights: str, models: Mapping[str, str]) -> tuple[Published, ...]:
    """List torchvision's weights (torchvision/models/*.py), for which it states no license.

    Args:
      weights: torchvision's name of the set, such as ``IMAGENET1K_V1``.
      models: our model -> the file's name without ``.pth``.
    """
    license = "not stated (code: BSD-3-Clause)"
    return tuple(
        Published(
            model=model,
            name=f"torchvision {weights}",
            where=f"https://download.pytorch.org/models/{file}.pth",
            license=license,
            trained_on=IN1K,
        )
        for model, file in models.items()
    )


def timm(license: str, trained_on: str, models: Mapping[str, str]) -> tuple[Published, ...]:
    """List timm's weights on the Hugging Face hub, with the license that timm's configs state; `models`: our model -> timm's name."""
    return tuple(
        Published(model=model, name=f"timm {name}", where=f"hf://timm/{name}", license=license, trained_on=trained_on)
        for model, name in models.items()
    )


def hugging_face(license: str, trained_on: str, models: Mapping[str, str]) -> tuple[Published, ...]:
    """List weights on the Hugging Face hub; `models`: our model -> ``owner/name``."""
    return tuple(
        Published(model=model, name=name.replace("/", " "), where=f"hf://{name}", license=license, trained_on=trained_on)
        for model, name in models.items()
    )


def keras(license: str, models: Mapping[str, tuple[str, str]]) -> tuple[Published, ...]:
    """List weights of keras.applications (keras/src/applications/*.py), with the license that its documentation states.

    Args:
      license: of these.
      models: our model -> Keras's name, and the file's address (`KERAS` is the beginning of most).
    """
    return tuple(
        Published(model=model, name=f"keras {name}", where=where, license=license, trained_on=IN1K)
        for model, (name, where) in models.items()
    )
