"""`Case`: one model, built by a reference implementation and by this project, whose outputs must agree when both are filled alike.

A file of `tests/parity/cases/` lists a family's cases; it imports no reference at its top, so tests read it without one.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.parity import cases, drawn

Spot = str | tuple[str, Callable[[Any], Any]]
"""A submodule of the reference, by name, and what is done to its output."""


@dataclass(frozen=True)
class Case:
    """What is compared.

    Attributes:
      label: names its files: ``outputs/<label>.npz``, for a `live` case ``manifests/<label>.txt.xz``.
      family: the key table.
      model: our call expression.
      reference: whose model it is compared with, for the table.
      build: ``() -> module`` of the reference, with dropout rates 0; imports its framework inside.
      stages: our stage -> where the reference has its output. An output `[N, C, H, W]` of torch is turned to `[N, H, W, C]` after the
        function. Stages may be left out.
      size: side of the images, or the whole `input_size`.
      num_classes: of the head; 0: none, then the reference's output is compared with our `features`.
      head: our head.
      in_channels: of the inputs.
      inputs: number of examples -> the batch; default: `drawn.images`.
      call: ``(module, batch) -> output``: how a torch reference takes the batch; default: ``module(x)`` with `[N, C, H, W]`.
      draw: ``(name, shape) -> array``: the weights, by the reference's names; default: `drawn.draw` or `drawn.draw_keras`.
      framework: ``"torch"`` or ``"keras"``.
      momentum: of our BatchNorm's running statistics.
      training: also compare the mode of training, and BatchNorm's statistics after it.
      double: that mode is compared in float64: in a deep network with BatchNorm the mode of training magnifies rounding until float32 is
        further than the tolerance from float64 on the reference's side alone. Only of torch.
      live: of full size: its outputs are not stored but its names and shapes are; it runs only where the reference is installed.
    """

    label: str
    family: str
    model: str
    reference: str
    build: Callable[[], Any]
    stages: Mapping[str, Spot]
    size: int | tuple[int, ...] = 64
    num_classes: int = 10
    head: str = "linear"
    in_channels: int = 3
    inputs: Callable[[int], dict[str, np.ndarray]] | None = None
    call: Callable[[Any, dict[str, np.ndarray]], Any] | None = None
    draw: Callable[[str, tuple[int, ...]], np.ndarray] | None = None
    framework: str = "torch"
    momentum: float = 0.9
    training: bool = True
    double: bool = False
    live: bool = False

    @property
    def input_size(self) -> tuple[int, ...]:
        """Height and width, or what `size` says."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def batch(self, train: bool) -> dict[str, np.ndarray]:
        """Two examples; for training mode four, that the statistics of a 1x1 map vary."""
        count = 4 if train else 2
        return self.inputs(count) if self.inputs else {"x": drawn.images(count, *self.input_size[:1])[..., : self.in_channels]}

    def weight(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A weight by the reference's name and in its layout."""
        default = drawn.draw_keras if self.framework == "keras" else drawn.draw
        return (self.draw or default)(name, tuple(shape))


@functools.cache
def every() -> dict[str, Case]:
    """All cases by label."""
    files = sorted(module.name for module in pkgutil.iter_modules(cases.__path__))
    found = [case for name in files for case in importlib.import_module(f"{cases.__name__}.{name}").CASES]
    labels = {case.label: case for case in found}
    assert len(labels) == len(found), "two cases of one label"
    return labels


def sampled(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What is stored: few logits whole, of other outputs `[N, ...]` `drawn.sample`, of statistics one array a kind, layer after layer."""
    out, statistics = {}, {}
    for name, value in sorted(outputs.items()):
        flat = np.ascontiguousarray(value, np.float32).reshape(len(value), -1)
        if name.startswith("stats|"):
            statistics.setdefault(name.rpartition("|")[2], []).append(drawn.sample(flat.T.reshape(1, -1))[0])
        else:
            out[name] = flat if flat.shape[1] <= 100 and "|logits" in name else drawn.sample(flat)
    return out | {f"stats|{leaf}": np.concatenate(values) for leaf, values in statistics.items()}
