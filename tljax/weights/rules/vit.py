"""Rules of the layers of Vision Transformers and text towers, and their architecture as shapes tell it."""

import inspect
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tljax import registry
from tljax.models.create import backbones
from tljax.weights import activations
from tljax.weights.calls import format_call
from tljax.weights.json_values import Values
from tljax.weights.keymap import IDENTITY, LINEAR, Shapes, Transform, part
from tljax.weights.rules.layers import Rules, conv, layer_norm, linear, numbered

TOKEN = Transform("[D] -> [1, 1, D]", 1, lambda a: a[None, None], lambda a: a[0, 0])
TOKENS = Transform("[T, D] -> [1, T, D]", 2, lambda a: a[None], lambda a: a[0])

HEADS = {192: 3, 384: 6, 768: 12, 1024: 16}
"""Width -> heads of the published Vision Transformers."""


def packed(name: str, path: str, leaves: Sequence[str] = ("query", "key", "value"), joint: str = r"\.") -> Rules:
    """Linear layers stored as one, ``{name}{joint}weight`` and ``bias``, one after the other along the outputs."""
    rules: Rules = {}
    for leaf, ours, then in (("weight", "kernel", LINEAR), ("bias", "bias", IDENTITY)):
        targets = tuple((f"params/{path}/{to}/{ours}", part(i, len(leaves), then)) for i, to in enumerate(leaves))
        rules[f"{name}{joint}{leaf}"] = targets
    return rules


def attention(name: str, path: str, **names: str) -> Rules:
    """Attention of four linear layers: ``attention("self_attn", ..., query="q_proj", key=..., value=..., out=...)``."""
    return {regex: target for to, leaf in names.items() for regex, target in linear(rf"{name}\.{leaf}", f"{path}/{to}").items()}


def timm_block(name: str, path: str) -> Rules:
    """A block by timm's names."""
    return {
        **layer_norm(f"{name}norm1", f"{path}norm1"),
        **packed(rf"{name}attn\.qkv", f"{path}attention"),
        **linear(rf"{name}attn\.proj", f"{path}attention/out"),
        **layer_norm(f"{name}norm2", f"{path}norm2"),
        **linear(rf"{name}mlp\.fc1", f"{path}mlp/fc1"),
        **linear(rf"{name}mlp\.fc2", f"{path}mlp/fc2"),
    }


def towers_block(name: str, path: str) -> Rules:
    """A block by the names of Hugging Face's CLIP and SigLIP."""
    return {
        **layer_norm(f"{name}layer_norm1", f"{path}norm1"),
        **attention(f"{name}self_attn", f"{path}attention", query="q_proj", key="k_proj", value="v_proj", out="out_proj"),
        **layer_norm(f"{name}layer_norm2", f"{path}norm2"),
        **linear(rf"{name}mlp\.fc1", f"{path}mlp/fc1"),
        **linear(rf"{name}mlp\.fc2", f"{path}mlp/fc2"),
    }


def _hf_block(name: str, path: str) -> Rules:
    return {
        **layer_norm(f"{name}layernorm_before", f"{path}norm1"),
        **attention(rf"{name}attention\.attention", f"{path}attention", query="query", key="key", value="value"),
        **linear(rf"{name}attention\.output\.dense", f"{path}attention/out"),
        **layer_norm(f"{name}layernorm_after", f"{path}norm2"),
        **linear(rf"{name}intermediate\.dense", f"{path}mlp/fc1"),
        **linear(rf"{name}output\.dense", f"{path}mlp/fc2"),
    }


def hf_backbone(prefix: str) -> Rules:
    """Rules of everything but the head by the names of Hugging Face's ViT and DeiT, which begin with the regex `prefix`."""
    return {
        rf"{prefix}embeddings\.cls_token": ("params/backbone/embed/cls", IDENTITY),
        rf"{prefix}embeddings\.position_embeddings": ("params/backbone/embed/position", IDENTITY),
        **conv(rf"{prefix}embeddings\.patch_embeddings\.projection", "backbone/embed/proj", bias=True),
        **numbered(rf"{prefix}encoder\.layer", _hf_block),
        **layer_norm(f"{prefix}layernorm", "backbone/norm"),
    }


def facts(shapes: Shapes, proj: str, position: str, learned: int, block: str, inner: str) -> dict[str, Any]:
    r"""The arguments of `models.vit` that shapes tell, ``in_channels`` and ``input_size`` among them.

    Args:
      shapes: the file's.
      proj: the name of the patch projection's kernel `[width, channels, patch, patch]`.
      position: the name of the position embeddings `[learned + n * n, width]`, perhaps with an axis before.
      learned: how many tokens besides patches have positions.
      block: regex of the names in a block, its number a group.
      inner: the name of the MLP's first kernel in block 0, `[hidden, width]`.

    Raises:
      ValueError: no square patches or grid, an MLP without width.
    """
    kernel, places, mlp = shapes.get(proj, ()), shapes.get(position, ()), shapes.get(inner, ())
    if len(kernel) != 4 or kernel[2] != kernel[3]:
        raise ValueError(f"{proj} is {kernel or 'absent'}, not [width, channels, patch, patch]")
    width, channels, patch, _ = kernel
    side = math.isqrt(max(places[-2] - learned, 0)) if len(places) in (2, 3) else 0
    if side == 0 or side * side != places[-2] - learned:
        tokens = f"{learned} + n * n" if learned else "n * n"
        raise ValueError(f"{position} is {places or 'absent'}, not [1, {tokens}, width] for {learned} tokens and a square of patches")
    return blocks(shapes, block, inner, mlp=mlp, width=width) | {
        "patch": patch,
        "in_channels": channels,
        "input_size": (side * patch, side * patch),
    }


