"""Writes ``similarity.npz``: how transformers' tiny CLIP and SigLIP compare images with texts: ``python -m tests.parity.make_similarity``.

Needs requirements-parity.txt. Weights and inputs are drawn; ``clip`` and ``siglip`` are the logits `[images, texts]`.
"""

from pathlib import Path

import numpy as np
import torch

from tests.parity import drawn, towers
from tests.parity.renamed import scaled


def main() -> None:
    """Fill both, compare, write."""
    pixels = torch.from_numpy(drawn.images(4, 64).transpose(0, 3, 1, 2).copy())
    ids = torch.from_numpy(towers.texts(3)["x"]).long()
    found = {}
    for name, build in (("clip", towers.clip), ("siglip", towers.siglip)):
        net = build().eval()
        with torch.no_grad():
            for key, value in net.state_dict().items():
                if value.is_floating_point():
                    value.copy_(torch.from_numpy(scaled(key, tuple(value.shape)).reshape(value.shape)))
            found[name] = net(input_ids=ids, pixel_values=pixels).logits_per_image.numpy()
    np.savez_compressed(Path(__file__).parent / "similarity.npz", **found)


if __name__ == "__main__":
    main()
