"""CIFAR-10 ResNet-20 -> MNIST-M (digits on color photographs, Ganin and Lempitsky 2015), few labels a class.

  python -m experiments.compare --config=experiments/configs/mnist_m.py:FOLDER,5 --config.weights=RESNET20 --workdir=runs/mnist_m_5

Hardware and time: 2 CPU cores shared with other work, 22 min for 5 labels a class and 26 min for 20.
Trained stages use the statistics of their batch (``bn="batch"``): with the stored ones rates of 1e-2 diverge here, and the best rate is
3e-3 (docs/batchnorm.md).
Expected, test accuracy on 2,000 images, mean +- standard deviation over 3 seeds, 5 and 20 labels a class: scratch .120 +- .008 and
.229 +- .040, linear_probe .231 +- .031 and .244 +- .012, full .295 +- .068 and .789 +- .039; the whole table is in docs/results.md.
"""

from experiments.config import Compare, Config, Data, Train
from tljax.train.optimizer import Optim

STRATEGIES = (
    "scratch",
    "linear_probe",
    "freeze_first(2)",
    "full",
    "full(backbone_rate=0.1)",
    "layerwise_decay(decay=0.7)",
    "gradual_unfreezing",
    "lp_ft",
)


def get_config(argument: str = "mnist_m,5") -> Config:
    """The recipe; the argument is ``FOLDER,LABELS_A_CLASS``.

    FOLDER holds ``mnist_m_test/*.png`` and ``mnist_m_test_labels.txt``. Of its 9,001 images 2,000 are the test split, the same for all
    seeds; a seed draws 10 labels a class for validation and the training labels from the others.
    """
    folder, _, labels = argument.rpartition(",")
    if not folder or not labels.isdigit():
        raise ValueError(f"mnist_m.py:{argument}: expected FOLDER,LABELS_A_CLASS, such as mnist_m.py:data/mnist_m,5")
    return Config(
        bn="batch",
        title=f"CIFAR-10 ResNet-20 to MNIST-M, {labels} labels a class",
        data=Data(
            source=f"listed('{folder}/mnist_m_test', '{folder}/mnist_m_test_labels.txt')",
            per_class=int(labels),
            val_per_class=10,
            test_size=2000,
            batch_size=32,
        ),
        optim=Optim(name="adamw", lr=3e-3),
        train=Train(steps=80, eval_every=20, save_every=40),
        compare=Compare(strategies=STRATEGIES, rates=(1e-3, 3e-3, 1e-2), seeds=(0, 1, 2)),
    )
