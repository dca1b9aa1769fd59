"""The two fully connected layers between the convolutions and the classifier of AlexNet and VGG."""

from collections.abc import Mapping


def fc_widths(kernels: Mapping[str, tuple[int, ...]], axis: int) -> tuple[int, ...]:
    """Returns the widths of fc6 and fc7; () where the file ends before them.

    Args:
      kernels: names of the kernels of fc6, fc7 and the head, in this order -> their shapes in the file, () if absent.
      axis: of the outputs.

    Raises:
      ValueError: one of fc6 and fc7 without the other, or a head without them.
    """
    fc6, fc7, head = kernels
    for name, needed in ((fc7, fc6), (head, fc7), (fc6, fc7)):
        if kernels[name] and not kernels[needed]:
            raise ValueError(f"it has {name}, but no {needed}")
    return tuple(kernels[name][axis] for name in (fc6, fc7) if kernels[name])
