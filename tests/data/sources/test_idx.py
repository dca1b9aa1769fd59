import gzip
import struct

import numpy as np
import pytest

from tljax import data
from tljax.data.sources.idx import read_idx

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


def packed(array: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, CODES[array.dtype.name], array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_every_type_comes_back(tmp_path, dtype, compress):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    (tmp_path / "f").write_bytes(compress(packed(array)))
    back = read_idx(tmp_path / "f")
    assert np.array_equal(back, array) and back.dtype == np.dtype(dtype) and back.flags.writeable


def test_a_pair_is_a_source(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5), np.uint8)
    (tmp_path / "i").write_bytes(packed(images))
    (tmp_path / "l.gz").write_bytes(gzip.compress(packed(np.array([2, 0, 1], np.uint8))))
    source = data.create(f"idx({str(tmp_path / 'i')!r}, {str(tmp_path / 'l.gz')!r})")
    assert len(source) == 3 and source.labels.tolist() == [2, 0, 1]
    assert np.array_equal(source[1]["x"], images[1][..., None]) and source[1]["x"].dtype == np.uint8


def test_any_truncation_is_an_error_that_names_the_file(tmp_path):
    path = tmp_path / "f.idx"
    whole = packed(np.arange(6, dtype=np.uint8).reshape(2, 3))
    zipped = gzip.compress(whole)
    for damaged in [*(whole[:n] for n in range(len(whole))), *(zipped[:n] for n in range(len(zipped))), whole + b"0", b"PK" + whole]:
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"f\.idx"):
            read_idx(path)


def test_dimensions_beyond_the_file_take_no_memory(tmp_path):
    (tmp_path / "f.idx").write_bytes(struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1) + b"123")
    with pytest.raises(ValueError, match="truncated"):
        read_idx(tmp_path / "f.idx")


def test_labels_of_another_length_and_missing_files(tmp_path):
    (tmp_path / "i").write_bytes(packed(np.zeros((3, 4, 5), np.uint8)))
    (tmp_path / "l").write_bytes(packed(np.zeros(2, np.uint8)))
    with pytest.raises(ValueError, match=r"\[3, 4, 5\] and label \[2\]"):
        data.create(f"idx({str(tmp_path / 'i')!r}, {str(tmp_path / 'l')!r})")
    with pytest.raises(FileNotFoundError, match="absent"):
        data.create(f"idx({str(tmp_path / 'absent')!r}, {str(tmp_path / 'l')!r})")


def test_images_without_labels(tmp_path):
    (tmp_path / "i").write_bytes(packed(np.zeros((3, 4, 5), np.uint8)))
    source = data.create(f"idx({str(tmp_path / 'i')!r})")
    assert source.fields == {"x": "image"} and set(source[2]) == {"x"} and source.labels is None
