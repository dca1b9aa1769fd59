"""Every format gives the same names and values, recognized by content; whatever is no weight file is one clear error."""

import hashlib
import json
import os
import struct
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from tests.weights.files import MAGIC, dumps, legacy, zipped
from tljax import weights

GOLDEN = Path(__file__).parent.parent / "parity"
TORCH_FILES = sorted(f.name for f in GOLDEN.iterdir() if f.suffix in (".pt", ".pth", ".bin"))
ARRAYS = {
    "größe/名前": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a.half": np.ones((2, 1), np.float16),
    "b.long": np.array([-(2**40)]),
    "c.scalar": np.array(1.5),
    "d.empty": np.zeros((0, 3), np.float32),
}
BF16 = {"w": np.array([[1.5, -2.0]], ml_dtypes.bfloat16)}


@pytest.mark.parametrize("name", TORCH_FILES)
def test_torch_files_as_torch_wrote_them(name):
    with np.load(GOLDEN / "expected.npz") as file:
        expected = {key.split("|")[1]: file[key] for key in file if key.startswith(name.split("_")[0] + "|")}
    arrays = weights.read(GOLDEN / name)
    assert list(arrays) == list(expected)
    for key, want in expected.items():
        assert arrays[key].dtype == (ml_dtypes.bfloat16 if key == "bfloat" else want.dtype)
        np.testing.assert_array_equal(arrays[key].astype(want.dtype), want)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".anything"])
@pytest.mark.parametrize("save", [safetensors.numpy.save, "npz", "npz compressed"])
def test_round_trip_whatever_the_suffix(save, suffix, tmp_path):
    file = tmp_path / f"x{suffix}"
    with open(file, "wb") as stream:
        if callable(save):
            stream.write(save(ARRAYS))
        else:
            (np.savez_compressed if "compressed" in save else np.savez)(stream, **ARRAYS)
    arrays = weights.read(file)
    assert arrays.keys() == ARRAYS.keys()
    for name, want in ARRAYS.items():
        assert arrays[name].dtype == want.dtype
        np.testing.assert_array_equal(arrays[name], want, strict=True)


@pytest.mark.parametrize("length", [0x80, int.from_bytes(b"PK", "little")])
def test_a_safetensors_header_whose_length_looks_like_another_format(length, tmp_path):
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(length)
    (tmp_path / "x").write_bytes(struct.pack("<Q", length) + header + np.float32(2.5).tobytes())
    assert weights.read(tmp_path / "x")["w"].tolist() == [2.5]


def test_bfloat16_in_safetensors(tmp_path):
    (tmp_path / "x").write_bytes(safetensors.numpy.save(BF16))
    got = weights.read(tmp_path / "x")["w"]
    assert got.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(got, BF16["w"])


def test_npz_in_column_order_and_in_big_endian(tmp_path):
    want = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.savez(tmp_path / "x.npz", f=np.asfortranarray(want), big=want.astype(">f4"))
    arrays = weights.read(tmp_path / "x.npz")
    np.testing.assert_array_equal(arrays["f"], want)
    np.testing.assert_array_equal(arrays["big"], want)
    assert arrays["big"].dtype == np.dtype("float32")


