"""Data sets are prepared here, from pictures made here; nothing is downloaded."""

import concurrent.futures
import io
import os
import pathlib
import pickle
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request

import numpy as np
import pytest
import tensorflow_datasets
from PIL import Image
from tensorflow_datasets.core.data_sources.base import BaseDataSource
from tensorflow_datasets.core.download import downloader

from tljax import data, weights
from tljax.data import on_host
from tljax.data.pipeline import train_batches

from ..conftest import picture

ROOT = pathlib.Path(__file__).parents[3]
CLASSES = ("cat", "dog", "été 猫")
features = tensorflow_datasets.features


IMAGE, LABEL = features.Image(shape=(None, None, 3)), features.ClassLabel(names=list(CLASSES))


def write(root, splits, name="ours", version="1.0.0", **kinds):
    """Prepares a data set of given examples below a folder, in the order given; TFDS knows no code of that name."""
    base = tensorflow_datasets.core.GeneratorBasedBuilder
    body = {
        "name": name,
        "VERSION": tensorflow_datasets.core.Version(version),
        "_info": lambda self: tensorflow_datasets.core.DatasetInfo(
            builder=self, features=features.FeaturesDict({"image": IMAGE, "label": LABEL} | kinds), disable_shuffling=True
        ),
        "_split_generators": lambda self, _: {split: enumerate(examples) for split, examples in splits.items()},
        "_generate_examples": lambda self: None,
    }
    builder = type("Ours", (base,), body, skip_registration=True)
    builder(data_dir=str(root)).download_and_prepare(file_format="array_record")


def create(root, name="ours", **more):
    given = "".join(f", {key}={value!r}" for key, value in more.items())
    return data.create(f"tfds({name!r}, data_dir={str(root)!r}{given})")


def pixels(i, size=(6, 5)):
    return np.random.default_rng(i).integers(0, 256, (*size, 3), np.uint8)


def examples(n):
    return [{"image": Image.fromarray(pixels(i, (6, 5 + i % 3))), "label": i % 3} for i in range(n)]


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """Splits `train` of 9 and `one` of 1 picture."""
    root = tmp_path_factory.mktemp("tfds")
    write(root, {"train": examples(9), "one": examples(1)})
    return root


def same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert a[key].dtype == b[key].dtype and np.array_equal(a[key], b[key]), key


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_folder_an_npz_and_tfds_give_the_same_batches(tmp_path, suffix):
    paths = [(c, picture(tmp_path / "images" / name / f"{i}.{suffix}", 10 * c + i)) for c, name in enumerate(CLASSES) for i in range(3 + c)]
    write(tmp_path, {"train": [{"image": str(path), "label": c} for c, path in paths]})
    folder = data.create(f"folder({str(tmp_path / 'images')!r})")
    x = np.stack([folder[i]["x"] for i in range(len(folder))])
    np.savez(tmp_path / "a.npz", x=x, y=folder.labels)
    sources = [folder, data.create(f"npz({str(tmp_path / 'a.npz')!r}, classes={list(CLASSES)})"), create(tmp_path)]
    assert len({tuple(s.classes) for s in sources}) == 1 and len({tuple(s.labels.tolist()) for s in sources}) == 1
    prepare = on_host(weights.PretrainedConfig("cnn", 3, 3, (4, 4)))
    batches = [list(train_batches(s, 5, seed=3, num_steps=6, transform=prepare)) for s in sources]
    if suffix == "png":
        batches.append(list(train_batches(sources[2], 5, seed=3, num_steps=6, transform=prepare, workers=2)))
    assert batches[0][0]["x"].shape == (5, 4, 4, 3)
    for folder_batch, *others in zip(*batches, strict=True):
        for other in others:
            same(folder_batch, other)


def test_what_an_example_holds(ours):
    source = create(ours)
    assert len(source) == 9 and source.classes == CLASSES and source.labels.dtype == np.int32
    assert source.labels.tolist() == [0, 1, 2] * 3 and source.name(4) == "tfds ours, train, example 4"
    for i in range(9):
        example = source[i]
        assert example["x"].dtype == np.uint8 and np.array_equal(example["x"], pixels(i, (6, 5 + i % 3))) and example["label"] == i % 3
    assert np.array_equal(source[-1]["x"], source[8]["x"])
    with pytest.raises(IndexError):
        source[9]


