"""A CIFAR ResNet: the source model on CIFAR-10, and from there to another data set.

  python -m experiments.pretrain --config=experiments/configs/cifar_resnet.py:source --workdir=runs/cifar_source
  python -m experiments.compare --config=experiments/configs/cifar_resnet.py:DATA --config.weights=runs/cifar_source --workdir=runs/DATA

DATA is a folder of images, or a data set of TFDS such as ``cifar100``; ``source,DATA`` pretrains on another one than ``cifar10`` of TFDS.
Published weights do as well: ``--config.weights=resnet20.th``.

Not run as a whole, nor on TFDS's CIFAR-10, which has to be downloaded; He et al. 2016 report 8.75 % test error for the source model. Run
shrunk, on a folder of 8,000 of CIFAR-10's training and 3,000 of its test images (JPEG), with 300 steps of batch 64 and otherwise as below:
.358 of the test images right (one seed; by chance .100); 405 s on 2 CPU cores shared with other work. Of the target recipe only the test
was run.
"""

import dataclasses
import pathlib

from experiments import sources
from experiments.config import Compare, Config, Train
from tljax.train.optimizer import Optim

AUGMENT = ("pad_crop(padding=4)", "flip")


def get_config(argument: str = "source") -> Config:
    """The recipe.

    Args:
      argument: ``source`` or ``source,DATA``: ResNet-20 from scratch by the protocol of He et al. 2016, section 4.2: SGD, batch 128, the
        rate 0.1 divided by 10 at half and at three quarters of 64,000 steps, a tenth of the training images for validation, padded crops
        and flips. ``DATA``: the target, 20 labels a class.
    """
    kind, _, named = argument.partition(",")
    if kind != "source":
        return target(argument)
    named = named or "cifar10"
    return Config(
        title=f"ResNet-20 on {pathlib.Path(named).name}",
        model="resnet20_cifar",
        strategy="scratch",
        input_size=(32, 32),
        data=dataclasses.replace(sources.named(named), val_share=0.1, augment=AUGMENT, batch_size=128),
        optim=Optim(
            name="sgd(nesterov=False)", lr=0.1, schedule="staircase", warmup=0.005, stairs=(0.5, 0.75), weight_decay=1e-4, clip=0.0
        ),
        train=Train(steps=64000, eval_every=2000, save_every=2000, log_every=100),
    )


def target(named: str) -> Config:
    """The recipe that starts from the source model."""
    return Config(
        title=f"CIFAR ResNet to {pathlib.Path(named).name}, 20 labels a class",
        new_head="always",
        data=dataclasses.replace(sources.named(named), per_class=20, val_per_class=10, augment=AUGMENT, batch_size=64),
        optim=Optim(name="adamw", lr=3e-3),
        train=Train(steps=200, eval_every=25, save_every=100),
        compare=Compare(strategies=("scratch", "linear_probe", "freeze_first(2)", "full", "lp_ft"), rates=(1e-3, 3e-3, 1e-2)),
    )
