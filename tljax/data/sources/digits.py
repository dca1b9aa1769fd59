"""The embedded default data: scikit-learn's real 8x8 digits."""

from tljax.data.source import Source, sources
from tljax.data.sources.arrays import from_arrays


@sources.register
def digits() -> Source:
    """1,797 handwritten digits of 43 people, float32 [8, 8, 1] in [0, 1] (the stored counts 0..16 over 16), classes "0" to "9"; offline.

    Source: E. Alpaydin, C. Kaynak, "Optical recognition of handwritten digits", UCI, 1998, as shipped with scikit-learn.
    """
    from sklearn.datasets import load_digits  # imported on use, as it takes a second

    stored = load_digits()
    return from_arrays(stored.images[..., None] / 16, stored.target, [str(i) for i in range(10)], where="digits")
