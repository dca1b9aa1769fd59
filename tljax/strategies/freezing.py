"""One phase, some stages frozen: scratch, linear_probe, freeze_first, full."""

from tljax import trees
from tljax.strategies.strategy import FROZEN, TRAINED, Group, Phase, Strategy, register


def frozen_stages(stages: tuple[str, ...]) -> tuple[tuple[str, Group], ...]:
    """Rules that freeze `stages`."""
    return tuple((f"{trees.part_prefix(stage)}.*", FROZEN) for stage in stages)


@register
def scratch(*, stages: tuple[str, ...]) -> Strategy:
    """Everything trains from a random start: the baseline that transfer has to beat."""
    return Strategy((Phase(((".*", TRAINED),)),), init="scratch")


@register
def linear_probe(*, stages: tuple[str, ...]) -> Strategy:
    """Only the head trains, on frozen features (Alain and Bengio 2016)."""
    return Strategy((Phase((("backbone/.*", FROZEN), (".*", TRAINED))),))


@register
def freeze_first(k: int, *, stages: tuple[str, ...]) -> Strategy:
    """The first `k` stages stay frozen, the others and the head train (Yosinski et al. 2014).

    Raises:
      ValueError: `k` is negative or larger than the number of stages.
    """
    if not 0 <= k <= len(stages):
        raise ValueError(f"freeze_first({k}): expected 0 to {len(stages)}, for the model has {len(stages)} stages {stages}")
    return Strategy((Phase((*frozen_stages(stages[:k]), (".*", TRAINED))),))


@register
def full(backbone_rate: float = 1.0, *, stages: tuple[str, ...]) -> Strategy:
    """Everything trains from the pretrained values; `backbone_rate` is the backbone's learning rate as a share of the head's."""
    if backbone_rate <= 0:
        raise ValueError(f"full(backbone_rate={backbone_rate}): must be positive; to freeze the backbone, use linear_probe")
    return Strategy((Phase((("backbone/.*", Group(backbone_rate)), (".*", TRAINED))),))
