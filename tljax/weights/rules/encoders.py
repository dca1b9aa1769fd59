"""Rules of text encoders' key tables, and their architecture as names, shapes and `config.json` tell it."""

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tljax import registry
from tljax.models import backbones
from tljax.weights import activations
from tljax.weights.calls import format_call
from tljax.weights.json_values import Values
from tljax.weights.keymap import IDENTITY, Shapes
from tljax.weights.rules.layers import Rules, layer_norm, linear, numbered

_OTHER_NAMES = {"n_heads": "num_attention_heads", "n_layers": "num_hidden_layers", "activation": "hidden_act"}
_OF_CREATE = ("vocab_size", "input_size", "dtype")

LM_HEADS = ("cls.predictions.transform.dense.weight", "lm_head.dense.weight", "vocab_transform.weight", "predictions.dense.weight")

ASSUMED = "; what no shape tells is taken from the config.json beside the file, or, without one, assumed to be as in the published models"


def norm(name: str, path: str) -> Rules:
    """LayerNorm by PyTorch's names, or by those of files that were converted from TensorFlow: gamma, beta."""
    old: Rules = {rf"{name}\.{old}": (f"params/{path}/{new}", IDENTITY) for old, new in (("gamma", "scale"), ("beta", "bias"))}
    return layer_norm(name, path) | old


def table(name: str, path: str) -> Rules:
    """An embedding."""
    return {rf"{name}\.weight": (f"params/{path}", IDENTITY)}


def backbone(prefix: str) -> Rules:
    """Embeddings and blocks by BERT's names, all of which begin with the regex `prefix`."""
    return {
        **embeddings(prefix),
        **table(rf"{prefix}embeddings\.token_type_embeddings", "backbone/embed/segment"),
        **numbered(rf"{prefix}encoder\.layer", _block),
    }


def embeddings(prefix: str) -> Rules:
    """The embeddings, segments excepted."""
    return {
        **table(rf"{prefix}embeddings\.word_embeddings", "backbone/embed/word"),
        **table(rf"{prefix}embeddings\.position_embeddings", "backbone/embed/position"),
        **norm(rf"{prefix}embeddings\.LayerNorm", "backbone/embed/norm"),
    }


def _block(name: str, path: str) -> Rules:
    attention = {to: linear(rf"{name}attention\.self\.{to}", f"{path}attention/{to}") for to in ("query", "key", "value")}
    return {
        **{regex: target for rules in attention.values() for regex, target in rules.items()},
        **linear(rf"{name}attention\.output\.dense", f"{path}attention/out"),
        **norm(rf"{name}attention\.output\.LayerNorm", f"{path}norm1"),
        **linear(rf"{name}intermediate\.dense", f"{path}fc1"),
        **linear(rf"{name}output\.dense", f"{path}fc2"),
        **norm(rf"{name}output\.LayerNorm", f"{path}norm2"),
    }


def facts(
    shapes: Shapes, prefix: str, block: str = r"encoder\.layer\.(\d+)\.", inner: str = "encoder.layer.0.intermediate.dense.weight"
) -> dict[str, Any]:
    """The arguments of `models.bert` that shapes tell, `in_channels` among them.

    Args:
      shapes: the file's.
      prefix: of the encoder's names, such as ``"bert."``.
      block: regex of the names in a block, behind the prefix, its number a group.
      inner: name of block 0's first MLP kernel, behind the prefix.

    Raises:
      ValueError: embeddings or a kernel that are missing, or not of two axes.
    """
    names = [f"{prefix}{name}" for name in ("embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight", inner)]
    if wrong := [name for name in names if len(shapes.get(name, ())) != 2]:
        raise ValueError(f"{wrong[0]} is {shapes.get(wrong[0], 'missing')}, not of two axes")
    (vocabulary, _), (positions, _), (wide, width) = (shapes[name] for name in names)
    return {
        "width": width,
        "depth": len({m[1] for name in shapes if (m := re.match(re.escape(prefix) + block, name))}),
        "mlp_dim": 0 if wide == 4 * width else wide,
        "positions": positions,
        "segments": (shapes.get(f"{prefix}embeddings.token_type_embeddings.weight") or (0,))[0],
        "in_channels": vocabulary,
    }


def head(shapes: Shapes, whole: bool) -> str:
    """The head that a file holds, ``""`` for none; `whole`: a ``classifier`` reads one vector of the whole text, not each token's."""
    if "classifier.weight" in shapes:
        return "linear" if whole else "tokens"
    if "qa_outputs.weight" in shapes:
        return "span"
    return "masked_lm" if any(name in shapes for name in LM_HEADS) else ""


def pool(head: str, pooler: bool, pairs: bool) -> str:
    """``"pooler"`` where the file has one that a loss has trained, else ``"mean"``.

    That is a classifier's, an encoder's alone, or that of a loss on `pairs` of sentences; a masked-language model without such a loss
    only carries it along.
    """
    return "pooler" if pooler and (head in ("linear", "") or pairs) else "mean"