def hf_facts(shapes: Shapes, prefix: str, learned: int) -> dict[str, Any]:
    """Adds heads and epsilon to the `facts` of a file of Hugging Face's ViT or DeiT, whose names begin with `prefix`."""
    arguments = facts(
        shapes,
        proj=f"{prefix}embeddings.patch_embeddings.projection.weight",
        position=f"{prefix}embeddings.position_embeddings",
        learned=learned,
        block=rf"{prefix}encoder\.layer\.(\d+)\.",
        inner=f"{prefix}encoder.layer.0.intermediate.dense.weight",
    )
    return arguments | {"heads": HEADS.get(arguments["width"], 0), "epsilon": 1e-12}


def blocks(shapes: Shapes, block: str, inner: str, mlp: tuple[int, ...], width: int) -> dict[str, Any]:
    """Width, depth and the MLP's width of pre-norm blocks; as for `facts`."""
    if len(mlp) != 2 or mlp[0] < 1:
        raise ValueError(f"{inner} is {mlp or 'absent'}, not [hidden, {width}]")
    depth = len({m[1] for name in shapes if (m := re.match(block, name))})
    return {"width": width, "depth": depth, "mlp_dim": 0 if mlp[0] == 4 * width else mlp[0]}


def text_facts(shapes: Shapes, word: str, position: str, inner: str, block: str) -> dict[str, Any]:
    """Reads the arguments of a text tower off shapes, 64 channels a head.

    Args:
      shapes: the file's.
      word: the name of the token embeddings `[V, width]`.
      position: the name of the position embeddings `[T, width]`.
      inner: as in `facts`.
      block: as in `facts`.

    Raises:
      ValueError: embeddings that are not of two axes, an MLP without width.
    """
    table, places = shapes.get(word, ()), shapes.get(position, ())
    if len(table) != 2 or len(places) != 2:
        name, shape = (word, table) if len(table) != 2 else (position, places)
        raise ValueError(f"{name} is {shape or 'absent'}, not of two axes")
    arguments = blocks(shapes, block, inner, mlp=shapes.get(inner, ()), width=table[1])
    return arguments | {"heads": max(table[1] // 64, 1), "positions": places[0], "in_channels": table[0], "input_size": (places[0],)}


def hf_text_facts(shapes: Shapes) -> dict[str, Any]:
    """Reads `text_facts` by the names of Hugging Face's CLIP and SigLIP."""
    embeddings, layers = "text_model.embeddings", "text_model.encoder.layers"
    return text_facts(
        shapes,
        word=f"{embeddings}.token_embedding.weight",
        position=f"{embeddings}.position_embedding.weight",
        inner=f"{layers}.0.mlp.fc1.weight",
        block=rf"{re.escape(layers)}\.(\d+)\.",
    )


def fields(shapes: Shapes, names: Sequence[str], arguments: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """Builds the result of `Keymap.infer`.

    Args:
      shapes: the file's.
      names: our models of this family; the one of the same width and depth is taken, else the first.
      arguments: those of `facts`, and further ones; ``heads``: 0 where only a ``config.json`` can tell them (`apply_hf_config`).
      head: the name of the head's kernel `[classes, ...]`.
    """
    backbone_arguments = {key: value for key, value in arguments.items() if key not in ("in_channels", "input_size")}
    return {
        "model": format_call(_named(names, backbone_arguments), **backbone_arguments),
        "num_classes": (shapes.get(head) or (0,))[0],
        "in_channels": arguments["in_channels"],
        "input_size": arguments["input_size"],
    }


def _named(names: Sequence[str], arguments: Mapping[str, Any]) -> str:
    """The first of `names` whose default width and depth these are, else whose width it is, else the first."""
    for keys in (("width", "depth"), ("width",)):
        for name in names:
            defaults = inspect.signature(backbones[name]).parameters
            if all(defaults[key].default == arguments[key] for key in keys):
                return name
    return names[0]


def apply_hf_config(fields: dict[str, Any], hf_config: Mapping[str, Any], tower: str = "") -> dict[str, Any]:
    """Implements `Keymap.apply_hf_config`: heads, activation and epsilon as Hugging Face's ``config.json`` states them.

    Args:
      fields: those of `fields`.
      hf_config: the file's content; {}: none.
      tower: where in it the tower is described (``"vision_config"``), if it describes several.

    Raises:
      ValueError: heads that nothing tells, an unknown activation.
    """
    name, _, written = registry.parse(fields["model"])
    defaults = {p.name: p.default for p in inspect.signature(backbones[name]).parameters.values()}
    arguments = {key: written.get(key, defaults[key]) for key in ("width", "heads", "epsilon")}
    inner = hf_config.get(tower) if tower else None
    content = Values(inner if isinstance(inner, dict) else hf_config)
    activation = content.get("hidden_act", str)
    if activation not in (None, *activations.VISION_TRANSFORMERS):
        raise ValueError(f"config.json says hidden_act={activation!r}: there are {', '.join(activations.VISION_TRANSFORMERS)}")
    heads = content.get("num_attention_heads", int) or arguments["heads"]
    if not heads:
        raise ValueError(
            f"its width {arguments['width']} is none of {', '.join(map(str, HEADS))}, and no weight tells the number of heads: put its"
            " config.json beside the file, or build the model with models.create and use weights.load"
        )
    changes = {"heads": heads, "epsilon": content.number("layer_norm_eps", arguments["epsilon"])}
    changes |= {"activation": activations.VISION_TRANSFORMERS[activation]} if activation else {}
    return fields | {"model": format_call(name, **(written | changes))}
