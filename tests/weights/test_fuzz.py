"""1,000 random truncations and bit flips of a weight file: an error, or a load that differs in values only; never anything else.

What exactly is tested. `read` of a truncated file raises ValueError. `read` of a file with one bit flipped raises ValueError, or gives the
same names, shapes and dtypes (only values differ), or gives something else that the strict `load` then refuses with ValueError (a flip
may spell another name). With a hash recorded every one of them is refused.
"""

from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.numpy

from tljax import models, weights

GOLDEN = Path(__file__).parent.parent / "parity"
CASES = 500


def files() -> dict[str, bytes]:
    torch = {kind: (GOLDEN / f"mlp_{kind}").read_bytes() for kind in ("zip.pt", "legacy.pth", "protocol4.bin")}
    arrays = {name: np.array(a) for name, a in weights.read(GOLDEN / "mlp_zip.pt").items()}
    import io

    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return torch | {"safetensors": safetensors.numpy.save(arrays), "npz": stream.getvalue()}


@pytest.fixture(scope="module")
def model():
    return models.create("mlp(widths=(4,))", num_classes=2, in_channels=3, input_size=())


def kinds(arrays) -> dict[str, tuple]:
    return {name: (a.shape, a.dtype) for name, a in arrays.items()}


def test_the_undamaged_files_load(model, tmp_path):
    trees = []
    for kind, data in files().items():
        (tmp_path / kind).write_bytes(data)
        trees.append(weights.load(tmp_path / kind, model)[0])
    for tree in trees[1:]:
        jax.tree.map(np.testing.assert_array_equal, trees[0], tree)


@pytest.mark.parametrize("kind", files())
def test_truncations(kind, tmp_path):
    data, file = files()[kind], tmp_path / "weights"
    lengths = np.random.default_rng(0).integers(0, len(data), CASES)
    for length in {*lengths.tolist(), 0, 1, 2, 8, 9, len(data) - 1}:
        file.write_bytes(data[:length])
        with pytest.raises(ValueError, match="weights: "):
            weights.read(file)


@pytest.mark.parametrize("kind", files())
def test_bit_flips(kind, model, tmp_path):
    data, file, seen = files()[kind], tmp_path / "weights", {"error": 0, "values": 0, "refused by load": 0}
    file.write_bytes(data)
    good, digest = kinds(weights.read(file)), weights.sha256(file)
    for bit in np.random.default_rng(1).integers(0, 8 * len(data), CASES):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << (bit % 8)
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match="weights: its sha256 is"):
            weights.read(file, sha256=digest)
        try:
            arrays = weights.read(file)
        except ValueError as e:
            assert str(e).startswith(f"{file}: ")
            seen["error"] += 1
            continue
        if kinds(arrays) == good:
            seen["values"] += 1
            continue
        seen["refused by load"] += 1
        with pytest.raises(ValueError, match=r"weights: does not fit the model|weights: none of its"):
            weights.load(file, model, head="load")
    assert seen["error"] and seen["values"]


def test_arbitrary_bytes_after_a_format_s_beginning(tmp_path):
    file, r = tmp_path / "weights", np.random.default_rng(2)
    for start in (b"PK\x03\x04", b"\x80\x02", b"\x80\x02}(", b"\x10\x00\x00\x00\x00\x00\x00\x00{", b"{", files()["legacy.pth"][:60]):
        for _ in range(40):
            file.write_bytes(start + r.bytes(int(r.integers(0, 200))))
            with pytest.raises(ValueError, match="weights: "):
                weights.read(file)
