"""Metrics of a whole split, from numpy arrays, in float64."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import log_softmax
from sklearn import metrics as sk


class NotFinite(ValueError):
    """A number that is NaN or infinite where none may be."""


def classification(logits: np.ndarray, labels: np.ndarray, num_classes: int) -> dict[str, Any]:
    """How well `logits` tell one class of C.

    With ``log p[n, c] = logits[n, c] - log(sum_k exp(logits[n, k]))``:
    accuracy = the part of examples whose largest logit (the first of equals) is the label's;
    loss = ``-mean_n log p[n, labels[n]]`` in nats;
    per_class = recall of each class, None where the split has none of it; balanced_accuracy = mean recall over the classes present;
    top5 (only where C > 5) = the part of examples whose label is among the five largest logits, equals counted against the model.

    Args:
      logits: [N, C], finite. Logarithms of probabilities are logits; probabilities are not.
      labels: [N] integers in 0..C-1.
      num_classes: C.

    Raises:
      ValueError: no examples; shapes that do not fit; a logit that is not finite or a label out of range (names the index).
    """
    scores, wanted = _scores(logits, num_classes), _labels(labels, num_classes)
    _same_length(scores, wanted)
    matrix = confusion(scores.argmax(axis=1), wanted, num_classes)
    support = matrix.sum(axis=1)
    recall = [float(matrix[c, c] / support[c]) if support[c] else None for c in range(num_classes)]
    of_label = scores[np.arange(len(wanted)), wanted]
    result: dict[str, Any] = {
        "accuracy": float(np.trace(matrix) / len(wanted)),
        "loss": float(-log_softmax(scores, axis=1)[np.arange(len(wanted)), wanted].mean()),
        "balanced_accuracy": float(np.mean([r for r in recall if r is not None])),
        "per_class": recall,
    }
    if num_classes > 5:
        at_least = (scores >= of_label[:, None]).sum(axis=1)  # the label itself counts as one
        result["top5"] = float((at_least <= 5).mean())
    return result


def confusion(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """How often class `row` was taken for class `column`: [C, C] int64, from two [N] integer arrays.

    Raises:
      ValueError: no examples; other lengths; a value out of range (names the index).
    """
    given, wanted = _labels(predicted, num_classes), _labels(labels, num_classes)
    _same_length(given, wanted)
    pairs = np.bincount(wanted * num_classes + given, minlength=num_classes**2)
    return pairs.reshape(num_classes, num_classes).astype(np.int64)


def wrong(logits: np.ndarray, labels: np.ndarray, classes: Sequence[str], limit: int = 25) -> list[dict[str, Any]]:
    """The most confidently wrong examples, the worst first.

    Args:
      logits: [N, C], finite.
      labels: [N] integers in 0..C-1.
      classes: the C class names.
      limit: at most this many rows.

    Returns:
      rows ``{"index": n, "true": name, "predicted": name, "probability": softmax(logits[n]).max()}``; none where all are right.
    """
    scores, wanted = _scores(logits, len(classes)), _labels(labels, len(classes))
    _same_length(scores, wanted)
    given = scores.argmax(axis=1)
    probability = np.exp(log_softmax(scores, axis=1).max(axis=1))
    missed = np.flatnonzero(given != wanted)
    worst = missed[np.argsort(-probability[missed], kind="stable")][:limit]
    return [
        {"index": int(n), "true": classes[wanted[n]], "predicted": classes[given[n]], "probability": float(probability[n])} for n in worst
    ]


def multilabel(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How well `logits` tell which of C labels hold, each for itself.

    loss = mean over all entries of ``log(1 + exp(z)) - y z``; a label is predicted where its logit z > 0 (probability above one half);
    micro_f1 pools all entries; macro_f1 and mean_average_precision are means over the labels that hold at least once;
    average precision is ``sum_k (R_k - R_{k-1}) P_k`` over falling thresholds; exact_match = the part of examples with every label right.

    Args:
      logits: [N, C], finite.
      labels: [N, C] of 0 and 1.

    Raises:
      ValueError: no examples; shapes that do not fit; a logit that is not finite; a label other than 0 and 1; no label that holds at all.
    """
    wanted = np.asarray(labels)
    if wanted.ndim != 2:
        raise ValueError(f"labels: an array [N, C] is wanted, not one of shape {wanted.shape}")
    bad = np.flatnonzero(~np.isin(wanted, (0, 1)).all(axis=1))
    if bad.size:
        raise ValueError(f"labels: 0 and 1 are wanted; index {bad[0]} holds {wanted[bad[0]].tolist()}")
    scores, wanted = _scores(logits, wanted.shape[1]), wanted.astype(np.int64)
    _same_length(scores, wanted)
    present = wanted.any(axis=0)
    if not present.any():
        raise ValueError("labels: no label holds for any example, so precision and recall are not defined")
    given = (scores > 0).astype(np.int64)
    return {
        "loss": float((np.logaddexp(0, scores) - wanted * scores).mean()),
        "mean_average_precision": float(np.mean([sk.average_precision_score(wanted[:, c], scores[:, c]) for c in np.flatnonzero(present)])),
        "micro_f1": float(sk.f1_score(wanted.ravel(), given.ravel(), zero_division=0)),
        "macro_f1": float(np.mean([sk.f1_score(wanted[:, c], given[:, c], zero_division=0) for c in np.flatnonzero(present)])),
        "exact_match": float((given == wanted).all(axis=1).mean()),
    }


