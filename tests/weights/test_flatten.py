"""Kernels over flattened maps: both orders compute the same as ours, and lead back."""

import numpy as np
import pytest

from tljax.weights.rules import flatten

R = np.random.default_rng(0)
MAP = R.normal(size=(3, 5, 5, 2))
OURS = R.normal(size=(5, 5, 2, 4))


@pytest.mark.parametrize(
    ("transform", "theirs"),
    [
        (flatten.nchw(5), lambda kernel: MAP.transpose(0, 3, 1, 2).reshape(3, -1) @ kernel.T),
        (flatten.nhwc(5), lambda kernel: MAP.reshape(3, -1) @ kernel),
    ],
)
def test_the_flattened_map_of_their_framework_meets_the_same_weights(transform, theirs):
    kernel = transform.backward(OURS)
    np.testing.assert_allclose(theirs(kernel), np.tensordot(MAP, OURS, 3))
    np.testing.assert_array_equal(transform.forward(kernel), OURS)


def test_a_1x1_convolution_is_a_linear_layer():
    kernel = R.normal(size=(4, 3, 1, 1))
    np.testing.assert_array_equal(flatten.POINTWISE.forward(kernel), kernel[:, :, 0, 0].T)
    np.testing.assert_array_equal(flatten.POINTWISE.backward(flatten.POINTWISE.forward(kernel)), kernel)


def test_other_shapes_are_left_to_the_comparison():
    assert flatten.nchw(5).forward(np.zeros((4, 49))).shape == (49, 4)
    assert flatten.nhwc(5).forward(np.zeros((49, 4))).shape == (49, 4)
    assert flatten.POINTWISE.forward(np.zeros((4, 3, 3, 3))).shape == (3, 3, 3, 4)
