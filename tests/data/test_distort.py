import numpy as np
import pytest

from tljax import data

RNG = np.random.default_rng(0)
FLOATS = data.from_arrays(RNG.random((5, 6, 4, 3)), np.arange(5))
BYTES = data.from_arrays(RNG.integers(0, 256, (5, 6, 4, 3), np.uint8), np.arange(5), [f"c{i}" for i in range(5)])


def inputs(source):
    return [source[i]["x"] for i in range(len(source))]


@pytest.mark.parametrize("source", [FLOATS, BYTES])
def test_the_same_seed_distorts_the_same_whatever_is_read_before(source):
    shifted = data.distort(source, invert=True, noise=0.25, seed=3)
    first = inputs(shifted)
    assert np.array_equal(shifted[4]["x"], first[4]) and np.array_equal(shifted[-1]["x"], first[4])
    for x in first:
        assert x.dtype == np.float32 and x.shape == (6, 4, 3) and x.min() >= 0 and x.max() <= 1
    again, other = (inputs(data.distort(source, invert=True, noise=0.25, seed=seed)) for seed in (3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    assert np.array_equal(data.take(shifted, [2])[0]["x"], first[2])


def test_examples_get_different_noise_of_the_stated_size():
    gray = data.from_arrays(np.full((3, 50, 50, 1), 0.5), np.arange(3))
    a, b, _ = inputs(data.distort(gray, noise=0.1))
    assert abs(a.std() - 0.1) < 0.01 and abs(a.mean() - 0.5) < 0.01 and not np.array_equal(a, b)


def test_inversion_alone_is_exact():
    assert np.allclose(data.distort(FLOATS, invert=True)[1]["x"], 1 - FLOATS[1]["x"])
    assert np.allclose(data.distort(BYTES, invert=True)[1]["x"], 1 - BYTES[1]["x"] / 255, atol=1e-6)


@pytest.mark.parametrize("source", [FLOATS, BYTES])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270, -90, 360, 450])
def test_right_angles_are_exact_and_keep_the_dtype(source, degrees):
    for x, y in zip(inputs(source), inputs(data.distort(source, rotate=degrees)), strict=True):
        assert np.array_equal(y, np.rot90(x, degrees // 90)) and y.dtype == x.dtype


def test_other_angles_turn_the_same_way():
    image = np.zeros((1, 21, 21, 1), np.float32)
    image[0, 3:8, 8:14] = 1
    source = data.from_arrays(image, np.zeros(1, int))
    for degrees in (90, 180, 270):
        nearly = data.distort(source, rotate=degrees + 0.5)[0]["x"]
        assert nearly.dtype == np.float32 and np.abs(nearly - data.distort(source, rotate=degrees)[0]["x"]).mean() < 0.01
    assert data.distort(BYTES, rotate=30)[0]["x"].max() <= 1


def test_labels_classes_and_names_stay():
    shifted = data.distort(BYTES, invert=True)
    assert shifted.classes == BYTES.classes and np.array_equal(shifted.labels, BYTES.labels) and len(shifted) == 5
    assert shifted[2]["label"] == 2 and data.name_of(shifted, 2) == data.name_of(BYTES, 2)
    assert not np.array_equal(BYTES[2]["x"], shifted[2]["x"])
    with pytest.raises(IndexError):
        data.distort(BYTES, noise=1.0)[5]


def test_wrong_use_is_named():
    with pytest.raises(ValueError, match="noise=-1"):
        data.distort(FLOATS, noise=-1)
    vectors = data.from_arrays(np.zeros((2, 3)), np.arange(2), where="f.npz")
    assert data.distort(vectors, noise=0.1)[0]["x"].shape == (3,)
    with pytest.raises(ValueError, match=r"f\.npz: distort\(rotate=90\) needs images, and x is of kind 'vector'"):
        data.distort(vectors, rotate=90)


class Spatial:
    """Images whose mask holds the red channel, with boxes where they are asked for."""

    def __init__(self, **more):
        self.fields, self.labels, self.classes = {"x": "image", "label": "mask"} | more, None, ("a", "b", "c")

    def __len__(self):
        return 2

    def __getitem__(self, index):
        x = np.random.default_rng(index).integers(0, 3, (7, 5, 3), np.uint8)
        return {"x": x, "label": x[..., 0].astype(np.int32)}


@pytest.mark.parametrize("degrees", [90, 180, 270, -90])
def test_a_mask_turns_with_its_image(degrees):
    turned = data.distort(Spatial(), rotate=degrees)[1]
    assert turned["label"].dtype == np.int32 and np.array_equal(turned["label"], turned["x"][..., 0])


def test_a_mask_is_ignored_where_the_image_is_empty():
    example = data.distort(Spatial(), rotate=30)[0]
    assert example["label"].shape == example["x"].shape[:2] and set(np.unique(example["label"])) == {-1, 0, 1, 2}
    assert (example["x"][example["label"] == -1].mean() * 255) < 1 and example["label"][3, 2] == Spatial()[0]["label"][3, 2]
    inverted = data.distort(Spatial(), invert=True)[0]
    assert np.array_equal(inverted["label"], Spatial()[0]["label"])


def test_what_cannot_turn_along_is_refused():
    with pytest.raises(ValueError, match=r"rotate=90\) cannot move box \(boxes\) along"):
        data.distort(Spatial(box="boxes"), rotate=90)
    assert len(data.distort(Spatial(box="boxes"), invert=True)) == 2
    with pytest.raises(ValueError, match="x is of kind 'text'"):
        data.distort(Spatial(x="text"), invert=True)


def test_a_distortion_is_described_and_known():
    shifted = data.distort(BYTES, invert=True, noise=0.25, rotate=90)
    assert data.describe(shifted) == "arrays, inverted, noise 0.25 (seed 0), rotated by 90, 5 examples of 5 classes"
    same = data.distort(BYTES, invert=True, noise=0.25, rotate=90)
    others = [data.distort(BYTES, noise=0.25, rotate=90), data.distort(BYTES, invert=True, noise=0.25, rotate=90, seed=1), BYTES]
    assert data.fingerprint(same) == data.fingerprint(shifted) not in set(map(data.fingerprint, others))
