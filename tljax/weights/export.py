"""`export`: our variables under the names and in the layout of a family of checkpoints."""

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tljax import models, registry, trees
from tljax.models.create import backbones, heads
from tljax.weights.calls import call_arguments
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Keymap, Shapes, file_names, keymaps, table, translate

UNSEEN = re.compile(r".*(drop|init).*|layer_scale|momentum")
"""Arguments of backbones and heads that a filled model's outputs do not depend on in evaluation."""

LISTED = 5
"""How many paths an error lists."""


def export(variables: Mapping[str, Any], config: PretrainedConfig, family: str) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint of `family` that holds this model: what `weights.open` reads back bit for bit.

    The head and BatchNorm's statistics are included, and what a strict load by the publisher's code wants besides (``num_batches_tracked``,
    and what `Keymap.complete_state_dict` adds).

    Args:
      variables: ``{"params": ..., "batch_stats": ...}``.
      config: what describes them.
      family: a key table's name; `families` lists those that fit.

    Returns:
      Name -> array, the layout that of the family, the dtype ours.

    Raises:
      KeyError: unknown family.
      ValueError: leaves that the table knows no name for; or names and shapes by which the family would read another model (other paddings
        or activations): it is named.
    """
    keymap = table(family)
    leaves = {path: np.asarray(leaf) for path, leaf in trees.flatten(variables).items()}
    arrays = complete_arrays(keymap, config, renamed(keymap, leaves))
    try:
        differs = _difference(keymap, {name: a.shape for name, a in arrays.items()}, config)
    except ValueError as e:
        differs = str(e)
    if differs:
        raise ValueError(f"{config.model} cannot be written as {family}: {differs}")
    return arrays


def families(config: PretrainedConfig) -> dict[str, str]:
    """Returns family -> the reason why `export` cannot write this model in its names, "" where it can. Nothing is computed."""
    model = models.create(
        config.model, num_classes=config.num_classes, head=config.head, in_channels=config.in_channels, input_size=config.input_size
    )
    leaves = {path: np.broadcast_to(np.int8(0), leaf.shape) for path, leaf in trees.flatten(models.shapes(model)).items()}
    reasons = {}
    for family in keymaps:
        if family != "own":
            try:
                export(trees.unflatten(leaves), config, family)
                reasons[family] = ""
            except ValueError as e:
                reasons[family] = str(e)
    return reasons


def renamed(keymap: Keymap, leaves: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays by our paths as arrays by the family's names, in its layout.

    Raises:
      ValueError: paths that the table does not lead to, or that lack a part of a tensor of the family.
    """
    names = file_names(keymap, leaves)
    if lost := [path for path, name in names.items() if name is None]:
        raise ValueError(f"the key table {keymap.family} has no name for {len(lost)} of {len(leaves)} leaves: {_some(lost)}")
    arrays = {}
    for name, pairs in translate(keymap, dict.fromkeys(str(name) for name in names.values())).known.items():
        if lost := [path for path, _ in pairs if path not in leaves]:
            raise ValueError(f"{keymap.family}'s {name} holds {_some(lost)} too, which the model has not")
        parts = [transform.backward(leaves[path]) for path, transform in pairs]
        arrays[name] = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return arrays


def complete_arrays(keymap: Keymap, config: PretrainedConfig, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Adds what a strict load by the publisher's code requires besides: `Keymap.complete_state_dict`, and BatchNorm's counters of batches.

    PyTorch stores such a counter, ``num_batches_tracked``, beside each running mean; the tables of families whose files hold it ignore it.
    """
    complete = keymap.complete_state_dict(config, dict(arrays))
    names = [name.replace("running_mean", "num_batches_tracked") for name in complete if name.endswith(".running_mean")]
    return complete | {name: np.zeros((), np.int64) for name in names if any(re.fullmatch(regex, name) for regex in keymap.ignored)}


def _difference(keymap: Keymap, shapes: Shapes, config: PretrainedConfig) -> str:
    """Compares the model that the family reads with that of `config`; "" if they are equal. Raises ValueError if the family reads none."""
    fields = keymap.infer(shapes)
    for name in ("num_classes", "in_channels"):
        if fields[name] not in (0, getattr(config, name)):
            return f"the arrays are of {name}={fields[name]}, the config says {getattr(config, name)}"
    try:
        fields = keymap.apply_hf_config(fields, keymap.to_hf_config(config, shapes).get("config.json", {}))
    except ValueError:  # a width that nothing published has: whoever reads the file must be told the heads
        fields = keymap.apply_hf_config(fields, {"num_attention_heads": call_arguments(config.model).get("heads")})
    read = keymap.config(fields | ({} if fields["num_classes"] else {"num_classes": config.num_classes, "head": config.head}))
    theirs, ours = (_evaluated(c, config) for c in (read, config))
    return "" if theirs == ours else f"its names and shapes would be read as {read.model} with the head {read.head}"


def _evaluated(config: PretrainedConfig, like: PretrainedConfig) -> models.TransferModel:
    """The model of `config` without what its outputs do not depend on, and with the inputs and classes of `like`."""
    model, head = _plain(backbones, config.model), _plain(heads, config.head)
    return models.create(model, num_classes=like.num_classes, head=head, in_channels=like.in_channels, input_size=like.input_size)


def _plain(factories: registry.Registry, text: str) -> str:
    name, args, kwargs = registry.parse(text)
    arguments = inspect.signature(factories[name]).bind_partial(*args, **kwargs).arguments
    return f"{name}({', '.join(f'{k}={v!r}' for k, v in arguments.items() if not UNSEEN.fullmatch(k))})"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "")
