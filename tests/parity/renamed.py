"""Weights drawn for Transformers, by one publisher's names for the files of another: both tables are then held against one reference."""

import re
from collections.abc import Callable, Mapping

import numpy as np

from tests.parity.drawn import draw

Drawn = Callable[[str, tuple[int, ...]], np.ndarray]


def scaled(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """As `drawn.draw`, but layer scale is about 0.8, not about 0, and embeddings of positions and single tokens have deviation 0.5."""
    if name.endswith(("gamma", "layer_scale", "layer_scale_parameter", "lambda1")):
        return 0.8 + draw(name, shape[:1]).reshape(shape)
    if re.search(r"(?:position_embedding(?:s|\.weight)|tokens?|_embedding|latent|probe)$", name):
        return 5 * draw(name, (int(np.prod(shape)),)).reshape(shape)
    return draw(name, shape)


def renaming(names: Mapping[str, str], then: Drawn = scaled) -> Drawn:
    """`then` of the name in which every regex has been replaced, one after the other."""

    def drawn(name: str, shape: tuple[int, ...]) -> np.ndarray:
        for regex, text in names.items():
            name = re.sub(regex, text, name)
        return then(name, shape)

    return drawn


NOW = {
    r"(?:encoder\.)?(layers?\.\d+\.attention\.)q_proj": r"\1query",
    r"(layers?\.\d+\.attention\.)k_proj": r"\1key",
    r"(layers?\.\d+\.attention\.)v_proj": r"\1value",
    r"(layers?\.\d+\.attention\.)o_proj": r"\1out",
    r"attention\.attention\.": "attention.",
    r"attention\.output\.dense": "attention.out",
    r"intermediate\.dense": "mlp.fc1",
    r"(layers?\.\d+\.)output\.dense": r"\1mlp.fc2",
    r"encoder\.layer\.": "layers.",
    r"encoder\.layers\.": "layers.",
    r"layer\.(\d)": r"layers.\1",
}
"""Hugging Face's names, of published files and, since its version 5 others, in transformers' memory -> the same names for both."""
