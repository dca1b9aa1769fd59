r"""Rules of common layers by Keras's names, of which key tables are put together.

Keras 1 to 3 name a layer's arrays (``conv1/kernel``) in ``.h5`` files; Keras 3's ``.weights.h5`` and ``.keras`` number them (``conv1/0``):
each function's rules cover both. `name` is a regex of the layer's name (``r"conv(\d)_bn"``), `path` the template of our module's path
without the tree (``r"backbone/stage\1/bn"``).
"""

import re
from collections.abc import Iterable

from tljax.weights.keymap import DEPTHWISE_KERAS, IDENTITY, Transform
from tljax.weights.rules.layers import Rules


def conv(name: str, path: str, bias: bool = False) -> Rules:
    """A convolution; its layout `[H, W, I, O]` is ours."""
    return _layer(name, path, {"kernel": ("kernel", IDENTITY)}, bias)


def dense(name: str, path: str, bias: bool = True) -> Rules:
    """A linear layer; its layout `[in, out]` is ours."""
    return _layer(name, path, {"kernel": ("kernel", IDENTITY)}, bias)


def depthwise(name: str, path: str, bias: bool = False) -> Rules:
    """A depthwise convolution: `[H, W, C, 1]` -> `[H, W, 1, C]`; Keras 1 and 2 call it ``depthwise_kernel``."""
    rules = _layer(name, path, {"kernel": ("kernel", DEPTHWISE_KERAS)}, bias)
    return rules | {f"{name}/depthwise_kernel": (f"params/{path}/kernel", DEPTHWISE_KERAS)}


def separable(name: str, depthwise: str, pointwise: str) -> Rules:
    """A separable convolution without bias: the paths of its depthwise and of its 1x1 convolution."""
    rules: Rules = {}
    for i, (leaf, path, transform) in enumerate((("depthwise", depthwise, DEPTHWISE_KERAS), ("pointwise", pointwise, IDENTITY))):
        target = (f"params/{path}/kernel", transform)
        rules |= {f"{name}/{leaf}_kernel": target, f"{name}/{i}": target}
    return rules


def batch_norm(name: str, path: str, scale: bool = True) -> Rules:
    """BatchNorm; without `scale` it has no gamma, and the others count from 0."""
    leaves = {"gamma": "scale"} if scale else {}
    leaves |= {"beta": "bias", "moving_mean": "mean", "moving_variance": "var"}
    trees = {"mean": "batch_stats", "var": "batch_stats"}
    rules: Rules = {}
    for i, (theirs, ours) in enumerate(leaves.items()):
        target = (f"{trees.get(ours, 'params')}/{path}/{ours}", IDENTITY)
        rules |= {f"{name}/{theirs}": target, f"{name}/{i}": target}
    return rules


def counted(names: Iterable[str], kinds: tuple[str, ...] = ("conv2d", "batch_normalization")) -> dict[str, str]:
    """Names of layers that Keras named by counting -> the same names counted from the beginning: ``conv2d``, ``conv2d_1``, ...

    Keras counts the layers of a kind that a process has built, so where a model's own begin (at 0, at 1, at 95) tells nothing, and their
    order all.
    """
    found: dict[str, dict[int, list[str]]] = {}
    for name in names:
        if match := re.fullmatch(rf"({'|'.join(kinds)})(?:_(\d+))?/[^/]+", name):
            found.setdefault(match[1], {}).setdefault(int(match[2] or 0), []).append(name)
    layers = ((kind, i, of) for kind, numbers in found.items() for i, (_, of) in enumerate(sorted(numbers.items())))
    return {name: f"{counted_name(kind, i)}/{name.partition('/')[2]}" for kind, i, of in layers for name in of}


def counted_name(kind: str, i: int) -> str:
    """The name that Keras gives the layer number `i` of a kind: ``conv2d``, ``conv2d_1``, ..."""
    return f"{kind}_{i}" if i else kind


def unscoped(names: Iterable[str]) -> dict[str, str]:
    """Names of layers that were built inside name scopes (``conv/scope/inner/conv/kernel``) -> without these (``conv/kernel``)."""
    parts = {name: name.split("/") for name in names}
    return {name: f"{p[0]}/{p[-1]}" for name, p in parts.items() if len(p) > 3 and p[0] == p[-2]}


def _layer(name: str, path: str, leaves: dict[str, tuple[str, Transform]], bias: bool) -> Rules:
    rules: Rules = {}
    for i, (theirs, (ours, transform)) in enumerate((leaves | ({"bias": ("bias", IDENTITY)} if bias else {})).items()):
        target = (f"params/{path}/{ours}", transform)
        rules |= {f"{name}/{theirs}": target, f"{name}/{i}": target}
    return rules
