"""The worked examples of docs/extending: a file and its test each, nothing else edited, their own tests pass."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CATALOG = ("tests/tasks/test_catalog.py", "tests/runs/conftest.py")
PAGES = ("strategy", "objective", "task", "data_source", "backbone")
NAMED = re.compile(r"^`([\w/]+\.py)`:\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def named_files(page: str) -> dict[str, str]:
    """The Python blocks of a page that stand below a file's name."""
    return dict(NAMED.findall((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")))


def test_the_examples_pass_their_own_tests(tmp_path):
    shutil.copytree(ROOT / "tljax", tmp_path / "tljax", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    for name in CATALOG:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    made = {}
    for page in PAGES:
        files = named_files(f"extending/{page}")
        room, test, *more = files
        example = Path(room).parent.name if Path(room).name == "model.py" else Path(room).stem  # a family is a folder
        assert room.startswith("tljax/") and test.startswith("tests/") and Path(test).name == f"test_{example}.py", page
        assert all(Path(name).parent == Path(room).parent for name in more), page  # a page's further examples stand beside its first
        made |= files
    for name, code in made.items():
        path = tmp_path / name
        assert not (ROOT / name).exists(), f"{name} is a file of the project: the example needs another name"
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.startswith("tljax/zoo/"):
            (path.parent / "__init__.py").touch()
        path.write_text(code, encoding="utf-8")
    tests, code = ([name for name in made if name.startswith(folder)] for folder in ("tests/", "tljax/"))
    commands = (
        ["pytest", "-q", "-p", "no:cacheprovider", *tests, f"{CATALOG[0]}::test_the_catalog_is_complete_and_its_defaults_fit_each_other"],
        ["ruff", "check", *made],
        ["ruff", "format", "--check", *made],
        ["mypy", "--follow-imports=silent", *code],
    )
    for command in commands:
        done = subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-5000:]}{done.stderr[-5000:]}"
