"""Several phases: what moves changes during training."""

from tljax.strategies.freezing import frozen_stages
from tljax.strategies.strategy import FROZEN, TRAINED, Group, Phase, Strategy, register


@register
def gradual_unfreezing(phase_length: int | float | None = None, *, stages: tuple[str, ...]) -> Strategy:
    """First the head, then one more stage from the top every `phase_length` steps (Howard and Ruder 2018, ULMFiT, section 3.3).

    Args:
      phase_length: an int is steps, a float a fraction of all steps; None: equal phases, the last one with every stage.
      stages: of the model.
    """
    n = len(stages)
    length = 1 / (n + 1) if phase_length is None else phase_length
    if length <= 0:
        raise ValueError(f"gradual_unfreezing(phase_length={phase_length}): must be positive")
    return Strategy(tuple(Phase((*frozen_stages(stages[: n - i]), (".*", TRAINED)), until=length * (i + 1)) for i in range(n + 1)))


@register
def lp_ft(probe: int | float = 0.5, rate: float = 0.1, *, stages: tuple[str, ...]) -> Strategy:
    """Linear probe, then fine-tune everything from the probed head (Kumar et al. 2022, section 3.3).

    Args:
      probe: the end of the probe: an int is a step, a float a fraction of all steps.
      rate: learning rate of the second phase as a share of the first phase's.
      stages: of the model.
    """
    if rate <= 0:
        raise ValueError(f"lp_ft(rate={rate}): must be positive")
    return Strategy((Phase((("backbone/.*", FROZEN), (".*", TRAINED)), until=probe), Phase(((".*", Group(rate)),))))
