"""Models by name: `create`, the registries of backbones and heads, shapes and variables of a model."""

from collections.abc import Collection
from typing import Any

import jax
import jax.numpy as jnp

from tljax import registry, trees
from tljax.models.transfer import Backbone, TransferModel

backbones = registry.Registry("backbone", package="tljax.zoo", module="model")
heads = registry.Registry("head")


def create(
    expression: str,
    num_classes: int,
    head: str = "linear",
    in_channels: int | None = None,
    input_size: tuple[int, ...] | None = None,
    dtype: str = "float32",
    remat: Collection[str] = (),
) -> TransferModel:
    """Builds a model from a backbone's name, such as ``create("resnet20_cifar", num_classes=10)`` or ``create("mlp(widths=(64,))", 10)``.

    Args:
      expression: backbone, a call expression; its own arguments win over those below.
      num_classes: outputs of the head.
      head: head, a call expression (``"linear"``, ``"mlp(mlp_dim=256)"``, ``"cosine"``).
      in_channels: channels of the input images; the length of a vector (`input_size=()`); tokens in the vocabulary of a text encoder, whose
        argument `vocab_size` it fills. Default: the backbone's own, 3 for most image models.
      input_size: height and width of images, ``(tokens,)`` of texts, () for vectors. Default: the backbone's own.
      dtype: of the computation: ``"bfloat16"`` or ``"float32"``; parameters, statistics, features and logits stay float32. ``"float64"`` is
        for comparisons under ``jax_enable_x64``.
      remat: stages whose activations are recomputed in the backward pass.

    Raises:
      KeyError: unknown backbone or head. ValueError: arguments they do not take, unknown `remat` stage, no class.
    """
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, not {num_classes}")
    if dtype not in ("float32", "bfloat16", "float64"):
        raise ValueError(f"dtype {dtype!r}: float32, bfloat16 or (with jax_enable_x64) float64")
    defaults: dict[str, Any] = {"dtype": dtype}
    if in_channels is not None:
        defaults |= {"in_channels": in_channels, "vocab_size": in_channels}  # a backbone takes one of the two
    if input_size is not None:
        defaults["input_size"] = tuple(input_size)
    backbone: Backbone = backbones.create(expression, **defaults)
    unknown = sorted(set(remat) - set(backbone.stages))
    if unknown:
        raise ValueError(f"remat names {unknown}, but the stages are {backbone.stages}")
    return TransferModel(
        backbone=backbone.clone(remat=tuple(remat)),
        head=heads.create(head, num_classes=num_classes, dtype=dtype, stages=backbone.stages, input_size=_size(backbone)),
    )


def _size(backbone: Backbone) -> tuple[int, ...]:
    """Returns height and width of the input image, the number of tokens, or ()."""
    shape = dict((name, shape) for name, shape, _ in backbone.inputs).get("x", ())
    return tuple(shape[:-1]) if len(shape) == 3 else tuple(shape) if len(backbone.inputs) > 1 else ()


def shapes(model: TransferModel) -> dict[str, Any]:
    """Returns ``{"params": ..., "batch_stats": ...}`` of `jax.ShapeDtypeStruct`, without computing anything.

    Raises:
      ValueError: a stage without parameters, or parameters of the backbone outside a stage.
    """
    variables = _both(jax.eval_shape(lambda: model.init(jax.random.key(0), _example(model))))
    owners, listed = set(variables["params"]["backbone"]), set(model.stages)
    if owners != listed:
        raise ValueError(
            f"every stage owns a parameter and every parameter belongs to a stage; wrong: {sorted(owners ^ listed)}, stages: {model.stages}"
        )
    return variables


def init(model: TransferModel, key: jax.Array, paths: Collection[str] | None = None) -> dict[str, Any]:
    """Draws ``{"params": {"backbone", "head"}, "batch_stats": {...}}`` with `key`.

    Args:
      model: a `TransferModel`.
      key: a random key.
      paths: only the leaves at these paths, such as ``params/head/kernel``; the others are not even computed.
    """
    paths = trees.flatten(shapes(model)) if paths is None else paths
    # It runs once: on CPUs, LLVM's optimizer would take five times as long as everything else (ResNet-20: 16 s against 3 s, measured).
    options = {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None
    drawn = jax.jit(lambda k: trees.pick(_both(model.init(k, _example(model))), paths), compiler_options=options)(key)
    return {"params": {}, "batch_stats": {}} | drawn


def feature_size(model: TransferModel) -> int:
    """Returns the length D of the features `[B, D]`, without computing anything."""
    batch = jax.eval_shape(lambda: _example(model))
    outputs = jax.eval_shape(lambda v, b: model.apply(v, b, stop="head"), shapes(model), batch)  # type: ignore[arg-type]
    return int(outputs.features.shape[-1])


def _example(model: TransferModel) -> dict[str, jax.Array]:
    return {name: jnp.zeros((1, *spec.shape), spec.dtype) for name, spec in model.input_spec.items()}


def _both(variables: Any) -> dict[str, Any]:
    return {"params": variables["params"], "batch_stats": variables.get("batch_stats", {})}
