"""Keras files: names and values against Keras's own (tests/parity/make_keras_files.py wrote them), and files that mean harm."""

import io
from pathlib import Path

import h5py
import numpy as np
import pytest

from tljax import weights
from tljax.weights.formats import hdf5_file

GOLDEN = Path(__file__).parent.parent / "parity"
NUMBERS = {"kernel": "0", "bias": "1", "gamma": "0", "beta": "1", "moving_mean": "2", "moving_variance": "3"}


def written(build):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        build(file)
    return stream.getvalue()


def old(file, weights_, layer="a", names=None):
    file.attrs["layer_names"] = [layer]
    group = file.create_group(layer)
    group.attrs["weight_names"] = names or list(weights_)
    for name, value in weights_.items():
        group[name] = value


@pytest.mark.parametrize("file", ["keras3.h5", "keras3.weights.h5", "keras3.keras"])
def test_every_weight_of_keras_3_and_nothing_of_its_optimizer(file):
    got = weights.read(GOLDEN / file)
    with np.load(GOLDEN / "keras3.npz") as golden:
        want = dict(golden)
    if file != "keras3.h5":
        want = {f"{layer}/{NUMBERS[leaf]}": value for name, value in want.items() for layer, _, leaf in [name.rpartition("/")]}
    assert got.keys() == want.keys()
    for name, value in want.items():
        np.testing.assert_array_equal(got[name], value)


@pytest.mark.parametrize(("weight", "name"), [("a/kernel:0", "a/kernel"), ("conv/kernel:0", "a/conv/kernel"), ("ü/b", "a/ü/b")])
def test_names_of_keras_1_and_2(weight, name):
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    got = hdf5_file.read(written(lambda f: old(f.create_group("model_weights"), {weight: value})))
    assert list(got) == [name]
    np.testing.assert_array_equal(got[name], value)


def test_a_list_of_layers_cut_in_chunks():
    def build(file):
        for i, layer in enumerate("ab"):
            file.attrs[f"layer_names{i}"] = [layer]
            file.create_group(layer).attrs["weight_names"] = [b"w"]
            file[f"{layer}/w"] = np.full(2, i, np.float32)

    assert {k: v.tolist() for k, v in hdf5_file.read(written(build)).items()} == {"a/w": [0, 0], "b/w": [1, 1]}


def linked(link):
    def build(file):
        old(file, {"w": np.ones(3)})
        del file["a/w"]
        file["a/w"] = link

    return build


def large(file):
    old(file, {})
    file["a"].attrs["weight_names"] = ["w"]
    file["a"].create_dataset("w", (2**40,), np.float32)


def virtual(file):
    old(file, {})
    file["a"].attrs["weight_names"] = ["w"]
    layout = h5py.VirtualLayout((3,), np.float32)
    layout[:] = h5py.VirtualSource("other.h5", "w", (3,))
    file["a"].create_virtual_dataset("w", layout)


def many_names_of_one(file):
    old(file, {})
    zeros = file["a"].create_dataset("w0", (2**20,), np.float32, compression="gzip")
    zeros[:] = 0
    for i in range(1, 100):
        file["a"][f"w{i}"] = zeros
    file["a"].attrs["weight_names"] = [f"w{i}" for i in range(100)]


def groups_in_each_other(file):
    top = file.create_group("layers/a")
    for _ in range(40):
        inner = top.create_group("x")
        top["y"] = inner
        top = inner


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (many_names_of_one, "more than the file can hold"),
        (groups_in_each_other, "hold each other"),
        (linked(h5py.ExternalLink("other.h5", "/w")), ""),
        (linked(h5py.SoftLink("/a")), "no array of plain numbers"),
        (linked(h5py.SoftLink("/a/w")), ""),
        (virtual, "lie in another file"),
        (large, "declares"),
        (lambda f: old(f, {"w": np.ones(2)}, names=["w", "gone"]), "'gone' that it lists is not in it"),
        (lambda f: old(f, {"w": np.ones(2), "w:0": np.ones(2)}), "two of its tensors are called 'a/w'"),
        (lambda f: old(f, {"w": "text"}), "no array of plain numbers"),
        (lambda f: f.create_group("x"), "not of Keras: it holds 'x'"),
        (lambda f: old(f, {}), "holds no tensor"),
    ],
)
def test_what_is_refused(tmp_path, build, said):
    (tmp_path / "x.h5").write_bytes(written(build))
    with pytest.raises(ValueError, match=r"x\.h5") as e:
        weights.read(tmp_path / "x.h5")
    assert said in str(e.value)


def test_damaged_files_raise_nothing_but_a_value_error_that_names_them(tmp_path):
    r, path = np.random.default_rng(0), tmp_path / "x.h5"
    for source in ("keras3.h5", "keras3.keras"):
        data = (GOLDEN / source).read_bytes()
        for _ in range(150):
            cut = bytearray(data[: r.integers(1, len(data))] if r.random() < 0.5 else data)
            for at in r.integers(0, len(cut), 8):
                cut[at] ^= 1 << int(r.integers(8))
            path.write_bytes(cut)
            try:
                weights.read(path)
            except ValueError as e:
                assert "x.h5" in str(e)
