"""Mean intersection over union: each pixel has one class, or is ignored."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tljax.metrics.checks import check_counted, check_positions, check_sums, statistics_of
from tljax.metrics.counts import mean_of_present, ratios
from tljax.metrics.metric import Metric, register


@register
def mean_iou() -> Metric:
    """Overlap of segments: logits `[B, h, w, C]`, labels `[B, H, W]`; a pixel with a negative label is ignored.

    Logits of another size are resized bilinearly (pixel centers at +.5) to the label's before the argmax. Only the confusion matrix
    `[C, C]` leaves the device. With ``TP_c, FP_c, FN_c`` over all pixels of the split (Everingham et al. 2010):

    - `per_class`: ``TP_c / (TP_c + FP_c + FN_c)``, None for a class that neither labels nor predictions have; `mean_iou`: their mean;
    - `pixel_accuracy`: the share of pixels whose largest logit (the first of equals) is the label's.

    Raises:
      ValueError: when traced, other shapes; from `host`, no labeled pixel, or a label that is no class.
      NotFinite: from `host`, logits that are not finite.
    """
    return Metric(_rows, lambda streams: _numbers(statistics_of(streams)), ("mean_iou", 1.0), sums=True)


def _rows(forward: Callable[..., Any], batch: Mapping[str, Any]) -> dict[str, jax.Array]:
    logits, labels = forward(batch).logits, batch["label"]
    check_positions(logits, labels, "[B, H, W]", resized=True)
    logits, labels = logits.astype(jnp.float32), labels.astype(jnp.int32)
    size, num_classes = len(labels), logits.shape[-1]
    predicted = jax.image.resize(logits, (*labels.shape, num_classes), "bilinear").argmax(-1)
    counted = (labels >= 0) & (labels < num_classes)
    # A scatter drops indices out of range, so ignored pixels get one.
    pairs = jnp.where(counted, labels * num_classes + predicted, num_classes**2).reshape(size, -1)
    matrix = jnp.zeros((size, num_classes**2), jnp.int32).at[jnp.arange(size)[:, None], pairs].add(1, mode="drop")
    return {
        "confusion": matrix.reshape(size, num_classes, num_classes),
        "counted": counted.sum((1, 2)),
        "out_of_range": (labels >= num_classes).sum((1, 2)),
        "not_finite": (~jnp.isfinite(logits).all((1, 2, 3))).astype(jnp.int32),
        "examples": jnp.ones(size, jnp.int32),
    }


def _numbers(sums: Mapping[str, np.ndarray]) -> dict[str, Any]:
    check_sums(sums)
    check_counted(sums, "pixels")
    matrix = np.asarray(sums["confusion"], np.float64)
    hits = np.diag(matrix)
    overlaps = ratios(hits, matrix.sum(axis=0) + matrix.sum(axis=1) - hits)
    return {"mean_iou": mean_of_present(overlaps), "pixel_accuracy": float(hits.sum() / matrix.sum()), "per_class": overlaps}
