"""Other frameworks' checkpoints and our own: read, recognise, load, save."""

from tljax.weights.config import PretrainedConfig
from tljax.weights.load import LoadReport, load
from tljax.weights.open import Pretrained, open
from tljax.weights.read import read, sha256
from tljax.weights.save import save

__all__ = ["LoadReport", "Pretrained", "PretrainedConfig", "load", "open", "read", "save", "sha256"]
