"""Splits that share no example, whatever the seed."""

import numpy as np
import pytest

from tljax.runs import splits
from tljax.runs.splits import Splits

DIGITS = Splits("digits", per_class=4, val_per_class=4, test_size=60)


def keys(source):
    return {source[i]["x"].tobytes() for i in range(len(source))}


def test_splits_are_disjoint_and_the_test_part_ignores_the_seed():
    a, b = splits.make(DIGITS, 0), splits.make(DIGITS, 1)
    assert keys(a[2]) == keys(b[2]) and keys(a[0]) != keys(b[0])
    train, val, test = map(keys, a)
    assert not (train & val or train & test or val & test)
    shifted = splits.make(Splits("digits", parts=(800, 997), part=1, invert=True, test_size=60), 0)
    assert len(shifted[2]) == 60 and not keys(shifted[2]) & test


def test_a_test_source_has_its_classes_numbered_as_the_training_data(tmp_path):
    x = np.arange(12, dtype=np.uint8).reshape(6, 2, 1) * np.ones((1, 1, 2), np.uint8)
    np.savez(tmp_path / "a.npz", x=x, y=np.array(["b", "a", "c"] * 2))
    np.savez(tmp_path / "b.npz", x=x, y=np.array(["c", "b"] * 3))
    a, b = (f"npz({str(tmp_path / f'{name}.npz')!r})" for name in "ab")
    _, _, test = splits.make(Splits(a, test=b, val_share=0.5), 0)
    assert test.classes == ("a", "b", "c") and list(test.labels) == [2, 1] * 3
    np.savez(tmp_path / "d.npz", x=x, y=np.array(["d", "b"] * 3))
    d = f"npz({str(tmp_path / 'd.npz')!r})"
    with pytest.raises(ValueError, match=r"^npz.*d.npz.*names the classes \['d'\] that the training data lacks; .*data.classes"):
        splits.make(Splits(a, test=d, val_share=0.5), 0)
    kept = splits.make(Splits(a, test=b, classes=("b", "c"), val_share=0.5), 0)
    assert all(source.classes == ("b", "c") for source in kept)


def test_streams_have_a_share_of_their_own_for_validation():
    train, val, test = splits.make(Splits("digits", per_class=4, val_share=0.25, test_size=60, streams={"target": "digits"}), 0)
    assert list(train) == list(val) == ["source", "target"] and len(test) == 60
    assert len(val["target"]) == round(1797 * 0.25) and not keys(train["target"]) & keys(val["target"])
    with pytest.raises(ValueError, match=r"'source' is data\.source"):
        splits.make(Splits("digits", streams={"source": "digits"}), 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"per_class": 900}, "class"),
        ({"classes": ("0", "x")}, "x"),
        ({"source": "digit"}, "did you mean digits"),
        ({"parts": (800,), "part": 2}, "data.part=2: there are 1 parts"),
        ({"parts": (800, 9000)}, "data.parts=(800, 9000) needs 9800 examples, digits has 1797"),
        ({"val_share": 1e-9}, "the val split of digits is empty; look at config.data"),
    ],
)
def test_what_cannot_be_split_is_named(fields, message):
    with pytest.raises((ValueError, KeyError)) as e:
        splits.make(Splits(**{"source": "digits"} | fields), 0)
    assert message in str(e.value)
