"""The class names of ImageNet-1k."""

import functools
from importlib.resources import files


@functools.cache
def labels() -> tuple[str, ...]:
    """1000 different names in the order that every published classifier uses, that of the classes' WordNet 3.0 synset ids.

    A name is the first lemma of its synset (Russakovsky et al. 2015; Miller 1995); of two classes that share it one got another word:
    ``crane bird`` (134) beside ``crane`` (517), ``maillot tank suit`` (639) beside ``maillot`` (638).
    """
    return tuple(files(__package__).joinpath("imagenet1k.txt").read_text(encoding="utf-8").splitlines())