def fields(shapes: Shapes, names: Sequence[str], arguments: Mapping[str, Any], head: str, pool: str) -> dict[str, Any]:
    """Builds the result of `Keymap.infer`.

    Args:
      shapes: the file's.
      names: our models of this family, the one that takes any size last. Their heads are those of a file of the same width and depth; of
        any other file they stay 0, until `apply_hf_config`.
      arguments: those of `facts`, and further ones.
      head: call expression; ``""``: none.
      pool: of the model.
    """
    vocabulary, tokens = arguments["in_channels"], arguments["positions"] - arguments.get("offset", 0)
    kernel = next((name for name in ("classifier.weight", "classifier.out_proj.weight", "qa_outputs.weight") if name in shapes), "")
    sizes = [_size(name) for name in names]
    heads = {(width, depth): heads for width, depth, heads in reversed(sizes)}.get((arguments["width"], arguments["depth"]), 0)
    backbone_arguments = {key: value for key, value in arguments.items() if key != "in_channels"}
    return {
        "model": _expression(names, backbone_arguments | {"heads": heads, "pool": pool}),
        "num_classes": vocabulary if head.startswith("masked_lm") else shapes[kernel][0] if kernel else 0,
        "in_channels": vocabulary,
        "input_size": (tokens,),
        "head": head or "linear",
    }


def apply_hf_config(fields: dict[str, Any], hf_config: Mapping[str, Any], names: Sequence[str], types: Sequence[str]) -> dict[str, Any]:
    """Implements `Keymap.apply_hf_config`: heads, activation and epsilon, of the masked-language head too; for `albert` the depth.

    Args:
      fields: those of `fields`.
      hf_config: the content of Hugging Face's ``config.json``; {}: none.
      names: as there.
      types: the values of its ``model_type`` that this family covers.

    Raises:
      ValueError: another model type or activation, a decoder, other sizes than the weights'; heads that nothing tells.
    """
    name, _, written = registry.parse(fields["model"])
    arguments = _defaults(name) | written
    content = Values({_OTHER_NAMES.get(key, key): value for key, value in hf_config.items()})
    arguments |= _told(content, arguments, types)
    if not (arguments["heads"] and arguments["depth"]):
        size = f"width {arguments['width']} and depth {arguments['depth'] or '?'}"
        raise ValueError(
            f"no shape tells how many heads (ALBERT: and layers) a model of {size} has: put its config.json beside the file, or build the"
            " model with models.create and use weights.load"
        )
    head, architectures = fields["head"], content.get("architectures", list) or ()
    if head == "linear" and fields["num_classes"] and any(str(name).endswith("ForTokenClassification") for name in architectures):
        head, arguments["pool"] = "tokens", "mean"  # older files of taggers hold a pooler that none of them reads
    head = _masked_lm(arguments) if head == "masked_lm" else head
    return fields | {"head": head, "model": _expression(names, {key: arguments[key] for key in _defaults(names[-1])})}


def _told(content: Values, arguments: Mapping[str, Any], types: Sequence[str]) -> dict[str, Any]:
    """The arguments that a ``config.json`` states. Raises ValueError as `apply_hf_config`."""
    kind, activation, depth = content.get("model_type", str), content.get("hidden_act", str), content.get("num_hidden_layers", int)
    if kind not in (None, *types) or content.get("is_decoder", bool):
        decoder = " a decoder of" if content.get("is_decoder", bool) else ""
        raise ValueError(f"config.json tells of{decoder} model_type={kind!r}; wanted is an encoder, {' or '.join(types)}")
    if activation not in (None, *activations.TEXT_ENCODERS):
        raise ValueError(f"config.json says hidden_act={activation!r}: there are {', '.join(activations.TEXT_ENCODERS)}")
    if depth not in (None, arguments["depth"]) and not arguments.get("embedding"):
        raise ValueError(f"config.json says num_hidden_layers={depth}, but the weights have {arguments['depth']} blocks")
    stated = {
        "heads": content.get("num_attention_heads", int),
        "activation": activations.TEXT_ENCODERS.get(activation or ""),
        "depth": depth,
    }
    stated["epsilon"] = content.number("layer_norm_eps", arguments["epsilon"])
    return {key: value for key, value in stated.items() if value is not None}


def _masked_lm(arguments: Mapping[str, Any]) -> str:
    defaults = {"activation": "gelu", "epsilon": 1e-12}
    changed = ", ".join(f"{key}={arguments[key]!r}" for key, default in defaults.items() if arguments[key] != default)
    return f"masked_lm({changed})" if changed else "masked_lm"


def _expression(names: Sequence[str], arguments: Mapping[str, Any]) -> str:
    """The call of the first of `names` that has these width, depth and heads by default; else of the last, which takes any."""
    size = tuple(arguments[key] for key in ("width", "depth", "heads"))
    name = next((name for name in names if _size(name) == size), names[-1])
    return format_call(name, **arguments)


def _defaults(name: str) -> dict[str, Any]:
    return {p.name: p.default for p in inspect.signature(backbones[name]).parameters.values() if p.name not in _OF_CREATE}


def _size(name: str) -> tuple[int, int, int]:
    defaults = _defaults(name)
    return defaults["width"], defaults["depth"], defaults["heads"]
