"""Names that a PyTorch pickle may hold: tensors and storages as plain records, and the table of the names admitted."""

import math
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from tljax.weights.formats.unpickle import Builder, Opaque, plain_key

_DTYPES: dict[str, Any] = {
    **{name: np.dtype(name) for name in ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8")},
    **{name: np.dtype(name) for name in ("uint64", "uint32", "uint16", "bool", "complex64", "complex128")},
    **{name: np.dtype(getattr(ml_dtypes, name)) for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2")},
    **{name: np.dtype(getattr(ml_dtypes, name)) for name in ("float8_e4m3fnuz", "float8_e5m2fnuz")},
}
_STORAGES = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
}


@dataclass(frozen=True)
class StorageType:
    """A storage class; `dtype` None holds bytes whose type the tensor states."""

    dtype: np.dtype | None


@dataclass(frozen=True, eq=False)
class Storage:
    """A run of `size` elements stored under `key`, of which a view begins at element `offset`."""

    key: str | int
    dtype: np.dtype | None
    size: int
    offset: int = 0

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize if self.dtype is not None else 1


@dataclass(frozen=True, eq=False)
class Tensor:
    """A strided view of a storage; `offset` and `stride` count elements of `dtype`."""

    storage: Storage
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def array(tensor: Tensor, raw: memoryview, limit: int) -> np.ndarray:
    """The tensor as a read-only NumPy view of its storage's bytes `raw`; no byte is copied.

    Raises:
      ValueError: the storage is smaller than declared; the tensor reaches outside it, or is larger than `limit` bytes (an expanded one).
    """
    storage, item = tensor.storage, tensor.dtype.itemsize
    if len(raw) != storage.size * storage.itemsize:
        raise ValueError(f"storage {ascii(storage.key)[:80]} has {len(raw):,} bytes, {storage.size * storage.itemsize:,} are declared")
    count = math.prod(tensor.shape)
    last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride, strict=True))
    if (count and (last + 1) * item > len(raw)) or count * item > limit:
        raise ValueError(f"a tensor of shape {tensor.shape} reaches outside its storage of {len(raw):,} bytes")
    if not count:
        return np.zeros(tensor.shape, tensor.dtype)
    view = np.ndarray(tensor.shape, tensor.dtype, raw, tensor.offset * item, tuple(s * item for s in tensor.stride))
    view.flags.writeable = False
    return view


def persistent(pid: Any, seen: dict[Any, Storage] | None = None) -> Storage:
    """The storage of a persistent id ``("storage", type, key, location, size[, (view key, offset, size) or None])``; `seen` collects them.

    Raises:
      ValueError: another kind of id, or one key with two sizes or types.
    """
    if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage" or not isinstance(pid[1], StorageType):
        raise ValueError("refused: a persistent id that is no storage")
    key, size = pid[2], pid[4]
    if not isinstance(key, str | int) or not _counts((size,)):
        raise ValueError("a storage with a broken key or size")
    storage = Storage(plain_key(key), pid[1].dtype, size)
    if seen is not None:
        first = seen.setdefault(key, storage)
        if (first.dtype, first.size) != (storage.dtype, storage.size):
            raise ValueError(f"storage {ascii(key)[:80]} is declared twice, differently")
    if len(pid) == 5 or pid[5] is None:
        return storage
    view = pid[5]
    if not isinstance(view, tuple) or len(view) != 3 or not _counts(view[1:]) or view[1] + view[2] > size:
        raise ValueError(f"a broken view of storage {ascii(key)[:80]}")
    return Storage(key, storage.dtype, size, view[1])


def _counts(values: Any) -> bool:
    return all(type(v) is int and 0 <= v < 2**60 for v in values)


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, dtype: Any) -> Tensor:
    if not isinstance(storage, Storage) or not isinstance(shape, tuple) or not isinstance(stride, tuple):
        raise ValueError("a tensor is rebuilt from something that is no storage, shape and stride")
    if len(shape) > 32 or len(shape) != len(stride) or not _counts((offset, *shape, *stride)):
        raise ValueError("a tensor with a broken shape, stride or offset")
    dtype = storage.dtype if dtype is None else dtype
    if not isinstance(dtype, np.dtype):
        raise ValueError("a tensor without a known dtype")
    return Tensor(storage, dtype, storage.offset + offset, shape, stride)