def test_splits_in_the_notation_of_tfds(ours):
    whole = create(ours)
    for split, wanted in {"one": [0], "train[:3]": [0, 1, 2], "train[5:7]": [5, 6], "one+train[8:]": [0, 8]}.items():
        source = create(ours, split=split)
        assert len(source) == len(wanted)
        assert all(np.array_equal(source[k]["x"], whole[i]["x"]) for k, i in enumerate(wanted))
    assert len(create(ours, split="train[:80%]")) == 7


def one(**more):
    return {"image": Image.fromarray(pixels(0)), "label": 0} | more


@pytest.mark.parametrize(
    ("kind", "values", "labels", "classes"),
    [
        (features.ClassLabel(num_classes=3), [2, 0], np.array([2, 0], np.int32), ("0", "1", "2")),
        (np.int64, [1, 0], np.array([1, 0], np.int32), ("0", "1")),
        (np.float32, [0.5, -1], np.array([0.5, -1], np.float32), ()),
        (features.Tensor(shape=(2,), dtype=np.float32), [[0, 0.5], [1, 2]], np.array([[0, 0.5], [1, 2]], np.float32), ()),
        (features.Sequence(LABEL), [[2, 0], []], np.array([[1, 0, 1], [0, 0, 0]], np.float32), CLASSES),
    ],
)
def test_labels_of_each_kind(tmp_path, kind, values, labels, classes):
    write(tmp_path, {"train": [one(kind=value) for value in values]}, kind=kind)
    source = create(tmp_path, label="kind")
    assert source.labels.dtype == labels.dtype and np.array_equal(source.labels, labels) and source.classes == classes
    assert np.array_equal(source[1]["label"], labels[1])


def test_inputs_of_each_kind(tmp_path):
    kinds = {"gray": features.Image(shape=(None, None, 1)), "vector": features.Tensor(shape=(3,), dtype=np.float32), "mixed": IMAGE}
    color = Image.fromarray(pixels(1))
    kinds_of_file = [color.convert("L"), color.convert("RGBA"), color.quantize(8)]
    write(tmp_path, {"train": [one(gray=color.convert("L"), vector=[1, 2, 3], mixed=file) for file in kinds_of_file]}, **kinds)
    gray, vector, mixed = (create(tmp_path, image=key) for key in kinds)
    assert np.array_equal(gray[0]["x"], np.asarray(color.convert("L"))[..., None])
    assert vector[2]["x"].dtype == np.float32 and vector[2]["x"].tolist() == [1, 2, 3]
    wanted = [np.asarray(file.convert("RGB")) for file in kinds_of_file]
    assert all(np.array_equal(mixed[i]["x"], x) for i, x in enumerate(wanted))


def test_classes_may_be_renamed(ours):
    assert create(ours, classes=["x", "y", "z"]).classes == ("x", "y", "z")


@pytest.fixture
def reads(monkeypatch):
    """The number of records in each reading of a split."""
    counts = []

    def counted(method, size):
        original = getattr(BaseDataSource, method)
        monkeypatch.setattr(BaseDataSource, method, lambda self, key: counts.append(size(key)) or original(self, key))

    counted("__getitems__", len)
    counted("__getitem__", lambda key: 1)
    return counts


def test_labels_are_read_once_in_a_process(tmp_path, reads):
    write(tmp_path, {"train": examples(9), "one": examples(1)}, version="1.0.0")
    first = create(tmp_path)
    assert reads == [9]
    again = create(tmp_path)
    assert reads == [9] and again.labels.tolist() == first.labels.tolist() == [0, 1, 2] * 3 and again.classes == first.classes
    with pytest.raises(ValueError, match="read-only"):
        again.labels[0] = 1  # the other source has the same array
    assert create(tmp_path, split="one").labels.tolist() == [0] and create(tmp_path, classes=["x", "y", "z"]).classes == ("x", "y", "z")
    assert reads == [9, 1, 9] and np.array_equal(again[4]["x"], pixels(4, (6, 6)))
    with pytest.raises(ValueError, match="is no class id"):
        create(tmp_path, classes=["x", "y"])


def test_labels_of_files_that_changed_are_read_again(tmp_path, reads):
    write(tmp_path, {"train": examples(3)})
    assert create(tmp_path).labels.tolist() == [0, 1, 2]
    shutil.rmtree(tmp_path / "ours")
    write(tmp_path, {"train": examples(3)[::-1]})
    assert create(tmp_path).labels.tolist() == [2, 1, 0] and reads == [3, 3]


