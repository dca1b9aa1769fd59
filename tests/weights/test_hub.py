"""Paths of the hub, with a stand-in for huggingface_hub: nothing is downloaded."""

import fnmatch
import json
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from tests.weights.foreign import drawn
from tljax import models, weights
from tljax.weights import hub

CONFIG = {"model_type": "resnet", "id2label": {"0": "cat", "1": "dog", "2": "cow"}}


@pytest.fixture
def remote(tmp_path, monkeypatch):
    """A repository as a folder; what was asked of it stands in `asked`."""
    files, asked = tmp_path / "repository", []
    files.mkdir()

    def snapshot_download(repo_id, revision=None, allow_patterns=()):
        asked.append((repo_id, revision))
        if repo_id != "owner/name":
            raise ConnectionError("no route\nto host")
        cache = tmp_path / "cache"
        cache.mkdir(exist_ok=True)
        for file in (f for f in files.rglob("*") if f.is_file()):
            name = str(file.relative_to(files))
            if any(fnmatch.fnmatch(name, pattern) for pattern in allow_patterns):
                (cache / name).parent.mkdir(exist_ok=True)
                shutil.copy(file, cache / name)
        return str(cache)

    monkeypatch.setitem(sys.modules, "huggingface_hub", types.SimpleNamespace(snapshot_download=snapshot_download))
    hub.fetch.cache_clear()
    yield types.SimpleNamespace(files=files, asked=asked, cache=tmp_path / "cache")
    hub.fetch.cache_clear()


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    return drawn("resnet", models.create("resnet18(width=4)", 3))


def test_the_wanted_files_alone_are_fetched_and_opened(remote, arrays):
    data = safetensors.numpy.save(arrays)
    for name in ("model.safetensors", "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "onnx/model.onnx", "README.md"):
        (remote.files / name).parent.mkdir(exist_ok=True)
        (remote.files / name).write_bytes(data)
    (remote.files / "config.json").write_text(json.dumps(CONFIG))
    (remote.files / "vocab.txt").write_text("[PAD]")
    opened = weights.open("hf://owner/name@v1.0")
    assert opened.config.labels == ("cat", "dog", "cow") and opened.report.file == "hf://owner/name@v1.0"
    assert sorted(f.name for f in remote.cache.iterdir()) == ["config.json", "model.safetensors", "vocab.txt"]
    assert weights.sha256("hf://owner/name@v1.0") == opened.config.sha256
    assert remote.asked == [("owner/name", "v1.0")]  # once in a process
    variables, _ = weights.load(Path("hf://owner/name@v1.0"), opened.model)  # a Path drops one of the slashes
    np.testing.assert_array_equal(variables["params"]["head"]["bias"], opened.variables["params"]["head"]["bias"])


def test_torch_files_where_there_is_no_safetensors_shards_and_a_named_file(remote, arrays, tmp_path):
    np.savez(tmp_path / "x.npz", **arrays)
    shutil.copy(tmp_path / "x.npz", remote.files / "pytorch_model.bin")
    assert weights.open("hf://owner/name").config.num_classes == 3
    (remote.files / "sub").mkdir()
    shutil.copy(tmp_path / "x.npz", remote.files / "sub" / "other.npz")
    assert hub.fetch("hf://owner/name/sub/other.npz").name == "other.npz"
    (remote.files / "pytorch_model.bin").unlink()
    shutil.rmtree(remote.cache)
    hub.fetch.cache_clear()
    names = list(arrays)
    parts = {f"model-0000{i + 1}-of-00002.safetensors": names[i::2] for i in range(2)}
    for file, held in parts.items():
        (remote.files / file).write_bytes(safetensors.numpy.save({name: np.ascontiguousarray(arrays[name]) for name in held}))
    index = {"weight_map": {name: file for file, held in parts.items() for name in held}}
    (remote.files / "model.safetensors.index.json").write_text(json.dumps(index))
    assert len(weights.read("hf://owner/name")) == len(arrays)


def test_what_can_go_wrong_is_one_line(remote, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"hf://owner/name: the repository has none of model.safetensors, .*hf://owner/name/FILE"):
        weights.open("hf://owner/name")
    with pytest.raises(FileNotFoundError, match=r"hf://owner/name/x.npz: the repository has no x.npz"):
        weights.open("hf://owner/name/x.npz")
    with pytest.raises(
        ValueError, match=r"hf://other/name: could not be downloaded and is not in the cache \(ConnectionError: no route to host\)"
    ):
        weights.open("hf://other/name")
    for path in ("hf://name", "hf://owner/name@", "hf:owner name/x", "hf://"):
        with pytest.raises(ValueError, match=r"not of the form hf://OWNER/NAME"):
            weights.open(path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    hub.fetch.cache_clear()
    with pytest.raises(ValueError, match=r"hf://owner/name: fetching it needs the package huggingface_hub \(pip install huggingface_hub\)"):
        weights.open("hf://owner/name")


def test_in_a_folder_the_published_names_are_preferred(arrays, tmp_path):
    for name in ("model.safetensors", "optimizer.pt", "training_args.bin", "tf_model.h5"):
        (tmp_path / name).write_bytes(safetensors.numpy.save({"other": np.zeros(1, np.float32)}))
    (tmp_path / "pytorch_model.bin").write_bytes(safetensors.numpy.save(arrays))
    assert list(weights.read(tmp_path)) == ["other"]
    (tmp_path / "model.safetensors").unlink()
    assert len(weights.read(tmp_path)) == len(arrays)
    (tmp_path / "pytorch_model.bin").unlink()
    with pytest.raises(ValueError, match=r"several weight files, name one of them: optimizer.pt, tf_model.h5, training_args.bin"):
        weights.read(tmp_path)
