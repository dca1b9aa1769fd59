r"""SimCLR on unlabeled images, then a probe and fine-tuning on what it learned (Chen et al. 2020).

  python -m experiments.finetune --config=experiments/configs/simclr.py:DATA --workdir=runs/simclr
  python -m experiments.probe --weights=runs/simclr --train=TRAIN --test=TEST --workdir=runs/simclr_probe
  python -m experiments.finetune --config=experiments/configs/mine.py --config.weights=runs/simclr --workdir=runs/tuned

DATA is a source of images such as ``unlabeled('photos')``; labels, if it has any, only measure (accuracy of nearest neighbors).

Hardware and time: 2 CPU cores shared with much other work, 4 min for 300 steps of 128 digits.
Expected: 5,000 of MNIST's test images without labels, then a logistic regression on the last stage's features of 1,000 others, measured on
4,000 more: .907 and .888 (seeds 0 and 1); the same network with random weights .741 and .697. One standard error is .005 to .007.
"""

from experiments.config import Config, Data, Train
from tljax.train.optimizer import Optim


def get_config(source: str = "folder('photos')") -> Config:
    """The recipe; `source` is a call expression."""
    return Config(
        title="SimCLR",
        model="cnn(widths=(32, 64, 128))",
        task="features",
        strategy="scratch",
        objective="simclr(augment=('random_zoom(scale=(0.4, 1.0))', 'color(0.4, 0.4, 0.4, 0.1)'))",
        data=Data(source=source, val_share=0.1, test_size=0.1, batch_size=128),
        optim=Optim(name="adamw", lr=3e-3),
        train=Train(steps=300, eval_every=0, save_every=100, select="last"),
    )
