"""Randomness that is a pure function of its key, on every machine and under every numpy."""

import hashlib
from functools import lru_cache

import numpy as np


def bits(*key: int | str) -> np.random.Philox:
    """A bit generator seeded by `key` (ints of any size and sign, strings). Numpy guarantees that its integer stream stays the same.

    Philox: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    text = repr(tuple(part if isinstance(part, str) else int(part) for part in key))
    return np.random.Philox(key=int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little"))


def permutation(n: int, *key: int | str) -> np.ndarray:
    """A uniform random order of ``range(n)``: int64 [n], read-only. The same `key` and `n` give the same order, always.

    The integers are sorted by 64 random bits each; `numpy.random.Generator.permutation` may change between versions, this may not.
    """
    order = np.argsort(bits(*key).random_raw(n), kind="stable")
    order.flags.writeable = False
    return order


@lru_cache(maxsize=8)
def epoch_order(n: int, stream: str, seed: int, epoch: int) -> np.ndarray:
    """The order of `n` examples in epoch `epoch` of a named stream: int64 [n], read-only, cached for the next batches."""
    key = ("epoch", stream, seed, epoch)
    return permutation(n, *key)
