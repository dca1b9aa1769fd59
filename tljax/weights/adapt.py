"""The stated rules by which a checkpoint is made to fit a model: another head, other input channels, another image size."""

import math
from collections.abc import Mapping

import jax
import numpy as np

POLICIES = ("auto", "new", "load")
Shapes = Mapping[str, tuple[int, ...]]


def new_head(file: Shapes, model: Shapes, policy: str) -> str:
    """Why the whole head is initialized anew, or "" where the file's head is loaded.

    Args:
      file: the file's head leaves, path -> shape.
      model: the model's head leaves, path -> shape.
      policy: ``"load"``: never new. ``"new"``: always new. ``"auto"``: new where the file or the model has no head, one of another kind
        (each side has leaves that the other lacks), or one of the same kind whose last axes agree on another number of classes. A head
        that differs in any other way is left to the strict comparison, which refuses it.

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
    if not model:
        return "the model's head has no parameters"
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

    n <= c: ``new[j] = sum of old[i] over i = j modulo n`` (n = 1: the sum over all input channels, for gray images).
    n > c:  ``new[j] = old[j modulo c] / #{k < n : k = j modulo c}``.
    Either way the sum over the input channels stays the same, so an input that is equal on all channels gives the same response as before.
    """
    old = kernel.shape[2]
    if channels <= old:
        return np.stack([kernel[:, :, j::channels].sum(axis=2) for j in range(channels)], axis=2)
    copies = [len(range(j % old, channels, old)) for j in range(channels)]
    return np.stack([kernel[:, :, j % old] / np.asarray(copies[j], kernel.dtype) for j in range(channels)], axis=2)


def patch_grid(tokens: int, size: tuple[int, ...], patch: int) -> tuple[int, int] | None:
    """Rows and columns of `tokens` patches: those of an image of `size` pixels where they are that many, else a square; None: neither."""
    if len(size) == 2 and (size[0] // patch) * (size[1] // patch) == tokens:
        return size[0] // patch, size[1] // patch
    side = math.isqrt(tokens)
    return (side, side) if side * side == tokens else None


def position_rule(file: tuple[int, int], model: tuple[int, int]) -> str:
    """The rule of `resample_position` in words, for the report."""
    return f"position embeddings {file[0]} x {file[1]} -> {model[0]} x {model[1]}: bicubic, antialiased; those of other tokens kept"


def resample_position(position: np.ndarray, file: tuple[int, int], model: tuple[int, int]) -> np.ndarray:
    """Position embeddings `[1, n + h w, D]` of a grid `file` = (h, w) for a grid `model` = (H, W): `[1, n + H W, D]`, float32.

    The first n entries, those of learned tokens, are kept. The others are an image of D channels, resized as in Dosovitskiy et al. 2021,
    section 3.2: with Keys' cubic (a = -1/2), pixel centers at halves, the kernel stretched when shrinking, weights renormalized at the
    border (PyTorch's ``interpolate(mode="bicubic", antialias=True)``).
    """
    learned = position.shape[1] - file[0] * file[1]
    first, grid = np.asarray(position[:, :learned], np.float32), np.asarray(position[:, learned:], np.float32)
    width = grid.shape[-1]
    resized = jax.image.resize(grid.reshape(*file, width), (*model, width), "cubic", antialias=True)
    return np.concatenate([first, np.asarray(resized).reshape(1, -1, width)], axis=1)