def regression(predicted: np.ndarray, targets: np.ndarray) -> dict[str, float | None]:
    """Errors of `predicted` against `targets`, both [N] or [N, D], in the targets' units (mse: squared), averaged over D.

    mse = ``mean (p - t)^2``; mae = ``mean |p - t|``; r2 = ``1 - sum (p - t)^2 / sum (t - mean t)^2``, None where a target does not vary.

    Raises:
      ValueError: no examples; shapes that differ; a value that is not finite (names the index).
    """
    given, wanted = np.asarray(predicted, np.float64), np.asarray(targets, np.float64)
    if given.shape != wanted.shape or given.ndim not in (1, 2) or not given.size:
        raise ValueError(f"predicted {given.shape} and targets {wanted.shape}: the same shape [N] or [N, D], not empty, is wanted")
    _finite(given, "predicted")
    _finite(wanted, "targets")
    varies = np.all(np.ptp(wanted, axis=0) > 0)
    return {
        "mse": float(sk.mean_squared_error(wanted, given)),
        "mae": float(sk.mean_absolute_error(wanted, given)),
        "r2": float(sk.r2_score(wanted, given)) if varies else None,
    }


def _scores(logits: np.ndarray, num_classes: int) -> np.ndarray:
    scores = np.asarray(logits, np.float64)
    if scores.ndim != 2 or scores.shape[1] != num_classes:
        raise ValueError(f"logits: shape {scores.shape}, wanted [N, {num_classes}]")
    if not scores.size:
        raise ValueError("logits: there are no examples to measure")
    _finite(scores, "logits")
    return scores


def _labels(labels: np.ndarray, num_classes: int | None = None) -> np.ndarray:
    wanted = np.asarray(labels)
    if not wanted.size:
        raise ValueError("labels: there are no examples to measure")
    if wanted.ndim != 1 or not np.issubdtype(wanted.dtype, np.integer):
        raise ValueError(f"labels: integers [N] are wanted, not {wanted.dtype} of shape {wanted.shape}")
    bad = np.flatnonzero((wanted < 0) | (wanted >= (num_classes if num_classes is not None else np.inf)))
    if bad.size:
        end = "" if num_classes is None else num_classes - 1
        raise ValueError(f"labels: the value {wanted[bad[0]]} at index {bad[0]} is not in 0..{end} ({bad.size} such)")
    return wanted.astype(np.int64)


def _finite(values: np.ndarray, name: str) -> None:
    bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if bad.size:
        raise NotFinite(f"{name}: not finite at index {bad[0]} ({bad.size} of {len(values)} examples)")


def _same_length(given: np.ndarray, wanted: np.ndarray) -> None:
    if len(given) != len(wanted):
        raise ValueError(f"{len(given)} predictions for {len(wanted)} labels")
