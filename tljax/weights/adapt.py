"""The two stated rules by which a checkpoint is made to fit a model: another head, another number of input channels."""

from collections.abc import Mapping

import numpy as np

POLICIES = ("auto", "new", "load")
Shapes = Mapping[str, tuple[int, ...]]


def new_head(file: Shapes, model: Shapes, policy: str) -> str:
    """Why the whole head is initialised anew, or "" where the file's head is loaded.

    Args:
      file: the file's head leaves, path -> shape.
      model: the model's head leaves, path -> shape.
      policy: ``"load"``: never new. ``"new"``: always new. ``"auto"``: new where the file has no head, one of another kind (each side has
        leaves that the other lacks), or one of the same kind whose last axes agree on another number of classes. A head that differs in any
        other way is left to the strict comparison, which refuses it.

    Raises:
      ValueError: another policy.
    """
    if policy not in POLICIES:
        raise ValueError(f"head={policy!r}: one of {', '.join(POLICIES)}")
    if policy == "load":
        return ""
    if policy == "new":
        return "a new head was asked for"
    if not file:
        return "the file has no head" if model else ""
    if set(file) - set(model) and set(model) - set(file):
        return "the file's head is of another kind"
    return _other_classes(file, model) if set(file) == set(model) else ""


def _other_classes(file: Shapes, model: Shapes) -> str:
    changed = [path for path in model if file[path] != model[path]]
    counts = {(file[path][-1:], model[path][-1:]) for path in changed}
    if len(counts) != 1 or any(file[path][:-1] != model[path][:-1] for path in changed):
        return ""
    (old, new), modules = counts.pop(), {path.rpartition("/")[0] for path in changed}
    if any(path not in changed for path in model if path.rpartition("/")[0] in modules and model[path][-1:] == new):
        return ""  # one layer's leaves disagree on the number of classes: a damaged file
    return f"{old[0]} classes in the file, {new[0]} in the model" if old and new else ""


def channel_rule(file: int, model: int) -> str:
    """The rule of `fold_channels` in words, for the report."""
    if model == 1:
        return f"input channels {file} -> 1: summed over the input channels"
    if model <= file:
        return f"input channels {file} -> {model}: channel j is the sum of the pretrained channels i = j modulo {model}"
    return f"input channels {file} -> {model}: channel j is the pretrained channel j modulo {file}, divided by the number of its copies"


def fold_channels(kernel: np.ndarray, channels: int) -> np.ndarray:
    """A first convolution's kernel `[H, W, c, O]` for `channels` = n inputs: `[H, W, n, O]`.

    n <= c: ``new[j] = sum of old[i] over i = j modulo n`` (n = 1: the sum over all input channels, for grey images).
    n > c:  ``new[j] = old[j modulo c] / #{k < n : k = j modulo c}``.
    Either way the sum over the input channels stays the same, so an input that is equal on all channels gives the same response as before.
    """
    old = kernel.shape[2]
    if channels <= old:
        return np.stack([kernel[:, :, j::channels].sum(axis=2) for j in range(channels)], axis=2)
    copies = [len(range(j % old, channels, old)) for j in range(channels)]
    return np.stack([kernel[:, :, j % old] / np.asarray(copies[j], kernel.dtype) for j in range(channels)], axis=2)
