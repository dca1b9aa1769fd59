r"""MNIST to MNIST-M without a label of the target: DANN against the source alone (Ganin et al. 2016, section 5.2.1).

  python -m experiments.finetune --config=experiments/configs/mnist_dann.py:DATA --config.weights=RESNET20 --workdir=runs/dann
  python -m experiments.finetune --config=experiments/configs/mnist_dann.py:DATA,source --config.weights=RESNET20 --workdir=runs/source_only

RESNET20 are published CIFAR-10 weights; DATA holds ``mnist/t10k-*`` and ``mnist_m/mnist_m_test*``. MNIST-M's image k is MNIST's test image
k on a photograph, so the source takes k < 5000, the target k >= 5000: of these 3,000 train and validate without their labels, 1,001 are the
test. The weights are selected by `information` on the target's validation images, which reads no label.

Hardware and time: 2 CPU cores shared with much other work, 8 min a run (training; the source alone 3 to 4 min).
Expected, accuracy on the target's 1,001 test images, measured once for each of the seeds 0, 1, 2: DANN .701, .727, .603 (.677 +- .065); the
source alone .516, .547, .321 (.461 +- .123); each seed's difference lies between +.18 and +.28.
Not tuned: one rate, one batch size. With the stored BatchNorm statistics (``bn="stored"``) this rate does not train.
"""

from experiments.config import Config, Data, Train
from tljax.train.optimizer import Optim


def get_config(argument: str = "data") -> Config:
    """The recipe; the argument is ``DATA`` or ``DATA,source`` (the source alone)."""
    folder, _, only = argument.partition(",")
    digits = f"idx('{folder}/mnist/t10k-images-idx3-ubyte.gz', '{folder}/mnist/t10k-labels-idx1-ubyte.gz')"
    photographs = f"listed('{folder}/mnist_m/mnist_m_test', '{folder}/mnist_m/mnist_m_test_labels.txt')"
    return Config(
        title=f"MNIST to MNIST-M, {'source only' if only else 'DANN'}",
        new_head="always",
        strategy="full",
        bn="batch",
        objective="cross_entropy(stream='source')" if only else "dann",
        metric="information(stream='target')",
        data=Data(
            source=f"part({digits!r}, stop=5000)",
            streams={"target": f"part({photographs!r}, start=5000, stop=8000)"},
            test=f"part({photographs!r}, start=8000)",
            val_share=0.1,
            batch_size=32,
        ),
        optim=Optim(name="adamw", lr=3e-3),
        train=Train(steps=500, eval_every=100, save_every=250),
    )
