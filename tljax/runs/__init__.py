"""Runs: everything that a notebook calls. No flags, no global config here."""

from tljax.runs.fit import fit
from tljax.runs.opening import create, open
from tljax.runs.pretrained import Pretrained
from tljax.runs.results import Result
from tljax.runs.run import Run

__all__ = ["Pretrained", "Result", "Run", "create", "fit", "open"]
