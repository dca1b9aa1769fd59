"""Other frameworks' checkpoints and our own: read, recognize, load, save."""

from tljax.weights import own as _own  # noqa: F401 - registers the table of our own files
from tljax.weights.config import PretrainedConfig, from_json, to_json
from tljax.weights.export import export, families
from tljax.weights.load import LoadReport, load
from tljax.weights.open import Pretrained, from_leaves, open
from tljax.weights.read import read, sha256
from tljax.weights.save import save, save_foreign

__all__ = [
    "LoadReport", "Pretrained", "PretrainedConfig", "export", "families", "from_json", "from_leaves", "load", "open", "read", "save",
    "save_foreign", "sha256", "to_json",
]  # fmt: skip
