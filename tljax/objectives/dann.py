"""DANN: features from which a discriminator cannot tell source from target."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from tljax import data, models
from tljax.objectives.objective import Aux, Context, Forward, Objective, register, weighted_mean, weights
from tljax.objectives.supervised import same_shape


@register
def dann(strength: float = 1.0, width: int = 256, gamma: float = 10.0, steps: int = 0) -> Objective:
    """Cross-entropy on the source, and a domain discriminator behind a gradient reversal (Ganin et al. 2016, sections 4.2 and 5.2.2).

    ``L = -mean_S sum_c y_c log p_c + (BCE(D(f_S), 1) + BCE(D(f_T), 0)) / 2``, f the pooled features. The gradient that reaches f from D is
    multiplied by ``-l``, ``l = strength (2 / (1 + exp(-gamma step / steps)) - 1)``: it rises from 0 as training goes on. D is an MLP of two
    hidden layers, trained at the head's rate. Labels of the target are never read. Selection is label-free by default: `information` on
    the target.

    Args:
      strength: of the reversed gradient; a sweep may vary it without another program.
      width: of the hidden layers.
      gamma: how fast the strength rises; 0: it stays 0.
      steps: of the run, filled in.

    Raises:
      ValueError: a value out of range.
    """
    if strength < 0 or width < 1 or gamma < 0:
        raise ValueError(f"dann(strength={strength}, width={width}, gamma={gamma}): not negative, width at least 1")

    def network(model: Any) -> models.Part:
        shape = jax.ShapeDtypeStruct((1, models.feature_size(model)), jnp.float32)
        return models.part(f"mlp({width}, {width}, 1)", shape)

    def init(key: jax.Array, model: Any, variables: Mapping[str, Any], batch: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"discriminator": network(model).init(key)}, {}

    def loss(forward: Forward, batch: Mapping[str, Any], context: Context) -> tuple[jax.Array, Aux]:
        source, target = batch["source"], batch["target"]
        outputs = forward(joined(source, target))
        w, v = weights(source), weights(target)
        logits = outputs.logits[: len(w)]
        labels = same_shape(source["label"], logits, "dann")
        classified = weighted_mean(-(labels * jax.nn.log_softmax(logits)).sum(-1), w)
        progress = context.step / max(steps, 1)
        factor = context.hyper["strength"] * (2 / (1 + jnp.exp(-gamma * progress)) - 1)
        domain = jnp.concatenate([jnp.ones_like(w), jnp.zeros_like(v)])
        features = reversed_gradient(outputs.features, factor)
        scores = models.part(f"mlp({width}, {width}, 1)", features).apply(context.params["objective"]["discriminator"], features)[:, 0]
        both = jnp.concatenate([w / jnp.maximum(w.sum(), 1e-12), v / jnp.maximum(v.sum(), 1e-12)]) / 2
        told = (both * optax.sigmoid_binary_cross_entropy(scores, domain)).sum()
        right = (logits.argmax(-1) == labels.argmax(-1)).astype(jnp.float32)
        told_apart = (both * ((scores > 0) == (domain > 0.5))).sum()
        metrics = {"accuracy": weighted_mean(right, w), "domain_accuracy": told_apart}
        return classified + told, Aux(w.sum(), metrics, losses={"source": classified, "domain": told})

    return Objective(
        loss,
        init,
        streams=("source", "target"),
        forms=("distribution",),
        metric="information(stream='target')",
        hyper={"strength": strength},
    )


def joined(source: Mapping[str, Any], target: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of both streams as one batch, source first, so that BatchNorm sees the mixture that it stores."""
    inputs = {name: (source[name], target[name]) for name in source if name in target and name not in ("label", *data.fields.MARKS)}
    return {name: jnp.concatenate(_alike(*pair)) for name, pair in inputs.items()}


def _alike(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Images of which one stream was augmented, and so is float in [0, 1], and the other is still uint8: both as float."""
    if a.dtype == b.dtype:
        return a, b
    unit = [x.astype(jnp.float32) / 255 if x.dtype == jnp.uint8 else x for x in (a, b)]
    return unit[0], unit[1]


@jax.custom_vjp
def reversed_gradient(x: jax.Array, factor: jax.Array) -> jax.Array:
    """`x`; the gradient that comes back is multiplied by ``-factor``."""
    return x


def _kept(x: jax.Array, factor: jax.Array) -> tuple[jax.Array, jax.Array]:
    return x, factor


def _turned(factor: jax.Array, gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    return -factor * gradient, jnp.zeros_like(factor)


reversed_gradient.defvjp(_kept, _turned)