def test_the_labels_of_fake_data_are_not_kept(reads):
    with tensorflow_datasets.testing.mock_data(num_examples=5):
        data.create("tfds('cifar10', split='test')")
        once = list(reads)
        data.create("tfds('cifar10', split='test')")
    assert once and reads == 2 * once


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"split": "test"}, r"tfds ours, test: .*Should be one of \['train', 'one'\]"),
        ({"split": "train[:0]"}, r"tfds ours, train\[:0\]: "),
        ({"image": "picture"}, "no feature 'picture'; there are image, label"),
        ({"label": "kind"}, "no feature 'kind'; there are image, label"),
        ({"image": "label"}, "'label' is ClassLabel.*expected an image"),
        ({"label": "image"}, "'image' is Image.*expected a class"),
        ({"classes": ["a"]}, "is no class id"),
    ],
)
def test_wrong_arguments_are_named(ours, more, said):
    with pytest.raises(ValueError, match=said) as e:
        create(ours, **more)
    assert "\n" not in str(e.value)


def test_features_of_other_kinds_are_named(tmp_path):
    write(tmp_path, {"train": [one(text="a b", many=[{"a": 1.0}])]}, text=features.Text(), many=features.Sequence({"a": np.float32}))
    for more in ({"image": "text"}, {"label": "text"}, {"image": "many"}, {"label": "many"}):
        with pytest.raises(ValueError, match=f"'{next(iter(more.values()))}' is .*expected"):
            create(tmp_path, **more)


def test_the_newest_version_is_read_unless_another_is_named(tmp_path):
    write(tmp_path, {"train": examples(2)}, version="1.0.0")
    write(tmp_path, {"train": examples(3)}, version="1.2.0")
    assert len(create(tmp_path)) == 3 and len(create(tmp_path, "ours:1.0.0")) == 2


def test_files_without_random_access_are_refused(tmp_path):
    write(tmp_path, {"train": examples(2)})
    (info,) = tmp_path.rglob("dataset_info.json")
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    with pytest.raises(ValueError, match=r"tfds ours, train: .*TFRECORD") as e:
        create(tmp_path)
    assert str(tmp_path) in str(e.value) and "\n" not in str(e.value)


def test_threads_share_it_and_it_pickles(ours):
    source = pickle.loads(pickle.dumps(create(ours)))
    order = np.random.default_rng(0).integers(0, 9, 200)
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        for i, example in zip(order, threads.map(source.__getitem__, map(int, order)), strict=True):
            assert np.array_equal(example["x"], pixels(i, (6, 5 + i % 3)))


def test_a_damaged_file_is_named(tmp_path):
    write(tmp_path, {"train": examples(300)})  # above 128 KiB: the blocks of a file are of 64
    (file,) = tmp_path.rglob("*array_record*")
    whole = file.read_bytes()
    for damaged in (b"", whole[:65536], whole[:70000], whole[: len(whole) - 1], whole[:500] + b"?" + whole[501:]):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"{file.name}: example \d+ of tfds ours, train cannot be read"):
            create(tmp_path)


def test_an_image_that_does_not_decode_is_named(tmp_path):
    broken = io.BytesIO()
    Image.fromarray(pixels(0)).save(broken, "PNG")
    write(tmp_path, {"train": [one(), one(image=broken.getvalue()[:60])]})
    with pytest.raises(ValueError, match="tfds ours, train, example 1: does not decode"):
        create(tmp_path)[1]


class OursByCode(tensorflow_datasets.core.GeneratorBasedBuilder):
    """A data set that TFDS knows by its code and that yields arrays, which TFDS itself encodes with TensorFlow."""

    VERSION = tensorflow_datasets.core.Version("1.0.0")

    def _info(self):
        kinds = {"image": IMAGE, "gray": features.Image(shape=(None, None, 1)), "label": LABEL}
        return tensorflow_datasets.core.DatasetInfo(builder=self, features=features.FeaturesDict(kinds))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for i in range(6):
            yield i, {"image": pixels(i), "gray": pixels(i)[..., :1], "label": i % 3}


def test_a_data_set_is_prepared_on_demand_and_once(tmp_path, capsys):
    first = create(tmp_path, "ours_by_code")
    assert f"not found in {tmp_path}" in capsys.readouterr().out
    again, gray = create(tmp_path, "ours_by_code"), create(tmp_path, "ours_by_code", image="gray")
    assert "not found" not in capsys.readouterr().out
    stored = {x.tobytes(): i % 3 for i, x in enumerate(map(pixels, range(6)))}
    for i in range(6):
        assert stored[first[i]["x"].tobytes()] == first[i]["label"] and np.array_equal(first[i]["x"], again[i]["x"])
        assert np.array_equal(gray[i]["x"], first[i]["x"][..., :1])


