"""Published data sets, straight from their archives; skipped where TLJAX_DATA does not lead to them."""

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tljax import data

ROOT = os.environ.get("TLJAX_DATA")
pytestmark = pytest.mark.skipif(not ROOT, reason="TLJAX_DATA is not set")


def archive(name):
    path = Path(ROOT or "") / "archives" / name
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return path


def unpacked(name, dest, keep=lambda member: True):
    with tarfile.open(archive(name)) as tar:
        tar.extractall(dest, members=[m for m in tar if keep(m.name)], filter="data")
    return dest


@pytest.mark.parametrize(("split", "n"), [("train", 7291), ("test", 2007)])
def test_usps(split, n):
    path = str(archive("usps.h5"))
    source = data.create(f"hdf5({path!r}, x='{split}/data', label='{split}/target', shape=(16, 16, 1))")
    assert len(source) == n and len(source.classes) == 10 and (data.class_counts(source) > 100).all()
    batch = next(data.train_batches(source, 64, seed=0))
    assert batch["x"].shape == (64, 16, 16, 1) and batch["x"].min() >= 0 and batch["x"].max() <= 1


def test_mnist():
    folder = archive("mnist")
    source = data.create(f"idx({str(folder / 't10k-images-idx3-ubyte.gz')!r}, {str(folder / 't10k-labels-idx1-ubyte.gz')!r})")
    assert len(source) == 10000 and data.class_counts(source).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert source[0]["x"].shape == (28, 28, 1) and source[0]["label"] == 7


def test_mnist_m(tmp_path):
    top = unpacked("mnist_m_test_9001.tar", tmp_path) / "mnist_m"
    source = data.create(f"listed({str(top / 'mnist_m_test')!r}, {str(top / 'mnist_m_test_labels.txt')!r})")
    assert len(source) == 9001 and len(source.classes) == 10 and source.labels[:3].tolist() == [7, 2, 1]
    assert next(data.eval_batches(source, 16))["x"].shape == (16, 32, 32, 3)
    test, rest = data.split(source, [0.5, None], seed=0)
    assert [len(test), *map(len, data.split(rest, [10, 5], seed=1, per_class=True))] == [4500, 100, 50]


def test_cifar10_jpeg(tmp_path):
    top = unpacked("cifar10_jpeg_8k_3k.tar", tmp_path, keep=lambda name: name.startswith("test"))
    source = data.create(f"folder({str(top)!r}, split='test', on_error='skip')")
    assert len(source) == 3000 and (data.class_counts(source) == 300).all() and source.classes[0] == "airplane"
    assert source[0]["x"].shape == (32, 32, 3) and source[0]["x"].dtype == np.uint8


def test_cifar10_exact(tmp_path):
    top = unpacked("cifar10_exact_200png.tar", tmp_path)
    labels = next(top.rglob("trainLabels.csv"))
    source = data.create(f"listed({str(labels.parent / 'train')!r}, {str(labels)!r})")
    assert len(source) == 200 and source.classes[0] == "airplane" and source.classes[9] == "truck"
    assert source.classes[source.labels[0]] == "frog"


def test_camvid(tmp_path):
    top = unpacked("camvid_320x240.tar", tmp_path) / "camvid_320x240"
    sizes = {}
    for split in ("train", "val", "test"):
        folders = f"{str(top / split)!r}, {str(top / f'{split}annot')!r}, {str(top / 'classes.txt')!r}"
        sizes[split] = source = data.create(f"masks({folders}, ignore=11)")
        assert len(source.classes) == 11 and source.classes[0] == "Sky" and source.classes[10] == "Bicyclist"
        example = source[len(source) - 1]
        assert example["x"].shape == (240, 320, 3) and example["label"].shape == (240, 320)
        assert set(np.unique(example["label"])) <= set(range(-1, 11))
    assert [len(source) for source in sizes.values()] == [184, 51, 117]


def test_mnist_m_beyond_the_digits_of_mnist(tmp_path):
    top = unpacked("mnist_m_test_9001.tar", tmp_path) / "mnist_m"
    inner = f"listed({str(top / 'mnist_m_test')!r}, {str(top / 'mnist_m_test_labels.txt')!r})"
    target = data.create(f"part({inner!r}, start=5000)")
    mnist = archive("mnist")
    digits = f"idx({str(mnist / 't10k-images-idx3-ubyte.gz')!r}, {str(mnist / 't10k-labels-idx1-ubyte.gz')!r})"
    same_digits = data.create(f"part({digits!r}, 5000, 9001)")
    assert len(target) == 4001 and np.array_equal(target.labels, same_digits.labels)


def test_wnut17(tmp_path):
    top = unpacked("wnut17.tar.xz", tmp_path) / "wnut17"
    files = ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")
    splits = [data.create(f"tagged({str(top / file)!r})") for file in files]
    assert [len(source) for source in splits] == [3394, 1009, 1287]
    assert all(len(source.classes) == 13 and source.classes[0] == "O" for source in splits)
    assert all(len(source[i]["x"]) == len(source[i]["label"]) > 0 for source in splits for i in range(len(source)))


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_xquad(tmp_path, language):
    path = unpacked("xquad.tar.xz", tmp_path) / "xquad" / f"xquad.{language}.json"
    assert [len(data.create(f"squad({str(path)!r}, articles={part})")) for part in ((), (0, 36), (36, 48))] == [1190, 925, 265]
