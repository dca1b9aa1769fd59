"""DINOv2, named as in Hugging Face's ``Dinov2Model``, ``Dinov2WithRegistersModel`` and their classifiers."""

import re
from typing import Any

import numpy as np

from tljax.weights.beside import published
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.keymaps.dinov2 import NAMES, config
from tljax.weights.rules import expression
from tljax.weights.rules.layers import Rules, conv, layer_norm, linear, numbered
from tljax.weights.rules.vit import HEADS, attention, facts, fields, settled

PREFIXES = ("dinov2.", "dinov2_with_registers.", "")


def _block(name: str, path: str) -> Rules:
    return {
        **layer_norm(f"{name}norm1", f"{path}norm1"),
        **attention(rf"{name}attention\.attention", f"{path}attention", query="query", key="key", value="value"),
        **linear(rf"{name}attention\.output\.dense", f"{path}attention/out"),
        rf"{name}layer_scale1\.lambda1": (f"params/{path}scale1", IDENTITY),
        **layer_norm(f"{name}norm2", f"{path}norm2"),
        **linear(rf"{name}mlp\.fc1", f"{path}mlp/fc1"),
        **linear(rf"{name}mlp\.fc2", f"{path}mlp/fc2"),
        rf"{name}layer_scale2\.lambda1": (f"params/{path}scale2", IDENTITY),
    }


def _backbone(prefix: str) -> Rules:
    prefix = prefix.replace(".", r"\.")
    return {
        rf"{prefix}embeddings\.cls_token": ("params/backbone/embed/cls", IDENTITY),
        rf"{prefix}embeddings\.register_tokens": ("params/backbone/embed/registers", IDENTITY),
        rf"{prefix}embeddings\.position_embeddings": ("params/backbone/embed/position", IDENTITY),
        **conv(rf"{prefix}embeddings\.patch_embeddings\.projection", "backbone/embed/proj", bias=True),
        **numbered(rf"{prefix}encoder\.layer", _block),
        **layer_norm(f"{prefix}layernorm", "backbone/norm"),
    }


_RULES: Rules = {regex: target for prefix in PREFIXES for regex, target in _backbone(prefix).items()} | linear("classifier", "head")


def _infer(shapes: Shapes) -> dict[str, Any]:
    prefix = next(p for p in PREFIXES if not p or any(name.startswith(p) for name in shapes))
    proj, position = (f"{prefix}embeddings.{name}" for name in ("patch_embeddings.projection.weight", "position_embeddings"))
    if f"{prefix}encoder.layer.0.layer_scale1.lambda1" not in shapes:
        raise ValueError(f"it has no {prefix}encoder.layer.0.layer_scale1.lambda1")
    found = facts(shapes, proj, position, 1, rf"{prefix}encoder\.layer\.(\d+)\.", f"{prefix}encoder.layer.0.mlp.fc1.weight")
    registers, classifier = shapes.get(f"{prefix}embeddings.register_tokens", ()), shapes.get("classifier.weight", ())
    found |= {"heads": HEADS.get(found["width"], 0), "registers": registers[1] if len(registers) == 3 else 0}
    # its classifiers read the class token beside the patches' mean
    found["pool"] = "cls_mean" if classifier[1:] == (2 * found["width"],) else "cls"
    return fields(shapes, NAMES, found, "classifier.weight")


def _finish(config: PretrainedConfig, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """With the mask token, zero, and for models with registers under the prefix of their own class."""
    of = expression.arguments(config.model)
    arrays = arrays | {"dinov2.embeddings.mask_token": np.zeros((1, of["width"]), np.float32)}
    prefix = PREFIXES[1 if of["registers"] else 0]
    return {re.sub(r"^dinov2\.", prefix, name): a for name, a in arrays.items()}


def _publish(config: PretrainedConfig, shapes: Shapes) -> published.Files:
    of, content = expression.arguments(config.model), published.vision_transformer(config)
    content |= {"mlp_ratio": content.pop("intermediate_size") // of["width"], "model_type": "dinov2"}
    if of["registers"]:
        content |= {"model_type": "dinov2_with_registers", "num_register_tokens": of["registers"]}
    return published.classifier(config, "Dinov2WithRegisters" if of["registers"] else "Dinov2", content)


@keymaps.register
def dinov2_hf() -> Keymap:
    """Oquab et al. 2024; with registers: Darcet et al. 2024. The mask token, of training alone, is left out."""
    ignored = (r"(?:dinov2\.|dinov2_with_registers\.)?embeddings\.mask_token",)
    return Keymap(
        "dinov2_hf",
        _RULES,
        _infer,
        lambda fields: config(fields, "Hugging Face's DINOv2"),
        ignored,
        settled,
        finish=_finish,
        publish=_publish,
    )