def archive(path, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def test_cifar10_is_unpacked_and_prepared_without_tensorflow(tmp_path, monkeypatch):
    x = np.stack([pixels(i, (32, 32)) for i in range(4)])
    records = b"".join(bytes([i]) + image.transpose(2, 0, 1).tobytes() for i, image in enumerate(x))
    files = {f"cifar-10-batches-bin/{name}.bin": records for name in ("test_batch", *(f"data_batch_{i}" for i in range(1, 6)))}
    names = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    path = archive(tmp_path / "cifar.tar.gz", files | {"cifar-10-batches-bin/batches.meta.txt": "\n".join(names).encode()})
    manager = tensorflow_datasets.download.DownloadManager
    monkeypatch.setattr(manager, "download_and_extract", lambda self, url: str(self.extract(str(path))))
    source = create(tmp_path, "cifar10", split="test")
    assert source.classes == names and sorted(source.labels.tolist()) == [0, 1, 2, 3] and len(create(tmp_path, "cifar10")) == 20
    assert all(np.array_equal(source[i]["x"], x[label]) for i, label in enumerate(source.labels))


@pytest.fixture
def offline(monkeypatch):
    def refused(*args, **kwargs):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(urllib.request, "getproxies", dict)
    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


def test_without_a_network_a_missing_data_set_ends_soon_in_one_line(tmp_path, offline):
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"tfds beans: not prepared in .*no network: .* cannot be reached.*data_dir=") as e:
        create(tmp_path, "beans")
    assert str(tmp_path / "beans") in str(e.value) and "\n" not in str(e.value) and time.monotonic() - start < 20


def test_with_a_network_the_download_is_tried(tmp_path, monkeypatch):
    def fails(url, **kwargs):
        raise OSError(f"tried {url}")

    monkeypatch.setattr(socket, "create_connection", lambda *args, **kwargs: socket.socket())
    monkeypatch.setattr(downloader, "_open_url", fails)
    with pytest.raises(ValueError, match=r"beans.*tried https"):
        create(tmp_path, "beans")


def test_an_unknown_name_gives_the_nearest(tmp_path):
    with pytest.raises(ValueError, match=r"tfds bean: no data set of that name lies below .*it has beans"):
        create(tmp_path, "bean")


def test_fake_data_pickles():
    with tensorflow_datasets.testing.mock_data(num_examples=5):
        source = data.create("tfds('cifar10', split='test')")
        again = pickle.loads(pickle.dumps(source))
    assert len(source) == 5 and len(source.classes) == 10 and source[0]["x"].shape == (32, 32, 3) and source[0]["x"].dtype == np.uint8
    assert np.array_equal(again[3]["x"], source[3]["x"]) and again[3]["label"] == source[3]["label"]


def test_tensorflow_is_never_imported_and_tfds_only_where_it_is_asked_for(ours):
    code = f"""
import sys
from tljax import data
before = "tensorflow_datasets" in sys.modules
source = data.create("tfds('ours', data_dir={str(ours)!r})")
source[0]
try:
    data.create("tfds('ours_without_code', data_dir={str(ours)!r})")
except ValueError:
    print(before, len(source), "tensorflow" in sys.modules)
"""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "9", "False"], done.stderr


def test_fields_and_fingerprint(tmp_path):
    tensors = {name: features.Tensor(shape=(size,), dtype=np.float32) for name, size in (("flags", 2), ("vector", 3))}
    write(tmp_path, {"train": [one(flags=[0, 1], vector=[1, 2, 3])] * 2, "test": [one(flags=[0, 1], vector=[1, 2, 3])]}, **tensors)
    image, flags = create(tmp_path), create(tmp_path, label="flags", image="vector", kind="classes")
    assert image.fields == {"x": "image", "label": "class"} and flags.fields == {"x": "vector", "label": "classes"}
    assert create(tmp_path, label="flags").fields["label"] == "number"  # what was read before is not taken for another kind
    assert data.fingerprint(image) == data.fingerprint(create(tmp_path))
    assert (
        len({data.fingerprint(source) for source in (image, flags, create(tmp_path, split="test"), create(tmp_path, split="train[:1]"))})
        == 4
    )
