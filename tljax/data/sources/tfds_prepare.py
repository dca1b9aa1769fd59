"""Data sets of TensorFlow Datasets, prepared on demand without TensorFlow.

TFDS reads array_record files without TensorFlow. To prepare them it still calls TensorFlow's file functions (when it unpacks archives, and
in most data sets' own code) and its PNG encoder (for images that come as arrays). Both are replaced here while a data set is prepared.
"""

import contextlib
import difflib
import functools
import glob
import io
import os
import shutil
import socket
import sys
import types
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

_SECONDS = 5


def prepared(name: str, data_dir: str | None = None) -> Any:
    """The builder of a data set with prepared files; prepares them if there are none.

    It takes the newest prepared version, even if TFDS's own code is newer; `name` may choose another ``:version``.

    Args:
      name: ``name``, ``name/config``, ``name:version`` or ``name/config:version``.
      data_dir: folder of prepared data sets; by default TFDS_DATA_DIR, else ``~/tensorflow_datasets``.

    Raises:
      ValueError: an unknown name; a data set that is not prepared and cannot be prepared here (says what to do).
    """
    builder = _builder(name, data_dir)
    if builder.is_prepared():
        return builder
    _prepare(builder, name)
    return _builder(name, data_dir)  # from its files, as such a builder pickles as its folder, without the data set's own code


def _builder(name: str, data_dir: str | None) -> Any:
    import tensorflow_datasets as tfds

    root = Path(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    newest = {} if ":" in name else {"version": "*.*.*"}
    try:
        return tfds.builder(name, data_dir=str(root), **newest)
    except tfds.core.DatasetNotFoundError:
        near = sorted(set(difflib.get_close_matches(name, tfds.list_builders(with_community_datasets=False), n=3)))
        hint = f" (it has {', '.join(near)})" if near else ""
        missing = f"no data set of that name lies below {root}, and the TFDS catalog has none{hint}"
        raise ValueError(f"tfds {name}: {missing}") from None
    except Exception as e:  # the code of a data set runs here
        raise ValueError(f"tfds {name}: {one_line(e)}") from None


def one_line(text: Any) -> str:
    """An object's text on one line, cut after 400 characters; for an exception its type too."""
    line = " ".join(str(text).split())
    line = f"{type(text).__name__}: {line}" if isinstance(text, BaseException) else line
    return line if len(line) <= 400 else f"{line[:400]}..."


def _prepare(builder: Any, name: str) -> None:
    size = builder.info.download_size
    print(f"tfds {name}: not found in {builder.data_dir}; downloading {size or 'it'} and preparing it there", flush=True)
    try:
        with _without_tensorflow(builder.info.features), _refusing_without_network(builder.url_infos or {}):
            builder.download_and_prepare(file_format="array_record")
    except Exception as e:  # downloads, archives and the code of a data set may raise anything
        raise ValueError(
            f"tfds {name}: not prepared in {builder.data_dir}, and preparing it failed ({one_line(e)}). Prepare it as array_record where "
            "there is a network (and TensorFlow, if that is what is missing) with tfds.builder(name).download_and_prepare("
            "file_format='array_record'), copy the folder here, or say with data_dir= where it lies"
        ) from e


@contextlib.contextmanager
def _refusing_without_network(urls: dict[str, Any]) -> Iterator[None]:
    """Makes a download fail at once if no host answers; TFDS would try for minutes."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import downloader

    hosts = sorted({str(urllib.parse.urlsplit(url).hostname) for url in urls})[:3]
    if not hosts or urllib.request.getproxies() or any(map(_answers, hosts)):
        yield
        return

    def refuse(url: str, **_: Any) -> None:
        raise ConnectionError(f"no network: {', '.join(hosts)} cannot be reached")

    tfds.disable_progress_bar()
    try:
        with patch.object(downloader, "_open_url", refuse):
            yield
    finally:
        tfds.enable_progress_bar()


def _answers(host: str) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, 443), timeout=_SECONDS):
        return True
    return False


@contextlib.contextmanager
def _without_tensorflow(features: Any) -> Iterator[None]:
    """Replaces the functions of TensorFlow that TFDS's modules call; any other raises AttributeError with its name."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.utils.lazy_imports_utils import tensorflow as lazy

    with contextlib.ExitStack() as stack:
        for module in [m for m in sys.modules.values() if m is not None and vars(m).get("tf") is lazy]:
            stack.enter_context(patch.object(module, "tf", _FILES))
        for feature in features.values():
            if isinstance(feature, tfds.features.Image) and np.dtype(feature.np_dtype) == np.uint8:
                stack.enter_context(patch.object(feature, "encode_example", _encoding(feature.encode_example, feature.encoding_format)))
        yield


def _encoding(encode: Callable[[Any], bytes], encoding: str | None) -> Callable[[Any], bytes]:
    """An image feature's `encode_example` that also takes arrays, uint8 [H, W, C], as PNG or (quality 95, as in TensorFlow) JPEG."""

    @functools.wraps(encode)
    def encode_example(image: Any) -> bytes:
        if not isinstance(image, np.ndarray):
            return encode(image)
        file = io.BytesIO()
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        Image.fromarray(pixels).save(file, format=encoding or "png", quality=95)
        return file.getvalue()

    return encode_example


def _open(name: str | os.PathLike[str], mode: str = "r") -> Any:
    return open(name, mode, encoding=None if "b" in mode else "utf-8")


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


_FILES = types.SimpleNamespace(
    io=types.SimpleNamespace(
        gfile=types.SimpleNamespace(
            GFile=_open,
            copy=lambda source, target, overwrite=False: shutil.copyfile(source, target),
            exists=os.path.exists,
            glob=lambda pattern: sorted(glob.glob(pattern)),
            isdir=os.path.isdir,
            listdir=os.listdir,
            makedirs=lambda path: os.makedirs(path, exist_ok=True),
            walk=os.walk,
        )
    ),
    compat=types.SimpleNamespace(as_text=_text),
)
