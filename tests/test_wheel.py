"""The sdist and the wheel hold `tljax` alone, and all of it. `launch/wheel.sh` installs the wheel in a fresh environment."""

import email
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
from packaging.requirements import Requirement

import tljax

ROOT = pathlib.Path(__file__).parents[1]
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


def build(kind, source, folder):
    """The path of the sdist or wheel that setuptools builds from a source tree."""
    command = [sys.executable, "-c", BUILD, f"build_{kind}", str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """``(sdist, wheel)``: the sdist of a copy of the checkout, and the wheel of the unpacked sdist."""
    root = tmp_path_factory.mktemp("wheel")
    checkout = root / "checkout"
    unwanted = shutil.ignore_patterns("__pycache__", "*.npz", "*.xz")
    for folder in ("tljax", "experiments", "tests", "benchmarks"):
        shutil.copytree(ROOT / folder, checkout / folder, ignore=unwanted)
    for file in ROOT.iterdir():
        if file.is_file() and not file.name.startswith("."):
            shutil.copy(file, checkout)
    sdist = build("sdist", checkout, root)
    with tarfile.open(sdist) as archive:
        archive.extractall(root / "unpacked", filter="data")
    return sdist, build("wheel", next((root / "unpacked").iterdir()), root)


def package_files():
    """Every file below `tljax/`, as a path from the root."""
    files = (p for p in (ROOT / "tljax").rglob("*") if p.is_file() and "__pycache__" not in p.parts and not p.name.startswith("."))
    return {p.relative_to(ROOT).as_posix() for p in files}


def test_the_wheel_holds_the_package_whole_and_nothing_else(built):
    with zipfile.ZipFile(built[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        top_level = {name.partition("/")[0] for name in wheel.namelist()}
        for name in names:
            assert wheel.read(name) == (ROOT / name).read_bytes()
    assert names == package_files()
    assert {"tljax/py.typed", "tljax/weights/imagenet1k.txt", "tljax/data/sources/digits.py"} <= names
    assert top_level == {"tljax", f"tljax-{tljax.__version__}.dist-info"}


def test_the_wheel_s_metadata(built):
    with zipfile.ZipFile(built[1]) as wheel:
        folder = f"tljax-{tljax.__version__}.dist-info"
        metadata = email.message_from_bytes(wheel.read(f"{folder}/METADATA"))
        tags = email.message_from_bytes(wheel.read(f"{folder}/WHEEL"))
        assert wheel.read(f"{folder}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
        assert f"{folder}/entry_points.txt" not in wheel.namelist()
    assert tags.get_all("Tag") == ["py3-none-any"]
    assert (metadata["Name"], metadata["Version"]) == ("tljax", tljax.__version__)
    assert (metadata["Requires-Python"], metadata["License-Expression"]) == (">=3.11", "Apache-2.0")
    assert metadata.get_payload().strip().startswith("# tljax")
    requirements = [Requirement(line) for line in metadata.get_all("Requires-Dist")]
    always = {str(r) for r in requirements if r.marker is None}
    assert always == {str(Requirement(line.partition("#")[0])) for line in lines_of("requirements.txt")}
    test_extra = {r.name for r in requirements if r.marker and r.marker.evaluate({"extra": "test"})}
    assert test_extra == {Requirement(line.partition("#")[0]).name for line in lines_of("requirements-test.txt")}
    assert not {"torch", "tensorflow"} & {r.name for r in requirements if r.marker is None}


def lines_of(name):
    """The lines of a requirements file that name a package."""
    return [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if line.partition("#")[0].strip()]


def test_the_sdist_holds_what_a_build_reads(built):
    with tarfile.open(built[0]) as archive:
        names = {pathlib.PurePosixPath(member.name) for member in archive if member.isfile()}
    paths = {"/".join(name.parts[1:]) for name in names}
    assert package_files() <= paths
    assert {"LICENSE", "README.md", "pyproject.toml", "requirements.txt", "requirements-test.txt", "constraints-py311.txt"} <= paths
    assert {path.partition("/")[0] for path in paths if "/" in path} == {"tljax", "tljax.egg-info"}
