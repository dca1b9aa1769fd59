"""CIFAR-10 ResNet-20 -> MNIST-M (digits on colour photographs, Ganin and Lempitsky 2015), few labels a class."""

from experiments.config import Compare, Config, Data, Train
from tljax.train.optimizer import Optim

STRATEGIES = (
    "scratch",
    "probe",
    "freeze_first(2)",
    "full",
    "full(backbone_rate=0.1)",
    "layerwise_decay(gamma=0.7)",
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
        raise ValueError(f"mnist_m.py:{argument}: wanted is FOLDER,LABELS_A_CLASS, such as mnist_m.py:data/mnist_m,5")
    return Config(
        task=f"CIFAR-10 ResNet-20 to MNIST-M, {labels} labels a class",
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
