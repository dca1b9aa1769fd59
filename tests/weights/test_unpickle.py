"""Nothing in a pickle is executed: names outside the table are refused by name, and hostile sizes end quickly."""

import os
import pickle
import struct
import subprocess

import numpy as np
import pytest

from tests.weights.files import Id, Name, dumps, legacy, tensor, zipped
from tljax.weights import read
from tljax.weights.formats import unpickle

RAW = struct.pack("<q4f", 4, 1, 2, 3, 4)
FORMATS = {
    "zip": lambda pickled: zipped(pickled, {"0": RAW[8:]}),
    "legacy": lambda pickled: legacy(pickled, ["0"], RAW),
    "legacy, no storage": legacy,
}


class Runs:
    """Its pickle calls `function(*args)`."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def payloads(marker: str) -> dict[str, tuple[bytes, str]]:
    """Name -> (pickle that makes the file `marker` when Python loads it, the name that must be in the refusal)."""
    command = f"touch {marker}"
    text = command.encode()
    system = f"{os.system.__module__}.system"
    module = os.system.__module__.encode()
    state = {"state_dict": {"w": Runs(os.system, command)}, "epoch": 1}
    python = f"open({marker!r}, 'w').close()"
    return {
        "reduce": (pickle.dumps(Runs(os.system, command), 2), system),
        "reduce, protocol 0": (pickle.dumps(Runs(os.system, command), 0), system),
        "reduce, stack global": (pickle.dumps(Runs(os.system, command), 4), system),
        "subprocess": (pickle.dumps(Runs(subprocess.call, command.split()), 2, fix_imports=False), "subprocess.call"),
        "eval": (pickle.dumps(Runs(eval, python), 2), "__builtin__.eval"),
        "exec": (pickle.dumps(Runs(exec, python), 4), "builtins.exec"),
        "in a state dict": (pickle.dumps(state, 2), system),
        "as a key": (b"}(" + b"c" + module + b"\nsystem\nX" + struct.pack("<I", len(text)) + text + b"\x85RK\x01u.", system),
        "inst": (b"(S'" + text + b"'\ni" + module + b"\nsystem\n.", system),
        "obj": (b"(c" + module + b"\nsystem\nS'" + text + b"'\no.", system),
        "newobj": (b"csubprocess\nPopen\nS'" + text + b"'\n\x85\x81.", "subprocess.Popen"),
        "in a dropped value": (b"c" + module + b"\nsystem\nS'" + text + b"'\n\x85R0}.", system),
        "in a storage's id": (b"(X\x07\x00\x00\x00storagec" + module + b"\nsystem\nS'" + text + b"'\n\x85RtQ.", system),
    }


@pytest.mark.parametrize("wrap", FORMATS)
@pytest.mark.parametrize("kind", payloads("x"))
def test_refused_by_name_and_not_run(kind, wrap, tmp_path):
    marker, file = tmp_path / "ran", tmp_path / "weights.pth"
    pickled, name = payloads(str(marker))[kind]
    file.write_bytes(FORMATS[wrap](pickled))
    with pytest.raises(ValueError, match=f"weights.pth: refused: .*{name}") as error:
        read(file)
    assert not marker.exists()
    assert "\n" not in str(error.value)


LIVE = ["reduce", "reduce, protocol 0", "subprocess", "eval", "exec", "in a state dict", "inst", "obj", "in a dropped value"]


@pytest.mark.parametrize("kind", LIVE)
def test_the_payloads_are_live(kind, tmp_path):
    """The test above would prove nothing with payloads that do nothing."""
    marker = tmp_path / "ran"
    pickle.loads(payloads(str(marker))[kind][0])
    assert marker.exists()


def test_setstate_is_never_called_and_no_attribute_set(tmp_path):
    """BUILD on an admitted callable would set attributes on our own table; on a container its state is dropped."""
    file = tmp_path / "weights.pth"
    for target in (b"ccollections\nOrderedDict\n", b"ctorch\nFloatStorage\n", b"]", b"K\x01", b"X\x01\x00\x00\x00a"):
        file.write_bytes(legacy(b"\x80\x02" + target + b"}X\x05\x00\x00\x00buildK\x01sb."))
        with pytest.raises(ValueError, match=r"refused|no state dict"):
            read(file)
    file.write_bytes(legacy(dumps({"w": tensor()})[:-1] + b"}X\x0c\x00\x00\x00__setstate__K\x01sb.", ["0"], RAW))
    np.testing.assert_array_equal(read(file)["w"], [1, 2, 3, 4])


@pytest.mark.parametrize(
    "name",
    [
        "builtins.getattr",
        "builtins.__import__",
        "importlib.import_module",
        "functools.partial",
        "operator.attrgetter",
        "copy_reg._reconstructor",
        "types.FunctionType",
        "numpy.load",
        "numpy.core.multiarray.fromfile",
        "torch.load",
        "torch.hub.load",
        "torch._utils.os.system",
        "torch.serialization.os",
        "runpy.run_path",
        "collections.namedtuple",
        "__main__.Net",
        "torch.nn.modules.linear.Linear",
        "tljax.weights.read.read",
        "torch.float32.newbyteorder",
        "torch.FloatStorage.dtype",
    ],
)
def test_names_outside_the_table_are_refused_by_name(name, tmp_path):
    file = tmp_path / "weights.pth"
    module, last = name.rsplit(".", 1)
    by_stack = b"\x80\x04" + b"".join(b"\x8c" + bytes([len(t)]) + t.encode() for t in (module, last)) + b"\x93."
    for pickled in (dumps(Name(name)), by_stack):
        file.write_bytes(legacy(pickled))
        with pytest.raises(ValueError, match=f"refused: the pickle asks for {name},"):
            read(file)


@pytest.mark.parametrize("value", ["torch.float32", "torch.FloatStorage", "torch.Tensor", "torch.nn.parameter.Parameter", "numpy.ndarray"])
def test_admitted_values_cannot_be_called(value, tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(legacy(dumps(Name(value)("x"))))
    with pytest.raises(ValueError, match="refused: the pickle calls something"):
        read(file)


def test_a_builder_cannot_reach_a_callable_through_another(tmp_path):
    file = tmp_path / "weights.pth"
    again = Name("torch._tensor._rebuild_from_type_v2")
    for function in ("text", again, Name("torch.FloatStorage"), Name("torch.Size")):
        file.write_bytes(legacy(dumps({"w": again(function, Name("torch.Tensor"), ((1,),), None)})))
        with pytest.raises(ValueError, match="rebuil"):
            read(file)


HOSTILE = {
    "giant memo index": b"\x80\x02}r\xff\xff\xff\xff.",
    "giant string": b"\x80\x02X\xff\xff\xff\xffabc.",
    "giant bytes": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "giant bytearray": b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "giant integer": b"\x80\x02\x8b\xff\xff\xff\x7fabc.",
    "giant decimal": b"L" + b"9" * 100_000 + b"L\n.",
    "negative length": b"\x80\x02\x8b\xff\xff\xff\xffabc.",
    "deep lists": b"\x80\x02" + b"]" * 20_000 + b"a" * 19_999 + b".",
    "marks": b"(" * 30_000 + b".",
    "empty stack": b"\x80\x02RRR.",
    "no stop": b"\x80\x02}",
    "deep tuple as key": b"\x80\x02}K\x01" + b"\x85" * 1000 + b"K\x01s.",
    "doubling tuple as key": b"\x80\x02}K\x01" + b"2\x86" * 64 + b"K\x01s.",
    "doubling list": b"\x80\x02" + b"]" + b"2\x86" * 5000 + b".",
    "list as key": b"\x80\x02}]K\x01s.",
    "list in itself": b"\x80\x02]2a.",
    "dict in itself": b"\x80\x02}q\x00X\x05\x00\x00\x00modelh\x00s.",
    "extension": b"\x80\x02\x82\x01.",
    "keyword arguments": b"\x80\x04ccollections\nOrderedDict\n)}X\x01\x00\x00\x00aK\x01s\x92.",
    "text as persistent id": b"P0\n.",
    "container as state": b"\x80\x02}ccollections\nOrderedDict\nb.",
    "broken text": b"\x80\x02X\x02\x00\x00\x00\xff\xfe.",
    "odd dictionary": b"(K\x01d.",
    "surrogate name": b"\x80\x02}X\x03\x00\x00\x00\xed\xa0\x80K\x01s.",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("wrap", FORMATS)
def test_hostile_pickles_are_an_error_that_names_the_file(kind, wrap, tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(FORMATS[wrap](HOSTILE[kind]))
    with pytest.raises(ValueError, match=r"weights.pth: ") as error:
        read(file)
    assert len(str(error.value)) < 1000


def test_a_list_of_pairs_given_again_and_again_costs_its_length_once(monkeypatch):
    pairs = b"](" + b"".join(b"K" + bytes([i]) + b"K\x01\x86" for i in range(100)) + b"eq\x00"
    calls = b"ccollections\nOrderedDict\nh\x00\x85R0" * 50
    seen = []
    monkeypatch.setattr("tljax.weights.formats.torch_tensors.plain_key", lambda key: seen.append(key) or key)
    from tljax.weights.formats.torch_tensors import ADMITTED

    unpickle.load(b"\x80\x02" + pairs + calls + b".", 0, ADMITTED, lambda pid: pid)
    assert len(seen) == 100


def test_too_many_steps_are_refused(monkeypatch):
    monkeypatch.setattr(unpickle, "MAX_STEPS", 100)
    with pytest.raises(ValueError, match="more than 100 steps"):
        unpickle.load(b"N0" * 200 + b"N.", 0, {}, lambda pid: pid)


BROKEN_TENSORS = {
    "outside the storage": tensor(shape=(5,)),
    "offset outside": tensor(offset=1),
    "stride outside": tensor(shape=(2, 2), stride=(3, 1)),
    "negative stride": tensor(offset=3, stride=(-1,)),
    "negative shape": tensor(shape=(-4,)),
    "negative offset": tensor(offset=-1),
    "expanded beyond the file": tensor(shape=(10**12,), stride=(0,)),
    "overflowing": tensor(shape=(2**62, 4), stride=(0, 1)),
    "product overflows to zero": tensor(shape=(2**32, 2**32), stride=(0, 0)),
    "shape and stride differ": tensor(shape=(2, 2), stride=(1,)),
    "shape of text": tensor(shape=("4",)),
    "truth as extent": tensor(shape=(True,)),
    "too many axes": tensor(shape=(1,) * 100, stride=(1,) * 100),
    "declared larger": tensor(size=10**15, shape=(4,)),
    "declared smaller": tensor(size=2, shape=(2,)),
    "another type": tensor(storage="torch.DoubleStorage"),
    "bytes without a type": tensor(storage="torch.UntypedStorage", size=16),
    "key with a path": tensor(key="../../etc/passwd"),
    "another key": tensor(key="1"),
    "no arguments": Name("torch._utils._rebuild_tensor_v2", ()),
    "no storage": Name("torch._utils._rebuild_tensor", (1, 0, (4,), (1,))),
    "parameter of text": Name("torch._utils._rebuild_parameter", ("x", True, {})),
    "id of another kind": Name("torch._utils._rebuild_tensor", (Id(("module", 1, 2, 3, 4)), 0, (4,), (1,))),
}


@pytest.mark.parametrize("kind", BROKEN_TENSORS)
@pytest.mark.parametrize("wrap", ["zip", "legacy"])
def test_tensors_that_do_not_fit_their_storage_are_refused(kind, wrap, tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(FORMATS[wrap](dumps({"w": BROKEN_TENSORS[kind]})))
    with pytest.raises(ValueError, match=r"weights.pth: "):
        read(file)


@pytest.mark.parametrize("wrap", ["zip", "legacy"])
def test_strides_and_shared_storages_are_honoured(wrap, tmp_path):
    file = tmp_path / "weights.pth"
    state = {
        "a": tensor(shape=(2, 2), stride=(1, 2)),
        "b": tensor(offset=1, shape=(2,), stride=(2,)),
        "c": tensor(shape=(2, 2), stride=(0, 1)),
    }
    file.write_bytes(FORMATS[wrap](dumps(state)))
    arrays = read(file)
    np.testing.assert_array_equal(arrays["a"], [[1, 3], [2, 4]])
    np.testing.assert_array_equal(arrays["b"], [2, 4])
    np.testing.assert_array_equal(arrays["c"], [[1, 2], [1, 2]])
    assert np.shares_memory(arrays["a"], arrays["b"])
    with pytest.raises(ValueError, match="read-only"):
        arrays["a"][0, 0] = 5


def test_views_of_a_legacy_storage(tmp_path):
    file = tmp_path / "weights.pth"
    pid = Id(("storage", Name("torch.FloatStorage"), "0", "cuda:3", 4, ("7", 1, 2)))
    ordered = Name("collections.OrderedDict", ([["w", Name("torch._utils._rebuild_tensor", (pid, 1, (1,), (1,)))]],))
    file.write_bytes(legacy(dumps(ordered), ["0"], RAW))
    np.testing.assert_array_equal(read(file)["w"], [3])
