import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tljax.data.order import permutation


@given(st.integers(0, 300), st.integers(-(2**70), 2**70), st.integers(0, 10))
def test_it_is_a_permutation_and_a_pure_function(n, seed, epoch):
    order = permutation(n, "epoch", seed, epoch)
    assert np.array_equal(np.sort(order), np.arange(n))
    assert np.array_equal(order, permutation(n, "epoch", np.int64(seed) if abs(seed) < 2**63 else seed, epoch))


def test_it_does_not_change_between_versions():
    assert permutation(10, "epoch", "", 0, 0).tolist() == [2, 1, 5, 0, 8, 9, 6, 7, 3, 4]


def test_every_part_of_the_key_counts():
    keys = [(0,), (1,), (0, 0), (0, 1), (1, 0), (2**32,), (-1,), ("0",), ("", 0), (0, "")]
    assert len({tuple(permutation(50, *key)) for key in keys}) == len(keys)


def test_every_place_is_equally_likely():
    counts = np.zeros((5, 5))
    for seed in range(2000):
        counts[np.arange(5), permutation(5, seed)] += 1
    assert np.abs(counts - 400).max() < 5 * np.sqrt(2000 * 0.2 * 0.8)
