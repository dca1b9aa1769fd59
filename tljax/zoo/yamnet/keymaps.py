"""YAMNet, named as in Keras (tensorflow/models research/audioset/yamnet), whole or its first layers alone."""

import re
from typing import Any

from tljax.weights.calls import format_call
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, keymaps
from tljax.weights.rules.keras import batch_norm, conv, dense, depthwise
from tljax.weights.rules.layers import Rules
from tljax.zoo.yamnet.model import STAGES

AUDIOSET = 521
"""Outputs of the published model: AudioSet's classes, of which several may be heard at once."""

_MODEL = r"(?:model(?:_\d+)?/)?"
"""What a layer's name begins with when a model made of it holds it as one layer, numbered by Keras."""


def _rules() -> Rules:
    rules = (
        conv("layer1/conv", "backbone/stem/conv") | batch_norm("layer1/conv/bn", "backbone/stem/bn", scale=False) | dense("logits", "head")
    )
    for stage, numbers in enumerate(STAGES, 1):
        for n in numbers:
            name, path = f"layer{n}", f"backbone/stage{stage}/layer{n}"
            rules |= depthwise(f"{name}/depthwise_conv", f"{path}/depthwise") | conv(f"{name}/pointwise_conv", f"{path}/pointwise")
            for part in ("depthwise", "pointwise"):
                rules |= batch_norm(f"{name}/{part}_conv/bn", f"{path}/{part}_bn", scale=False)
    return rules


def _rename(names: Any) -> dict[str, str]:
    """Names without the model around them; the classifier's, which Keras has numbered, as ``logits``."""
    short = {name: re.sub(rf"^{_MODEL}(?=layer\d|dense|logits)", "", name) for name in names}
    return {name: re.sub(r"^dense(?:_\d+)?/", "logits/", rest) for name, rest in short.items()}


def _infer(shapes: Shapes) -> dict[str, Any]:
    known = {new: shapes[name] for name, new in _rename(shapes).items()}
    stem = known.get("layer1/conv/kernel", known.get("layer1/conv/0", ()))
    if len(stem) != 4:
        raise ValueError("it has no 4-dimensional layer1/conv")
    numbers = {int(m[1]) for name in known if (m := re.match(r"layer(\d+)/", name))}
    if numbers != set(range(1, len(numbers) + 1)):
        raise ValueError(f"its layers are {sorted(numbers)}: some are left out")
    return {
        "model": format_call("yamnet", layers=len(numbers), width=stem[3]),
        "num_classes": (known.get("logits/kernel") or known.get("logits/0") or (0,))[-1],
        "in_channels": stem[2],
    }


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return PretrainedConfig(
        **fields,
        input_size=(96, 64),
        task="multilabel" if fields["num_classes"] == AUDIOSET else "",
        channel_order="L" if fields["in_channels"] == 1 else "RGB",
        source="names of YAMNet; BatchNorm epsilon 1e-4 and its inputs are assumed: 96 frames of log(mel + 0.001), 64 bands from 125 to"
        " 7500 Hz, of 16 kHz sound in windows of 25 ms every 10 ms; Keras's BatchNorm momentum, 0.99, is not taken over",
    )


@keymaps.register
def yamnet_keras() -> Keymap:
    """Plakal and Ellis 2020: BatchNorm without gamma."""
    return Keymap("yamnet_keras", _rules(), _infer, _config, rename=_rename)
