"""The source ``tfds``: a data set of TensorFlow Datasets, read at random without TensorFlow."""

import functools
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from tljax.data.preprocess import with_channels
from tljax.data.source import Source, digest, sources
from tljax.data.sources.arrays import checked, example_shape, input_kind
from tljax.data.sources.images import decode
from tljax.data.sources.labels import Labels, encode
from tljax.data.sources.tfds_prepare import one_line, prepared

_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Tfds:
    """One split of a data set; `records` is a ``tfds.data_source``, which pickles by its files and which threads share.

    Images are decoded here from the stored bytes, so a JPEG has the same pixels as in a folder.
    """

    records: Any
    image: str
    channels: int | None
    labels: np.ndarray
    classes: tuple[str, ...]
    fields: Mapping[str, str]
    where: str

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        label = self.labels[index]
        where = self.name(index)
        value = _read(self.records, range(len(self))[index], self.image, self.where)
        if isinstance(value, bytes):
            value = decode(io.BytesIO(value), where)
            # A gray file among colored ones has one channel in a folder; here the data set states the number.
            value = with_channels(value, self.channels) if self.channels in (1, 3) else value
        x = np.asarray(value)
        return {"x": checked(x.reshape(example_shape(x.shape, x.dtype, None))[None], where)[0], "label": label}

    def name(self, index: int) -> str:
        """The data set, the split and the number of an example."""
        return f"{self.where}, example {index}"

    def fingerprint(self) -> str:
        """A hash of the data set's name and version, of the split, of the input's key and of the labels; no input is read."""
        stored = (self.records.dataset_info.full_name, str(self.records.split), len(self), self.image)
        content = (self.labels, self.classes, self.fields)
        return digest("tfds", stored, *content)


@sources.register
def tfds(
    name: str,
    split: str = "train",
    data_dir: str | None = None,
    image: str = "image",
    label: str = "label",
    classes: Sequence[str] | None = None,
    kind: str | None = None,
) -> Source:
    """A split of a data set of TensorFlow Datasets, such as ``tfds('beans', split='train[:80%]')``.

    A data set that is prepared below `data_dir` as array_record or parquet is read. Any other is downloaded and prepared there, which needs
    a network; before a run of several processes, prepare it with one. Inputs are read one by one, from any thread or process.

    Labels are read at once, without decoding an image. They lie among the images, so opening reads all records of the split, which costs
    about one pass over its files. A process keeps the labels of the 16 splits used last while their files do not change, so the trials of a
    sweep read them once.

    Args:
      name: as in the TFDS catalog, optionally with ``/config`` and ``:version``.
      split: in TFDS's notation: ``train``, ``train[:80%]``, ``train[100:200]``, ``train+test``.
      data_dir: folder of prepared data sets; by default the environment variable TFDS_DATA_DIR, else ``~/tensorflow_datasets``.
      image: key of the input: an image (uint8 [H, W, C]), or a tensor of uint8 or floats.
      label: key of the label: a class, a sequence of classes (several at once), or numbers (see `tljax.data.sources.labels.encode`).
      classes: class names in the order of their ids; by default those of the data set.
      kind: kind of the labels, ``class``, ``classes``, ``distribution`` or ``number``; by default it follows from the feature.

    Raises:
      ValueError: an unknown data set, split or key, a feature of another kind (text, video, ...), a data set that cannot be prepared here,
        a damaged file; on reading an example, an image that does not decode.
    """
    where = f"tfds {name}, {split}"
    builder = prepared(name, data_dir)
    features = builder.info.features
    _check_keys(features, (image, label), where)
    try:
        records = builder.as_data_source(split=split)
    except Exception as e:  # unknown splits, empty ones and files of another format raise different kinds of error
        raise ValueError(f"{where}: {one_line(e)}") from None
    # Set afterwards: as an argument they would make tfds.testing.mock_data encode its fake images, with TensorFlow.
    records.decoders = _without_images(features)
    files = _files(builder.data_dir)
    key = (files, split, len(records), label, repr(classes), kind)
    cached = _cached(*key) if files else []
    if not cached:
        values = _column(records, label, where)
        cached.append(_labels(values, features[label], classes=classes, where=f"{where}: {label}", kind=kind))
        cached[0].values.setflags(write=False)  # several sources may share them
    labels, shape = cached[0], features[image].shape
    fields = {"x": input_kind(example_shape(shape, np.dtype(features[image].np_dtype), None), f"{where}: {image}"), "label": labels.kind}
    return Tfds(records, image, channels=shape[-1], labels=labels.values, classes=labels.classes, fields=fields, where=where)


