"""Writes the class names of ImageNet-1k: ``python tests/parity/make_imagenet_labels.py`` (needs requirements-parity.txt).

The standard order of the classes is that of their WordNet 3.0 synset ids. A class is called by the first lemma of its synset; two lemmas
belong to two classes each, of which one gets another word. The outcome is compared with the names that torchvision ships.
"""

from importlib.resources import files
from pathlib import Path

import torchvision_alone  # noqa: F401 - before torchvision
from torchvision.models._meta import _IMAGENET_CATEGORIES

TOLD_APART = {"n02012849": "crane bird", "n03710721": "maillot tank suit"}


def main() -> None:
    """Write ``tljax/weights/imagenet1k.txt``."""
    metadata = files("timm") / "data" / "_info"
    lines = (metadata / "imagenet_synset_to_lemma.txt").read_text(encoding="utf-8").splitlines()
    first = {synset: lemmas.split(", ")[0] for synset, lemmas in (line.split("\t") for line in lines)}
    synsets = (metadata / "imagenet_synsets.txt").read_text(encoding="utf-8").split()
    names = [(first | TOLD_APART)[synset] for synset in synsets]
    assert synsets == sorted(synsets) and len(set(names)) == 1000
    assert names == _IMAGENET_CATEGORIES
    out = Path(__file__).parents[2] / "tljax" / "weights" / "imagenet1k.txt"
    out.write_text("".join(f"{name}\n" for name in names), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
