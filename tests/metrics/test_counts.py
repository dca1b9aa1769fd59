import numpy as np
import pytest

from tljax import metrics


def test_confusion_has_true_rows_and_keeps_absent_classes():
    matrix = metrics.confusion(np.array([1, 1, 0]), np.array([0, 1, 0]), 4)
    assert matrix.shape == (4, 4) and matrix.dtype == np.int64 and matrix.sum() == 3
    assert matrix[0, 1] == matrix[1, 1] == matrix[0, 0] == 1


@pytest.mark.parametrize(
    ("predicted", "labels", "message"),
    [
        (np.zeros(0, int), np.zeros(0, int), "no examples"),
        (np.zeros(2, int), np.zeros(3, int), "2 predictions for 3 labels"),
        (np.zeros(2, int), np.array([0, 3]), "labels: the value 3 at index 1 is not in 0..2"),
        (np.array([-1, 0]), np.zeros(2, int), "predicted: the value -1 at index 0"),
        (np.zeros(2, int), np.array([0.0, 1.0]), "integers"),
    ],
)
def test_classes_that_do_not_fit_are_an_error(predicted, labels, message):
    with pytest.raises(ValueError, match=message):
        metrics.confusion(predicted, labels, 3)


def test_the_standard_error_of_an_accuracy():
    assert metrics.standard_error(0.5, 100) == pytest.approx(0.05) and metrics.standard_error(1.0, 3) == 0.0
    with pytest.raises(ValueError, match="n=0"):
        metrics.standard_error(0.5, 0)