@functools.lru_cache(maxsize=16)
def _cached(*key: Any) -> list[Labels]:
    """The list that holds the labels of `key` once they are read; empty at first."""
    return []


def _files(folder: str) -> tuple[tuple[str, int, int], ...]:
    """``(path, size, time of change)`` of a data set's files; empty without a folder (fake data), whose labels are then not cached."""
    entries = ((path, path.stat()) for path in sorted(Path(folder).glob("*")))
    return tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in entries)


def _check_keys(features: Any, keys: tuple[str, str], where: str) -> None:
    import tensorflow_datasets as tfds

    for key in keys:
        if key not in features:
            raise ValueError(f"{where}: no feature {key!r}; there are {', '.join(sorted(features))} (choose with image= and label=)")
    x, label = (features[key] for key in keys)
    numbers = isinstance(x, tfds.features.Image) or (isinstance(x, tfds.features.Tensor) and np.dtype(x.np_dtype).kind in "uif" and x.shape)
    if not numbers or np.dtype(x.np_dtype) not in (np.uint8, np.float16, np.float32, np.float64):
        raise ValueError(f"{where}: {keys[0]!r} is {one_line(x)}; expected an image of uint8, or a tensor of uint8 or floats")
    inner = label.feature if isinstance(label, tfds.features.Sequence) else label
    if not isinstance(inner, tfds.features.Tensor) or np.dtype(inner.np_dtype).kind not in "uifb":
        raise ValueError(f"{where}: {keys[1]!r} is {one_line(label)}; expected a class, a sequence of classes, or numbers")


def _without_images(features: Any) -> dict[str, Any]:
    import tensorflow_datasets as tfds

    return {key: tfds.decode.SkipDecoding() for key, feature in features.items() if isinstance(feature, tfds.features.Image)}


def _read(records: Any, index: int, key: str, where: str) -> Any:
    """One feature of one example; images as stored bytes."""
    try:
        value = records[index][key]
        if value is None:  # a file that was cut between two of its blocks gives None
            raise EOFError(f"it has no {key!r}; the file is truncated")
        return value
    except Exception as e:  # array_record and parquet have errors of their own for damaged files
        raise ValueError(f"{_file(records, index)}: example {index} of {where} cannot be read: {one_line(e)}") from None


def _column(records: Any, key: str, where: str) -> list[Any]:
    """One feature of all examples, read in blocks (5 times as fast as one by one: measured on MNIST)."""
    values: list[Any] = []
    for start in tqdm(range(0, len(records), _BLOCK), desc=f"{key} of {where}", delay=2):
        block = range(start, min(start + _BLOCK, len(records)))
        try:
            read = [record[key] for record in records.__getitems__(block)]
        except Exception:
            read = [None]
        # Examples of a block that fails are read one by one, so that the error names the example.
        values += [_read(records, i, key, where) for i in block] if any(value is None for value in read) else read
    return values


def _file(records: Any, index: int) -> str:
    """The file that holds example `index`."""
    for part in records.dataset_info.splits[records.split].file_instructions:
        if index < part.take:
            return str(part.filename)
        index -= part.take
    raise IndexError(index)


def _labels(raw: list[Any], feature: Any, *, classes: Sequence[str] | None, where: str, kind: str | None) -> Labels:
    import tensorflow_datasets as tfds

    several = isinstance(feature, tfds.features.Sequence) and isinstance(feature.feature, tfds.features.ClassLabel)
    inner = feature.feature if several else feature
    names = classes or (inner.names if isinstance(inner, tfds.features.ClassLabel) else None)
    if several:
        raw = [_flags(np.asarray(ids, np.int64), inner.num_classes, f"{where} of example {i}") for i, ids in enumerate(raw)]
    if len({np.shape(value) for value in raw}) > 1:
        raise ValueError(f"{where}: the examples have different numbers of values; expected one shape, or a sequence of classes")
    return encode(np.asarray(raw), names if kind != "number" else classes, where, kind)


def _flags(ids: np.ndarray, num_classes: int, where: str) -> np.ndarray:
    """Class ids [n] as bool flags [num_classes]."""
    if ((ids < 0) | (ids >= num_classes)).any():
        raise ValueError(f"{where}: {ids.tolist()} are no class ids (0 to {num_classes - 1})")
    return np.bincount(ids, minlength=num_classes).astype(bool)
