import numpy as np
import pytest

from tljax import metrics


def _measure(measured, logits, labels, **kwargs):
    return measured(metrics.mean_iou(), np.asarray(logits, np.float32), np.asarray(labels, np.int32), **kwargs)


def _by_hand(predicted, labels, num_classes):
    counted = labels >= 0
    ious = []
    for c in range(num_classes):
        p, t = (predicted == c) & counted, (labels == c) & counted
        ious.append((p & t).sum() / (p | t).sum() if (p | t).any() else None)
    return ious, (predicted == labels)[counted].mean()


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_agrees_with_sets_of_pixels(measured, batch_size):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(5, 6, 7, 5)), rng.integers(-1, 3, (5, 6, 7))
    logits[..., 4] = -9  # in neither labels nor predictions; class 3 is predicted and never right
    numbers = _measure(measured, logits, labels, batch_size=batch_size)
    ious, accuracy = _by_hand(logits.argmax(-1), labels, 5)
    assert numbers["per_class"][4] is None and ious[3] == 0.0
    assert numbers["per_class"][:4] == pytest.approx(ious[:4]) and numbers["pixel_accuracy"] == pytest.approx(accuracy)
    assert numbers["mean_iou"] == pytest.approx(np.mean(ious[:4])) == metrics.mean_iou().signed(numbers)


def test_smaller_logits_are_upsampled_bilinearly_before_the_argmax(measured):
    logits = np.zeros((1, 1, 2, 2))
    logits[0, 0, :, 1] = [-1, 4]  # class 1 where the line between -1 (at x=1) and 4 (at x=3) of the four pixels is above 0
    centers = np.arange(4) + 0.5
    labels = np.repeat((np.interp(centers, [1, 3], [-1, 4]) > 0).astype(int)[None, None], 3, axis=1)
    assert labels[0, 0].tolist() == [0, 1, 1, 1]  # nearest neighbors would say 0 0 1 1
    assert _measure(measured, logits, labels) == {"mean_iou": 1.0, "pixel_accuracy": 1.0, "per_class": [1.0, 1.0]}


def test_ignored_pixels_do_not_count_whatever_is_predicted(measured):
    logits = np.zeros((1, 2, 2, 2))
    logits[0, 0, 0, 1] = 5
    numbers = _measure(measured, logits, [[[-1, 0], [0, -1]]])
    assert numbers == {"mean_iou": 1.0, "pixel_accuracy": 1.0, "per_class": [1.0, None]}


def test_labels_of_bytes_do_not_overflow(measured):
    num_classes, labels = 40, np.full((1, 2, 2), 39, np.uint8)
    logits = np.eye(num_classes, dtype=np.float32)[labels]
    assert measured(metrics.mean_iou(), logits, labels)["per_class"] == [None] * 39 + [1.0]


def test_awkward(measured):
    logits = np.zeros((2, 2, 2, 3))
    with pytest.raises(ValueError, match="no labeled pixels"):
        _measure(measured, logits, np.full((2, 2, 2), -1))
    with pytest.raises(ValueError, match="4 pixels have a label that is no class"):
        _measure(measured, logits, [[[255] * 2] * 2, [[0] * 2] * 2])
    with pytest.raises(ValueError, match=r"integer labels \[B, H, W\]"):
        _measure(measured, logits, np.zeros((2, 2)))
    with pytest.raises(metrics.NotFinite, match="1 of 2 examples"):
        _measure(measured, np.where(np.arange(2)[:, None, None, None] == 1, np.inf, logits), np.zeros((2, 2, 2)))


def test_one_pixel_of_one_class(measured):
    assert _measure(measured, [[[[0.0]]]], [[[0]]]) == {"mean_iou": 1.0, "pixel_accuracy": 1.0, "per_class": [1.0]}
