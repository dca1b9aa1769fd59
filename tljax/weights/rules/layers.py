r"""Rules of common layers by PyTorch's names, of which key tables are put together.

Every function takes `name`, a regex of the layer's name without the last dot and leaf (``r"layer(\d)\.bn1"``), and `path`, the template of
our module's path without the tree (``r"backbone/stage\1/bn1"``); it gives rules as in `keymap.Keymap`.
"""

from collections.abc import Callable

from tljax.weights.keymap import CONV, IDENTITY, LINEAR, Target

Rules = dict[str, Target | tuple[Target, ...]]

TORCH_IGNORED = (r".*\.num_batches_tracked",)
"""What PyTorch's BatchNorm stores besides: a counter."""


def conv(name: str, path: str, bias: bool = False) -> Rules:
    """A two-dimensional convolution, grouped and depthwise ones too: `[O, I / groups, H, W]` -> `[H, W, I / groups, O]`."""
    return {rf"{name}\.weight": (f"params/{path}/kernel", CONV)} | (_bias(name, path) if bias else {})


def linear(name: str, path: str, bias: bool = True) -> Rules:
    """A linear layer: `[out, in]` -> `[in, out]`."""
    return {rf"{name}\.weight": (f"params/{path}/kernel", LINEAR)} | (_bias(name, path) if bias else {})


def layer_norm(name: str, path: str) -> Rules:
    """LayerNorm or GroupNorm, with scale and bias."""
    return {rf"{name}\.weight": (f"params/{path}/scale", IDENTITY)} | _bias(name, path)


def batch_norm(name: str, path: str) -> Rules:
    """BatchNorm with scale, bias and running statistics."""
    statistics: Rules = {rf"{name}\.running_{leaf}": (f"batch_stats/{path}/{leaf}", IDENTITY) for leaf in ("mean", "var")}
    return layer_norm(name, path) | statistics


def numbered(name: str, rules: Callable[[str, str], Rules], path: str = "backbone/block") -> Rules:
    r"""`rules(name, path)` of numbered blocks: number 7 is ``block07`` with us, so one and two digits are told apart.

    ``numbered("blocks", ...)`` calls ``rules(r"blocks\.(\d)\.", r"backbone/block0\1/")``, and once more for two digits.
    """
    return rules(rf"{name}\.(\d)\.", rf"{path}0\1/") | rules(rf"{name}\.([1-9]\d)\.", rf"{path}\1/")


def _bias(name: str, path: str) -> Rules:
    return {rf"{name}\.bias": (f"params/{path}/bias", IDENTITY)}
