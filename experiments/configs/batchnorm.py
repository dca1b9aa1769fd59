r"""BatchNorm under fine-tuning: statistics of the batch against the stored ones, by batch size, strategy and network.

  python -m experiments.sweep --config=experiments/configs/batchnorm.py:FOLDER --config.weights=WEIGHTS --workdir=runs/batchnorm

FOLDER holds ``train/CLASS/*``. Of its images 10 a class train and 20 a class validate; nothing is selected (the last step is measured), and
the test images are not touched. The head starts from ridge regression, so step 0 is a linear probe in closed form.
"""

from experiments.config import Config, Data, Sweep, Train
from tljax.train.optimizer import Optim


def get_config(folder: str = "flowers") -> Config:
    """The recipe; `folder` holds the images."""
    return Config(
        title="BatchNorm under fine-tuning",
        new_head="always",
        head_init="ridge",
        input_size=(96, 96),
        measure_on="val",
        data=Data(source=f"folder({folder!r}, split='train')", per_class=10, val_per_class=20, batch_size=32),
        optim=Optim(name="adamw", lr=1e-3, weight_decay=1e-4),
        train=Train(steps=60, eval_every=0, save_every=0, select="last"),
        sweep=Sweep(
            grid={
                "strategy": ("lp_ft", "full(backbone_rate=0.1)", "full"),
                "bn": ("batch", "stored"),
                "data.batch_size": (8, 32, 128),
            },
            seeds=(0, 1),
        ),
    )
