"""ImageNet MobileNetV1 -> a folder of images, few labels a class.

  python -m experiments.compare --config=experiments/configs/mobilenet_folder.py:FOLDER,5 --config.weights=MOBILENET --workdir=runs/k5

MOBILENET is Keras's file for the width that you want, or a PyTorch one (docs/guides/checkpoints.md).

Hardware and time: 2 CPU cores shared with other work; 12 flower classes (224 pixels) from Keras's MobileNetV1 x0.25, 18 min for 20 labels
a class, 30 min for 5 (with more other work).
Trained stages use the statistics of their batch (``bn="batch"``), as when these figures were measured; the stored ones do
better where the backbone trains slowly (docs/batchnorm.md).
Expected, test accuracy on 240 images, mean +- standard deviation over 3 seeds, 5 and 20 labels a class: scratch .297 +- .088 and
.218 +- .021, linear_probe .850 +- .011 and .911 +- .015, full .831 +- .024 and .929 +- .011; the whole table is in docs/results.md.
"""

import dataclasses
import pathlib

from experiments import sources
from experiments.config import Compare, Config, Train
from tljax.train.optimizer import Optim

STRATEGIES = ("scratch", "linear_probe", "freeze_first(2)", "freeze_first(4)", "full", "layerwise_decay(decay=0.7)", "lp_ft")


def get_config(argument: str = "images,5") -> Config:
    """The recipe; the argument is ``DATA,LABELS_A_CLASS``.

    DATA is a folder with ``train/CLASS/*`` and ``test/CLASS/*``, or with ``CLASS/*`` of which a fifth is then set aside for the test; or
    the name of a TFDS data set. A seed draws 10 labels a class for validation and the training labels from the others.
    """
    folder, _, labels = argument.rpartition(",")
    if not folder or not labels.isdigit():
        raise ValueError(f"mobilenet_folder.py:{argument}: expected DATA,LABELS_A_CLASS, such as mobilenet_folder.py:flowers,5")
    return Config(
        bn="batch",
        title=f"ImageNet MobileNetV1 to {pathlib.Path(folder).name}, {labels} labels a class",
        data=dataclasses.replace(sources.named(folder), per_class=int(labels), val_per_class=10, batch_size=32),
        optim=Optim(name="adamw", lr=3e-3),
        train=Train(steps=60, eval_every=20, save_every=60),
        compare=Compare(strategies=STRATEGIES, rates=(1e-3, 3e-3, 1e-2), seeds=(0, 1, 2)),
    )
