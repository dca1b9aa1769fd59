"""The embedded default: from clean handwritten digits to inverted, noisy ones, 5 labels a class.

The images are scikit-learn's 8x8 digits. The source model learns 800 of them as they are; the target is the other 997, shifted.

  bash launch/local.sh

Hardware and time: 2 CPU cores, 21 s for the comparison, 1 min 32 s for everything, installation included.
Expected, test accuracy on 500 images, mean +- standard deviation over 3 seeds, jax 0.10.2: scratch .717 +- .045, linear_probe .780 +- .003,
full .799 +- .022 (rotate: .837 +- .032, .717 +- .010, .821 +- .017); the source model .950 (one seed, 120 images).
"""

import dataclasses

from experiments.config import Compare, Config, Data, Sweep, Train
from tljax.train.optimizer import Optim


def get_config(target: str = "invert") -> Config:
    """The recipe.

    Args:
      target: ``source`` (the source model), ``invert`` (inverted with noise of sigma 0.25: transfer helps) or ``rotate`` (by 90 degrees: it
        does not).
    """
    if target == "source":
        return Config(
            title="digits, clean",
            model="mlp(widths=(128, 128))",
            normalize="none",
            strategy="scratch",
            data=Data(source="digits", parts=(800, 997), part=0, val_share=0.15, test_size=0.15, batch_size=64),
            optim=Optim(name="adamw", lr=3e-3),
            train=Train(steps=400, eval_every=50),
        )
    if target not in ("invert", "rotate"):
        raise ValueError(f"digits.py:{target}: expected source, invert or rotate")
    shift = {"invert": Data(invert=True, noise=0.25), "rotate": Data(rotate=90.0)}[target]
    return Config(
        title=f"digits, {target}",
        new_head="always",
        data=dataclasses.replace(
            shift, source="digits", parts=(800, 997), part=1, per_class=5, val_per_class=10, test_size=500, batch_size=50
        ),
        optim=Optim(name="adamw", lr=3e-3),
        train=Train(steps=100, eval_every=10),
        compare=Compare(strategies=("scratch", "linear_probe", "full"), rates=(1e-3, 3e-3, 1e-2), seeds=(0, 1, 2)),
        sweep=Sweep(grid={"optim.lr": (3e-4, 1e-3, 3e-3, 1e-2), "strategy": ("linear_probe", "full")}, seeds=(0, 1, 2)),
    )
