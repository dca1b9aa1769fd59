"""Every stage trains, each at a rate of its own."""

from tljax.strategies.strategy import TRAINED, Group, Phase, Strategy, register


@register
def layerwise_decay(decay: float = 0.7, *, stages: tuple[str, ...]) -> Strategy:
    """The head at rate 1, the stage `d` steps below it at ``decay ** d`` (Clark et al. 2020, appendix B; the last stage has d = 1)."""
    if not 0 < decay <= 1:
        raise ValueError(f"layerwise_decay(decay={decay}): must lie in (0, 1]")
    n = len(stages)
    rules = tuple((f"backbone/{stage}/.*", Group(decay ** (n - i))) for i, stage in enumerate(stages))
    return Strategy((Phase((*rules, (".*", TRAINED))),))
