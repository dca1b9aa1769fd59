r"""Rules of common layers by Keras's names, of which key tables are put together.

Keras 1 to 3 name a layer's arrays (``conv1/kernel``) in ``.h5`` files; Keras 3's ``.weights.h5`` and ``.keras`` number them (``conv1/0``):
each function's rules cover both. `name` is a regex of the layer's name (``r"conv(\d)_bn"``), `path` the template of our module's path
without the tree (``r"backbone/stage\1/bn"``).
"""

from tljax.weights.keymap import DEPTHWISE_KERAS, IDENTITY, Transform
from tljax.weights.rules import Rules


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


def _layer(name: str, path: str, leaves: dict[str, tuple[str, Transform]], bias: bool) -> Rules:
    rules: Rules = {}
    for i, (theirs, (ours, transform)) in enumerate((leaves | ({"bias": ("bias", IDENTITY)} if bias else {})).items()):
        target = (f"params/{path}/{ours}", transform)
        rules |= {f"{name}/{theirs}": target, f"{name}/{i}": target}
    return rules
