"""The worked example of docs/new_backbone.md does what the page says: one folder and a parity case, and nothing else is edited."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tljax.data import fields

ROOT = Path(__file__).parent.parent
FILE = re.compile(r"^## \d\. .*`([\w/]+\.py)`$")

CHECK = """
import numpy as np
from tests.parity import case
from tests.weights import foreign
from tljax import models, weights

assert case.every()["convmixer"].stages == {"stem": "stem", "block00": "blocks.0", "block01": "blocks.1"}
assert case.every()["convmixer_768_32"].live
made = models.create("convmixer(width=8, depth=11, kernel=5, patch=4)", 3, in_channels=1)
file = foreign.drawn("convmixer", made)
assert file["blocks.10.0.fn.0.weight"].shape == (8, 1, 5, 5) and file["stem.2.running_mean"].shape == (8,)
np.savez("x.npz", **file)
opened = weights.open("x.npz", input_size=(8, 8))
assert opened.report.family == "convmixer" and not opened.report.new and opened.model.stages[-1] == "block10"
assert opened.config.num_classes == 3 and opened.config.channel_order == "L" and "timm's ConvMixer" in opened.config.source
assert np.isfinite(opened.model.apply(opened.variables, np.ones((1, 8, 8, 1), np.float32)).logits).all()
"""


def files(page: str) -> dict[str, str]:
    """The first Python block that begins with a docstring under each heading that names a file."""
    out = {}
    for section in re.split(r"^(?=## )", page, flags=re.MULTILINE):
        if named := FILE.match(section.partition("\n")[0]):
            out[named[1]] = next(code for code in re.findall(r"```python\n(.*?)```", section, re.DOTALL) if code.startswith('"""'))
    return out


def test_the_new_backbone_s_folder_is_found_and_open_a_file(tmp_path):
    made = files((ROOT / "docs" / "new_backbone.md").read_text(encoding="utf-8"))
    assert list(made) == ["tljax/zoo/convmixer/model.py", "tljax/zoo/convmixer/keymaps.py", "tests/parity/cases/convmixer.py"]
    for folder in ("tljax", "tests/parity", "tests/weights"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.npz", "*.xz"))
    for name, code in made.items():
        assert not (tmp_path / name).exists()
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code, encoding="utf-8")
    (tmp_path / "tljax/zoo/convmixer/__init__.py").touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for command in (["-c", CHECK], ["-m", "ruff", "check", *made], ["-m", "ruff", "format", "--check", *made]):
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-3000:]}"


def test_the_page_of_sources_lists_every_kind():
    page = (ROOT / "docs" / "extending" / "data_source.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE) == list(fields.KINDS.items())
