"""Every stage trains, each at a rate of its own."""

from tljax import trees
from tljax.strategies.strategy import TRAINED, Group, Phase, Strategy, register


@register
def layerwise_decay(decay: float = 0.7, *, stages: tuple[str, ...]) -> Strategy:
    """The head trains at rate 1, the last stage at `decay`, the one below at ``decay ** 2``, and so on (Clark et al. 2020, appendix B)."""
    if not 0 < decay <= 1:
        raise ValueError(f"layerwise_decay(decay={decay}): expected a number in (0, 1]")
    n = len(stages)
    rules = tuple((f"{trees.part_prefix(stage)}.*", Group(decay ** (n - i))) for i, stage in enumerate(stages))
    return Strategy((Phase((*rules, (".*", TRAINED))),))
