"""A Vision Transformer -> the 102 flowers of Oxford (Nilsback and Zisserman 2008), 10 labels a class.

  python -m experiments.finetune --config=experiments/configs/vit_flowers.py --config.weights=VIT --workdir=runs/vit_flowers

VIT is a ViT of timm or of Hugging Face, a file or folder (docs/guides/checkpoints.md). The data set comes from TFDS, which
downloads it once; ``vit_flowers.py:DATA`` takes another data set of TFDS instead, or a folder of images.

Not run as a whole: neither the data nor published weights were at hand, so no figure is expected here. The tests run it for two steps,
with a tiny ViT of their own on a folder, and open its three splits on TFDS's fake data.
"""

import dataclasses
import pathlib

from experiments import sources
from experiments.config import Compare, Config, Train
from tljax.train.optimizer import Optim

AUGMENT = ("random_resized_crop(scale=(0.5, 1.0))", "flip")


def get_config(named: str = "oxford_flowers102") -> Config:
    """The recipe.

    Args:
      named: a data set of TFDS, or a folder with ``train`` and ``test`` (and perhaps ``val``), or with ``CLASS/*`` alone. The flowers are
        used as published: 1,020 images each to train and to validate, 6,149 for the test. Elsewhere a fifth of the training images
        validates, unless a folder holds ``val``.
    """
    splits = sources.named(named)
    if named == "oxford_flowers102":
        splits = dataclasses.replace(splits, val=f"tfds({named!r}, split='validation')")
    return Config(
        title=f"ViT to {pathlib.Path(named).name}",
        new_head="always",
        strategy="layerwise_decay(decay=0.75)",
        data=dataclasses.replace(splits, val_share=0.2, augment=AUGMENT, batch_size=64, eval_batch_size=64),
        optim=Optim(name="adamw", lr=1e-3, warmup=0.1, weight_decay=0.05),
        train=Train(steps=500, eval_every=50, save_every=100),
        compare=Compare(strategies=("linear_probe", "full", "layerwise_decay(decay=0.75)", "lp_ft"), rates=(3e-4, 1e-3, 3e-3)),
    )