def _strided(*counts: int) -> Any:
    def build(args: tuple[Any, ...]) -> Tensor:
        if len(args) not in counts:
            raise ValueError("a tensor is rebuilt from the wrong number of arguments")
        storage, offset, shape, stride = args[:4]
        return _tensor(storage, offset, shape, stride, None)

    return build


def _with_dtype(args: tuple[Any, ...]) -> Tensor:
    if len(args) not in (7, 8):
        raise ValueError("a tensor is rebuilt from the wrong number of arguments")
    storage, offset, shape, stride = args[:4]
    return _tensor(storage, offset, shape, stride, args[6])


def _parameter(args: tuple[Any, ...]) -> Tensor:
    if not args or not isinstance(args[0], Tensor):
        raise ValueError("a parameter is rebuilt from something that is no tensor")
    return args[0]


def _subclass(args: tuple[Any, ...]) -> Tensor:
    if len(args) != 4 or not isinstance(args[0], Builder) or not isinstance(args[2], tuple) or args[0].name == "from_type":
        raise ValueError("refused: a tensor with attributes is rebuilt by something that rebuilds no tensor")
    return _parameter((args[0].build(args[2]),))


def _dict(args: tuple[Any, ...]) -> dict[Any, Any]:
    if not args or not isinstance(args[0], dict | list):  # a defaultdict's factory is dropped
        return {}
    if isinstance(args[0], dict):
        return args[0]
    # The list of pairs is emptied: a list given again and again would otherwise cost its length each time.
    pairs, result = list(args[0]), {}
    args[0].clear()
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ValueError("a pickled dictionary is built from something that is no list of pairs")
        result[plain_key(pair[0])] = pair[1]
    return result


def _same(args: tuple[Any, ...]) -> Any:
    if not args:
        return ()
    if len(args) != 1 or not isinstance(args[0], tuple | list):
        raise ValueError("a pickled container is built from something that is no sequence")
    return args[0]


def _builders() -> dict[str, Builder]:
    opaque = ["torch.device", "_codecs.encode", "builtins.bytearray", "__builtin__.bytearray", "torch.serialization._get_layout"]
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        opaque += [f"{module}.scalar", f"{module}._reconstruct"]
    builds: dict[str, Any] = {
        "torch._utils._rebuild_tensor": _strided(4),
        "torch._utils._rebuild_tensor_v2": _strided(6, 7),
        "torch._utils._rebuild_tensor_v3": _with_dtype,
        "torch._utils._rebuild_parameter": _parameter,
        "torch._utils._rebuild_parameter_with_state": _parameter,
        "torch.Size": _same,
        **{f"{m}.{n}": _same for m in ("builtins", "__builtin__") for n in ("set", "frozenset", "list", "tuple")},
        **{f"{m}.dict": _dict for m in ("builtins", "__builtin__")},
        **{f"collections.{n}": _dict for n in ("OrderedDict", "defaultdict", "Counter")},
        **{name: lambda args: Opaque() for name in [*opaque, "numpy.dtype"]},
    }
    builders = {name: Builder(name, build) for name, build in builds.items()}
    return builders | {"torch._tensor._rebuild_from_type_v2": Builder("from_type", _subclass)}


ADMITTED: dict[str, Any] = {
    **_builders(),
    **{f"torch.{name}": dtype for name, dtype in _DTYPES.items()},
    **{f"{m}.{n}Storage": StorageType(_DTYPES[d]) for n, d in _STORAGES.items() for m in ("torch", "torch.cuda")},
    **{name: StorageType(None) for name in ("torch.UntypedStorage", "torch.storage.UntypedStorage")},
    **{name: Opaque() for name in ("torch.Tensor", "torch.nn.parameter.Parameter", "numpy.ndarray")},
}
"""``"module.name"`` -> what stands for it. Nothing outside this table can be reached, and nothing in it but builders can be called."""
