"""A family is one folder: its names are found, and no more of the zoo is imported than they need."""

import subprocess
import sys
from pathlib import Path

from tljax import registry, zoo
from tljax.models.create import backbones
from tljax.weights.keymap import keymaps
from tljax.zoo.catalog import published

ZOO = Path(zoo.__file__).parent
LOADED = "import sys; print(*sorted({m.split('.')[2] for m in sys.modules if m.startswith('tljax.zoo.') and m.count('.') > 2}))"


def folders_after(code):
    """The folders of the zoo that are imported after `code` ran in a process of its own."""
    done = subprocess.run([sys.executable, "-c", f"{code}\n{LOADED}"], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_model_imports_its_own_folder_alone():
    assert folders_after("import tljax; tljax.models; tljax.weights; tljax.runs") == []
    assert folders_after("from tljax import models; models.create('resnet18', 10)") == ["resnet"]
    assert folders_after("from tljax import models; models.create('siglip_text_base', 10, in_channels=32000)") == ["clip", "siglip", "vit"]


def test_every_folder_holds_a_model_and_every_table_and_weight_is_of_a_model():
    folders = registry.subpackages("tljax.zoo")
    assert folders == sorted(path.parent.name for path in ZOO.glob("*/model.py"))
    assert set(map(str, ZOO.glob("*/keymaps.py"))) | set(map(str, ZOO.glob("*/published.py"))) == {
        str(path) for folder in folders for path in (ZOO / folder).glob("*.py") if path.name in ("keymaps.py", "published.py")
    }
    assert all(entry.model.partition("(")[0] in backbones for entry in published())
    assert {"own", "vit", "vit_hf", "vit_npz"} <= set(keymaps)
