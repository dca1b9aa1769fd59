"""Key tables of DINOv2: names of the original, timm and Hugging Face."""

import re
from typing import Any

import numpy as np

from tljax.weights.calls import call_arguments
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.metadata import hf_config
from tljax.weights.rules.layers import Rules, conv, layer_norm, linear, numbered
from tljax.weights.rules.presets import imagenet_config
from tljax.weights.rules.vit import HEADS, apply_hf_config, attention, facts, fields, timm_block

_MODELS = ("dinov2_small", "dinov2_base", "dinov2_large")


# the original (github.com/facebookresearch/dinov2) and timm


def _block(name: str, path: str) -> Rules:
    scales: Rules = {rf"{name}ls{i}\.gamma": (f"params/{path}scale{i}", IDENTITY) for i in (1, 2)}
    return timm_block(name, path) | scales


def _rules(registers: str) -> Rules:
    return {
        r"cls_token": ("params/backbone/embed/cls", IDENTITY),
        registers: ("params/backbone/embed/registers", IDENTITY),
        r"pos_embed": ("params/backbone/embed/position", IDENTITY),
        **conv(r"patch_embed\.proj", "backbone/embed/proj", bias=True),
        **numbered("blocks", _block),
        **layer_norm("norm", "backbone/norm"),
        **linear("head", "head"),
    }


def _infer(shapes: Shapes, registers: str = "register_tokens", learned: int = 1) -> dict[str, Any]:
    if "blocks.0.ls1.gamma" not in shapes:
        raise ValueError("it has no blocks.0.ls1.gamma (layer scale)")
    arguments = facts(
        shapes, "patch_embed.proj.weight", position="pos_embed", learned=learned, block=r"blocks\.(\d+)\.", inner="blocks.0.mlp.fc1.weight"
    )
    tokens = shapes.get(registers, ())
    arguments |= {"heads": HEADS.get(arguments["width"], 0), "registers": tokens[1] if len(tokens) == 3 else 0, "patches_only": not learned}
    return fields(shapes, _MODELS, arguments, "head.weight")


def _infer_timm(shapes: Shapes) -> dict[str, Any]:
    if "reg_token" not in shapes:
        raise ValueError("it has no reg_token")
    return _infer(shapes, "reg_token", 0)


def _assumed_config(fields: dict[str, Any], names: str) -> PretrainedConfig:
    """Assumes ImageNet's mean and deviation, at the image size of the weights' own grid."""
    return imagenet_config(
        fields,
        crop_fraction=1.0,
        interpolation="bicubic",
        source=f"names of {names}; 64 channels a head, ImageNet's mean and deviation and a bicubic resize without crop are assumed",
    )


@keymaps.register
def dinov2() -> Keymap:
    """Oquab et al. 2024; with registers: Darcet et al. 2024. The mask token, of training alone, is left out."""
    source, ignored = "DINOv2 and timm", (r"mask_token",)
    return Keymap(
        "dinov2",
        _rules("register_tokens"),
        _infer,
        lambda fields: _assumed_config(fields, source),
        ignored=ignored,
        apply_hf_config=apply_hf_config,
    )


@keymaps.register
def dinov2_timm() -> Keymap:
    """With registers as timm stores them: it has added the class token's position to the token itself."""
    source = "timm's DINOv2"
    return Keymap(
        "dinov2_timm", _rules("reg_token"), _infer_timm, lambda fields: _assumed_config(fields, source), apply_hf_config=apply_hf_config
    )


# Hugging Face: ``Dinov2Model``, ``Dinov2WithRegistersModel`` and their classifiers

_HF_PREFIXES = ("dinov2.", "dinov2_with_registers.", "")


def _hf_block(name: str, path: str) -> Rules:
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


def _hf_backbone(prefix: str) -> Rules:
    prefix = prefix.replace(".", r"\.")
    return {
        rf"{prefix}embeddings\.cls_token": ("params/backbone/embed/cls", IDENTITY),
        rf"{prefix}embeddings\.register_tokens": ("params/backbone/embed/registers", IDENTITY),
        rf"{prefix}embeddings\.position_embeddings": ("params/backbone/embed/position", IDENTITY),
        **conv(rf"{prefix}embeddings\.patch_embeddings\.projection", "backbone/embed/proj", bias=True),
        **numbered(rf"{prefix}encoder\.layer", _hf_block),
        **layer_norm(f"{prefix}layernorm", "backbone/norm"),
    }


_HUGGING_FACE: Rules = linear("classifier", "head")
for _prefix in _HF_PREFIXES:
    _HUGGING_FACE |= _hf_backbone(_prefix)


def _infer_hf(shapes: Shapes) -> dict[str, Any]:
    prefix = next(p for p in _HF_PREFIXES if not p or any(name.startswith(p) for name in shapes))
    proj, position = (f"{prefix}embeddings.{name}" for name in ("patch_embeddings.projection.weight", "position_embeddings"))
    if f"{prefix}encoder.layer.0.layer_scale1.lambda1" not in shapes:
        raise ValueError(f"it has no {prefix}encoder.layer.0.layer_scale1.lambda1")
    arguments = facts(
        shapes,
        proj,
        position=position,
        learned=1,
        block=rf"{prefix}encoder\.layer\.(\d+)\.",
        inner=f"{prefix}encoder.layer.0.mlp.fc1.weight",
    )
    registers, classifier = shapes.get(f"{prefix}embeddings.register_tokens", ()), shapes.get("classifier.weight", ())
    arguments |= {"heads": HEADS.get(arguments["width"], 0), "registers": registers[1] if len(registers) == 3 else 0}
    # its classifiers read the class token beside the patches' mean
    arguments["pool"] = "cls_mean" if classifier[1:] == (2 * arguments["width"],) else "cls"
    return fields(shapes, _MODELS, arguments, "classifier.weight")


def _complete_state_dict(config: PretrainedConfig, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Adds a mask token of zeros, and gives models with registers the prefix of their own class."""
    arguments = call_arguments(config.model)
    arrays = arrays | {"dinov2.embeddings.mask_token": np.zeros((1, arguments["width"]), np.float32)}
    prefix = _HF_PREFIXES[1 if arguments["registers"] else 0]
    return {re.sub(r"^dinov2\.", prefix, name): a for name, a in arrays.items()}


def _to_hf_config(config: PretrainedConfig, shapes: Shapes) -> hf_config.Files:
    arguments, content = call_arguments(config.model), hf_config.vit_fields(config)
    content |= {"mlp_ratio": content.pop("intermediate_size") // arguments["width"], "model_type": "dinov2"}
    if arguments["registers"]:
        content |= {"model_type": "dinov2_with_registers", "num_register_tokens": arguments["registers"]}
    return hf_config.classifier_files(config, "Dinov2WithRegisters" if arguments["registers"] else "Dinov2", content)


@keymaps.register
def dinov2_hf() -> Keymap:
    """Oquab et al. 2024; with registers: Darcet et al. 2024. The mask token, of training alone, is left out."""
    ignored = (r"(?:dinov2\.|dinov2_with_registers\.)?embeddings\.mask_token",)
    return Keymap(
        "dinov2_hf",
        _HUGGING_FACE,
        _infer_hf,
        lambda fields: _assumed_config(fields, "Hugging Face's DINOv2"),
        ignored=ignored,
        apply_hf_config=apply_hf_config,
        complete_state_dict=_complete_state_dict,
        to_hf_config=_to_hf_config,
    )
