"""`Known`: one published weight file."""

from dataclasses import dataclass

IN1K, IN21K = "ImageNet-1k", "ImageNet-21k"
BOTH = f"{IN21K}, {IN1K}"


@dataclass(frozen=True)
class Known:
    """One published weight file.

    Attributes:
      model: call expression of the backbone for `models.create`; details without influence on size and cost, such as an epsilon, are
        left to `weights.open`, which reads them off the file.
      name: who published it and what they call it.
      where: URL of the file, or of the page that offers it, or a hub repository (``hf://owner/name``), which `weights.open` takes as it is.
      licence: of the weights, as stated by the publisher.
      trained_on: data sets, the last one being that of the head.
    """

    model: str
    name: str
    where: str
    licence: str
    trained_on: str
