"""SimCLR: two views of an image know each other among all images of the batch."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from tljax import data, models
from tljax.objectives.objective import Aux, Context, Forward, Objective, register

AUGMENT = ("random_zoom(scale=(0.2, 1.0))", "flip", "color(0.8, 0.8, 0.8, 0.2)")


@register
def simclr(temperature: float = 0.5, width: int = 256, out: int = 128, augment: Sequence[str] = AUGMENT) -> Objective:
    """NT-Xent over two augmented views of each image (Chen et al. 2020, section 2.1); no label is read.

    ``l_i = -log exp(z_i . z_j / t) / sum_{k != i} exp(z_i . z_k / t)`` over the 2B views, j the other view of i's image, z the unit vector
    of a projection ``MLP(width, out)`` of the pooled features. The projection belongs to the objective and is not handed on.

    Args:
      temperature: t.
      width: of the projection's hidden layer.
      out: of its output.
      augment: expressions of `tljax.data.augment` that make a view, each drawn anew for both.

    Raises:
      ValueError: a temperature that is not positive, a width below 1.
    """
    if temperature <= 0 or min(width, out) < 1:
        raise ValueError(f"simclr(temperature={temperature}, width={width}, out={out}): positive")
    network = f"mlp({width}, {out})"

    def init(key: jax.Array, model: Any, variables: Mapping[str, Any], batch: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        shape = jax.ShapeDtypeStruct((1, models.feature_size(model)), jnp.float32)
        return {"projection": models.part(network, shape).init(key)}, {}

    def views(batch: Mapping[str, Any], key: jax.Array) -> dict[str, Any]:
        images = {name: batch[name] for name in ("x", "index", "epoch", "valid", "weight") if name in batch}
        seeds = jax.random.bits(key, (2,), jnp.uint32)
        return {
            name: data.augmentation(tuple(augment), 0, seed, kinds={"x": "image"})(images)
            for name, seed in zip(("view_a", "view_b"), seeds, strict=True)
        }

    def loss(forward: Forward, batch: Mapping[str, Any], context: Context) -> tuple[jax.Array, Aux]:
        features = jnp.concatenate([forward(batch[name]).features for name in ("view_a", "view_b")])
        z = models.part(network, features).apply(context.params["objective"]["projection"], features)
        z = z / jnp.maximum(jnp.linalg.norm(z, axis=-1, keepdims=True), 1e-6)
        n = len(z) // 2
        valid = jnp.tile(batch.get("valid", jnp.ones(n)) > 0, 2)
        own = jnp.eye(2 * n, dtype=bool)
        scores = jnp.where(own | ~valid[None], -jnp.inf, z @ z.T / temperature)
        partner = (jnp.arange(2 * n) + n) % (2 * n)
        nll = -jnp.take_along_axis(jax.nn.log_softmax(scores), partner[:, None], axis=1)[:, 0]
        right = (scores.argmax(-1) == partner).astype(jnp.float32)
        count = jnp.maximum(valid.sum(), 1)
        value = jnp.where(valid, nll, 0.0).sum() / count
        return value, Aux(count / 2.0, {"accuracy": jnp.where(valid, right, 0.0).sum() / count})

    return Objective(loss, init, views=views, couples_examples="the other images of the batch are the negatives")
