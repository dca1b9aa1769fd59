"""The ResNet-8 of MLPerf Tiny, whose layers Keras has numbered (github.com/mlcommons/tiny, image_classification)."""

from typing import Any

from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig, adapt_channels
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.rules.keras import batch_norm, conv, counted, counted_name, dense
from tljax.weights.rules.layers import Rules
from tljax.weights.rules.presets import CIFAR10, STYLES

_CONVS = {
    "stem/conv": (3, 1),
    "stage1/conv1": (3, 1),
    "stage1/conv2": (3, 1),
    "stage2/conv1": (3, 2),
    "stage2/conv2": (3, 2),
    "stage2/shortcut": (1, 2),
    "stage3/conv1": (3, 4),
    "stage3/conv2": (3, 4),
    "stage3/shortcut": (1, 4),
}
"""Our convolutions in the order in which Keras numbers them -> their size, their outputs as a multiple of the width."""

_NORMS = ("stem/bn", *(f"stage{i}/{name}" for i in (1, 2, 3) for name in ("bn1", "bn2")))
"""Our BatchNorms, likewise."""

_KINDS = ("conv2d", "batch_normalization", "dense")


def _rules() -> Rules:
    rules: Rules = dense("dense", "head")
    for i, path in enumerate(_CONVS):
        rules |= conv(counted_name("conv2d", i), f"backbone/{path}", bias=True)
    for i, path in enumerate(_NORMS):
        rules |= batch_norm(counted_name("batch_normalization", i), f"backbone/{path}")
    return rules


def _infer(shapes: Shapes) -> dict[str, Any]:
    names = counted(shapes, _KINDS)
    known = {names[name]: shape for name, shape in shapes.items() if name in names}
    layers = [counted_name("conv2d", i) for i in range(len(_CONVS))]
    kernels = [known.get(f"{layer}/kernel", known.get(f"{layer}/0", ())) for layer in layers]
    width = kernels[0][-1] if kernels[0] else 0
    sizes = [(kernel[0], kernel[1], kernel[-1]) if len(kernel) == 4 else kernel for kernel in kernels]
    if sizes != [(size, size, multiple * width) for size, multiple in _CONVS.values()]:
        raise ValueError(f"its nine convolutions (height, width, outputs) are {sizes}, not those of a ResNet-8 of width {width}")
    return {
        "model": format_call("resnet8", width=width),
        "num_classes": (known.get("dense/kernel") or known.get("dense/0") or (0,))[-1],
        "in_channels": kernels[0][2],
    }


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    inputs, channels = STYLES["raw"], fields["in_channels"]
    return PretrainedConfig(
        **fields,
        input_size=(32, 32),
        mean=adapt_channels(inputs["mean"], channels),
        std=adapt_channels(inputs["std"], channels),
        channel_order="L" if channels == 1 else "RGB",
        labels=CIFAR10 if fields["num_classes"] == len(CIFAR10) else (),
        source="shapes of MLPerf Tiny's ResNet-8 in Keras's numbered layers; its inputs in [0, 255], BatchNorm epsilon 1e-3 and CIFAR-10's"
        " labels are assumed; its BatchNorm momentum, 0.99, is not taken over",
    )


@keymaps.register
def resnet8_keras() -> Keymap:
    """Banbury et al. 2021; the numbers of the layers may begin anywhere."""
    return Keymap("resnet8_keras", _rules(), _infer, _config, rename=lambda names: counted(names, _KINDS))
