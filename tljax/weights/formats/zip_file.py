"""Zip archives, bounded: nothing is unpacked beyond what the archive's own size allows."""

import functools
import io
import zipfile
from collections.abc import Callable

DEFLATE_RATIO = 1032
"""Deflate's largest expansion (RFC 1951: a match of 258 bytes takes at least 2 bits)."""


def entries(data: bytes) -> dict[str, Callable[[], bytes]]:
    """Name -> a function that unpacks the entry and checks its CRC; directories are left out.

    Raises:
      ValueError: a name twice, a compression other than deflate, sizes that the archive cannot hold.
      zipfile.BadZipFile: no zip, or a damaged one (also when an entry is unpacked).
    """
    archive = zipfile.ZipFile(io.BytesIO(data))
    infos = archive.infolist()
    if len({info.filename for info in infos}) != len(infos):
        raise ValueError("the archive holds a name twice")
    if sum(info.compress_size for info in infos) > len(data):
        raise ValueError("the archive declares more bytes than it has")
    for info in infos:
        _check(info)
    return {info.filename: functools.partial(_unpack, archive, info) for info in infos if not info.is_dir()}


def _check(info: zipfile.ZipInfo) -> None:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"the archive's entry {ascii(info.filename)[:120]} is compressed in an unknown way")
    largest = info.compress_size if info.compress_type == zipfile.ZIP_STORED else info.compress_size * DEFLATE_RATIO
    if info.file_size > largest:
        raise ValueError(f"the archive's entry {ascii(info.filename)[:120]} declares {info.file_size:,} bytes, more than it can hold")


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    content = archive.read(info)
    if len(content) != info.file_size:
        raise ValueError(f"the archive's entry {ascii(info.filename)[:120]} is cut short")
    return content