def sharded(folder: Path) -> Path:
    parts = {"model-1.safetensors": ["a.half", "b.long"], "model-2.safetensors": ["größe/名前", "c.scalar", "d.empty"]}
    for file, names in parts.items():
        safetensors.numpy.save_file({n: ARRAYS[n] for n in names}, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": {n: f for f, names in parts.items() for n in names}}))
    return index


def test_sharded_by_index_and_by_folder(tmp_path):
    index = sharded(tmp_path)
    for path in (index, tmp_path):
        arrays = weights.read(path)
        assert arrays.keys() == ARRAYS.keys()
        np.testing.assert_array_equal(arrays["größe/名前"], ARRAYS["größe/名前"])
    lines = "".join(
        f"{hashlib.sha256((tmp_path / f).read_bytes()).hexdigest()}  {f}\n"
        for f in ("model.safetensors.index.json", "model-1.safetensors", "model-2.safetensors")
    )
    assert weights.sha256(tmp_path) == hashlib.sha256(lines.encode()).hexdigest()


def test_broken_shards(tmp_path):
    index = sharded(tmp_path)
    good = index.read_text()
    index.write_text(good.replace('"a.half"', '"a.other"'))
    with pytest.raises(ValueError, match=r"model-1.safetensors: its tensors are not those .* lists: 'a.half', 'a.other'"):
        weights.read(index)
    index.write_text(good.replace("model-1.safetensors", "../model-1.safetensors"))
    with pytest.raises(ValueError, match=r"index.json: the index puts .* which is no file name"):
        weights.read(index)
    index.write_text(good)
    before = weights.sha256(index)
    (tmp_path / "model-2.safetensors").write_bytes((tmp_path / "model-2.safetensors").read_bytes()[:-1] + b"\x01")
    assert weights.sha256(index) != before
    (tmp_path / "model-2.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"the shard model-2.safetensors"):
        weights.read(index)


def test_a_folder_with_one_weight_file_or_a_clear_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no weight file in this folder"):
        weights.read(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere: no such weight file"):
        weights.read(tmp_path / "nowhere")
    (tmp_path / "pytorch_model.bin").write_bytes((GOLDEN / "mlp_legacy.pth").read_bytes())
    (tmp_path / "vocab.txt").write_text("x")
    assert len(weights.read(tmp_path)) == 4
    (tmp_path / "other.npz").write_bytes(b"x")
    assert len(weights.read(tmp_path)) == 4  # the name that Hugging Face gives to the one meant
    (tmp_path / "pytorch_model.bin").rename(tmp_path / "mine.bin")
    with pytest.raises(ValueError, match=r"several weight files, name one of them: mine.bin, other.npz"):
        weights.read(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(safetensors.numpy.save(ARRAYS))
    assert weights.read(tmp_path).keys() == ARRAYS.keys()


def test_the_hash_is_checked_and_both_are_named(tmp_path):
    file = GOLDEN / "mlp_zip.pt"
    good = hashlib.sha256(file.read_bytes()).hexdigest()
    assert weights.sha256(file) == good
    assert weights.read(file, sha256=good).keys() == weights.read(file, good.upper()).keys()
    with pytest.raises(ValueError, match=f"mlp_zip.pt: its sha256 is {good}, but {'0' * 64} was recorded"):
        weights.read(file, sha256="0" * 64)


def npz_entry(header: str, content: bytes = b"", size: int | None = None) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) if size is None else size) + text + content


def npz(entry: bytes) -> bytes:
    import io

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("w.npy", entry)
    return stream.getvalue()


def header_only(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header


BAD = {
    "empty": (b"", "the file is empty"),
    "text": (b"hello, weights", "not a weight file of a known format .*it begins with b'hello, w'"),
    "web page": (b"<!DOCTYPE html><html>", "a web page"),
    "git lfs": (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(40), "damaged or cut short"),
    "json": (b'{"a": 1}   ', "no index of shards"),
    "deep json": (b"[" * 9 + b'{"weight_map":' + b"[" * 100_000, "not a weight file|damaged"),
    "deep index": (b'{"weight_map":' + b"[" * 100_000, "damaged"),
    "zip of nothing": (b"PK\x05\x06" + bytes(18), "neither npz nor PyTorch"),
    "zip without its end": (zipped(dumps({}))[:-30], "damaged or cut short"),
    "zip of text": (zipped(b"", {"x": b"hello"}).replace(b"data.pkl", b"data.txt"), "neither npz nor PyTorch"),
    "another magic number": (legacy(dumps({})).replace(MAGIC.to_bytes(10, "little"), bytes(10)), "magic number is missing"),
    "no tensor": (legacy(dumps({"epoch": 1})), "no state dict with tensors in it: it holds a dictionary with 'epoch'"),
    "list": (zipped(dumps([1, 2])), "no state dict with tensors in it: it holds list"),
    "big endian": (zipped(dumps({}), byteorder=b"big"), "not in little-endian"),
    "safetensors of giant header": (struct.pack("<Q", 2**62) + b'{"w":', "damaged"),
    "safetensors of nothing": (header_only(b"{}"), "holds no tensor"),
    "safetensors of giant tensor": (
        header_only(b'{"w":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,4611686018427387904]}}'),
        "damaged",
    ),
    "safetensors cut short": (safetensors.numpy.save(ARRAYS)[:-1], "damaged or cut short"),
    "npz of giant array": (
        npz(npz_entry("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}")),
        "does not fit its 0 bytes",
    ),
    "npz of negative shape": (npz(npz_entry("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -1)}", b"abcd")), "does not fit"),
    "npz of objects": (
        npz(npz_entry("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"cos\nsystem\n.")),
        "refused: array 'w.npy'",
    ),
    "npz of records": (npz(npz_entry("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", bytes(4))), "refused: array"),
    "npz with code as header": (npz(npz_entry("__import__('os').system('false')", b"")), "the header of array .w.npy. is damaged"),
    "npz of text": (npz(b"hello"), "the header of array .w.npy. is damaged"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_weight_file_is_one_line_that_names_it(kind, tmp_path):
    content, message = BAD[kind]
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match=f"/x: .*({message})") as error:
        weights.read(tmp_path / "x")
    assert len(str(error.value)) < 600 and "\n" not in str(error.value)


def test_a_zip_that_declares_more_than_it_can_hold(tmp_path):
    np.savez_compressed(tmp_path / "x", w=np.zeros(1000, np.float32))
    data = bytearray((tmp_path / "x.npz").read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 2**31)
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ValueError, match="declares 2,147,483,648 bytes, more than it can hold"):
        weights.read(tmp_path / "x")


def test_a_name_twice_in_a_zip(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(tmp_path / "x", "w") as archive:
        for _ in range(2):
            archive.writestr("w.npy", b"x")
    with pytest.raises(ValueError, match="/x: the archive holds a name twice"):
        weights.read(tmp_path / "x")


@pytest.mark.skipif("TLJAX_DATA" not in os.environ, reason="TLJAX_DATA names no folder with the published weights")
@pytest.mark.parametrize(
    ("name", "count", "elements"),
    [
        ("cifar10_resnet20_akamaster.th", 97, 269_722 + 2 * 688),
        ("cifar10_resnet32_akamaster.th", 157, 464_154 + 2 * 1136),
        ("imagenet_mobilenetV1x0.25_pytorch.tar", 164, None),
        ("silero_vad_16k.safetensors", 15, None),
        ("albert_smiles_rxnmapper", 32, None),
    ],
)
def test_published_files(name, count, elements):
    arrays = weights.read(Path(os.environ["TLJAX_DATA"]) / "weights" / name)
    assert len(arrays) == count
    assert all(np.isfinite(a).all() for a in arrays.values())
    assert elements in (None, sum(a.size for a in arrays.values()))
