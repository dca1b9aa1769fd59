"""Vision Transformers named as in timm (github.com/huggingface/pytorch-image-models)."""

import math
import re
from collections.abc import Callable
from typing import Any

from tljax.models.vit import SIZES
from tljax.weights import imagenet
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import CONV, IDENTITY, LINEAR, Keymap, Shapes, Target, keymaps, part

Rules = dict[str, Target | tuple[Target, ...]]


def linear(name: str, path: str) -> Rules:
    """The rules of a linear layer."""
    return {rf"{name}\.weight": (f"{path}/kernel", LINEAR), rf"{name}\.bias": (f"{path}/bias", IDENTITY)}


def norm(name: str, path: str) -> Rules:
    """The rules of a LayerNorm."""
    return {rf"{name}\.weight": (f"{path}/scale", IDENTITY), rf"{name}\.bias": (f"{path}/bias", IDENTITY)}


def blocks(name: str, rules: Callable[[str, str], Rules]) -> Rules:
    """`rules(name, path)` of the blocks: number 7 is ``block07`` with us, so one and two digits are told apart."""
    one = rules(rf"{name}\.(\d)\.", r"params/backbone/block0\1/")
    return one | rules(rf"{name}\.([1-9]\d)\.", r"params/backbone/block\1/")


def _block(name: str, path: str) -> Rules:
    parts = list(enumerate(("query", "key", "value")))
    return {
        **norm(f"{name}norm1", f"{path}norm1"),
        rf"{name}attn\.qkv\.weight": tuple((f"{path}attention/{to}/kernel", part(i, 3, LINEAR)) for i, to in parts),
        rf"{name}attn\.qkv\.bias": tuple((f"{path}attention/{to}/bias", part(i, 3, IDENTITY)) for i, to in parts),
        **linear(rf"{name}attn\.proj", f"{path}attention/out"),
        **norm(f"{name}norm2", f"{path}norm2"),
        **linear(rf"{name}mlp\.fc1", f"{path}mlp/fc1"),
        **linear(rf"{name}mlp\.fc2", f"{path}mlp/fc2"),
    }


_RULES = {
    r"cls_token": ("params/backbone/embed/cls", IDENTITY),
    r"pos_embed": ("params/backbone/embed/position", IDENTITY),
    r"patch_embed\.proj\.weight": ("params/backbone/embed/proj/kernel", CONV),
    r"patch_embed\.proj\.bias": ("params/backbone/embed/proj/bias", IDENTITY),
    **blocks("blocks", _block),
    **norm("norm", "params/backbone/norm"),
    **norm("fc_norm", "params/backbone/norm"),
    **linear("head", "params/head"),
}


def fields(shapes: Shapes, proj: str, position: str, block: str, inner: str, head: str, **more: Any) -> dict[str, Any]:
    r"""What `Keymap.infer` gives for a ViT.

    Args:
      shapes: the file's.
      proj: the name of the patch projection's kernel.
      position: the name of the position embeddings.
      block: regex of the names in a block, its number a group.
      inner: the name of the MLP's first kernel in block 0.
      head: the name of the head's kernel.
      **more: arguments of the model that differ from its defaults.

    Raises:
      ValueError: no square patches or grid, a width whose heads no weight tells, another MLP.
    """
    kernel, places = shapes.get(proj, ()), shapes.get(position, ())
    if len(kernel) != 4 or kernel[2] != kernel[3]:
        raise ValueError(f"{proj} is {kernel}, not [width, channels, patch, patch]")
    width, channels, patch, _ = kernel
    side = math.isqrt(places[1] - 1) if len(places) == 3 and places[1] > 1 else 0
    if side == 0 or side * side != places[1] - 1:
        raise ValueError(f"{position} is {places}, not [1, 1 + n * n, width] for a class token and a square of patches")
    names = {size[0]: name for name, size in SIZES.items()}
    if width not in names:
        raise ValueError(f"its width {width} is none of {', '.join(map(str, names))}, and no weight tells the number of heads")
    if (shapes.get(inner) or (0,))[0] != 4 * width:
        raise ValueError(f"{inner} is {shapes.get(inner)}: the MLP is not {4 * width} wide")
    depth = len({m[1] for name in shapes if (m := re.match(block, name))})
    arguments = {"patch": patch, **({"depth": depth} if depth != SIZES[names[width]][1] else {}), **more}
    return {
        "model": f"{names[width]}({', '.join(f'{k}={v!r}' for k, v in arguments.items())})",
        "num_classes": (shapes.get(head) or (0,))[0],
        "in_channels": channels,
        "input_size": (side * patch, side * patch),
    }


def assumed(fields: dict[str, Any], **more: Any) -> PretrainedConfig:
    """A config with the inputs of Dosovitskiy et al. 2021, in [-1, 1]."""
    half = (0.5,) * fields["in_channels"]
    labels = imagenet.labels()
    return PretrainedConfig(
        **fields,
        **more,
        mean=half,
        std=half,
        channel_order="L" if fields["in_channels"] == 1 else "RGB",
        labels=labels if fields["num_classes"] == len(labels) else (),
    )


def _infer(shapes: Shapes) -> dict[str, Any]:
    if "norm.weight" in shapes and "fc_norm.weight" in shapes:
        raise ValueError("it has both norm and fc_norm")
    mean = {"pool": "mean"} if "fc_norm.weight" in shapes else {}
    return fields(shapes, "patch_embed.proj.weight", "pos_embed", r"blocks\.(\d+)\.", "blocks.0.mlp.fc1.weight", "head.weight", **mean)


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return assumed(
        fields,
        crop_fraction=0.9,
        interpolation="bicubic",
        source="names of timm's ViT; 64 channels a head, the inputs of its augreg weights (mean = std = 0.5, the central 0.9 of a bicubic"
        " resize) and, for 1000 classes, the order of ImageNet's labels are assumed",
    )


@keymaps.register
def vit() -> Keymap:
    """Dosovitskiy et al. 2021; class token with the norm before pooling, or mean of the patches with the norm (``fc_norm``) after it."""
    return Keymap("vit", _RULES, _infer, _config)
