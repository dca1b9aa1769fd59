"""PyTorch files written by hand, so that tests can put anything into their pickles."""

import io
import pickle
import zipfile

MAGIC = 0x1950A86A20F9469CFC6C


def legacy(pickled: bytes, keys: object = (), raw: bytes = b"") -> bytes:
    """A file of the legacy format around the object pickle `pickled`."""
    return b"".join(pickle.dumps(v, 2) for v in (MAGIC, 1001, {"little_endian": True})) + pickled + pickle.dumps(list(keys), 2) + raw


def zipped(pickled: bytes, storages: dict[str, bytes] | None = None, **extra: bytes) -> bytes:
    """A file of the zip format around the object pickle `pickled`."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, content in (extra | {f"data/{k}": v for k, v in (storages or {}).items()}).items():
            archive.writestr(f"archive/{name}", content)
    return stream.getvalue()


class Name:
    """Pickles as the global `module.name`, whether that exists or not; call it for a REDUCE."""

    def __init__(self, name: str, args: tuple | None = None):
        self.name, self.args = name, args

    def __call__(self, *args):
        return Name(self.name, args)


class Id(tuple):
    """Pickles as a persistent id."""


class Pickler(pickle._Pickler):  # the one in Python: its `save` can be extended
    def persistent_id(self, obj):
        return tuple(obj) if isinstance(obj, Id) else None

    def save(self, obj, *args, **kwargs):
        if not isinstance(obj, Name):
            return super().save(obj, *args, **kwargs)
        self.write(b"c" + "\n".join(obj.name.rsplit(".", 1)).encode() + b"\n")
        if obj.args is not None:
            super().save(obj.args)
            self.write(pickle.REDUCE)


def dumps(value: object, protocol: int = 2) -> bytes:
    """`pickle.dumps` that knows `Name` and `Id`."""
    stream = io.BytesIO()
    Pickler(stream, protocol).dump(value)
    return stream.getvalue()


def tensor(
    key: str = "0", size: int = 4, offset: int = 0, shape: tuple = (4,), stride: tuple = (1,), storage: str = "torch.FloatStorage"
) -> Name:
    """A tensor as torch writes it; every part can be wrong."""
    pid = Id(("storage", Name(storage), key, "cpu", size, None))
    return Name("torch._utils._rebuild_tensor_v2", (pid, offset, shape, stride, False, Name("collections.OrderedDict", ())))
