"""One's own images, one's own checkpoint: fine-tune on a folder ``root/class/*.jpg``.

  python -m experiments.finetune --config=experiments/configs/image_folder.py:FOLDER --config.weights=CHECKPOINT --workdir=runs/mine

The folder may have ``train``, ``val`` and ``test`` sub-folders; what is missing is drawn from ``train`` (or from the whole folder).
"""

import dataclasses
import pathlib

from experiments import sources
from experiments.config import Compare, Config, Train
from tljax.train.optimizer import Optim


def get_config(folder: str = "images") -> Config:
    """The recipe for the images below `folder`."""
    return Config(
        title=pathlib.Path(folder).name,
        strategy="lp_ft",
        head_init="ridge",
        data=dataclasses.replace(sources.of_folder(folder), val_share=0.2, test_size=0.2, batch_size=32),
        optim=Optim(name="adamw", lr=1e-3, weight_decay=1e-4),
        train=Train(steps=300, eval_every=25),
        compare=Compare(strategies=("scratch", "linear_probe", "freeze_first(2)", "full", "lp_ft"), rates=(3e-4, 1e-3, 3e-3)),
    )
