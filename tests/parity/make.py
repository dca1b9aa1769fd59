"""Writes what the references give: ``python -m tests.parity.make [LABEL ...]``; no label: all. Needs requirements-parity.txt.

A golden case's ``outputs/<label>.npz`` holds samples (`case.sampled`) of the outputs of every stage, of the logits and of BatchNorm's
statistics; a live case's ``manifests/<label>.txt.xz`` the names and shapes that the reference saves.
"""

import lzma
import sys
from pathlib import Path

import numpy as np

from tests.parity import case, reference

HERE = Path(__file__).parent


def main(labels: list[str]) -> None:
    """Write the files of these cases."""
    for label in labels or case.every():
        one = case.every()[label]
        if one.live:
            lines = "".join(" ".join(map(str, (name, *shape))) + "\n" for name, shape in reference.shapes(one).items())
            (HERE / "manifests" / f"{label}.txt.xz").write_bytes(lzma.compress(lines.encode()))
            print(f"{label}: {lines.count(chr(10))} names")
        else:
            out = case.sampled(reference.outputs(one, reference.filled(one)))
            np.savez_compressed(HERE / "outputs" / f"{label}.npz", **out)
            print(f"{label}: {', '.join(out)}")


if __name__ == "__main__":
    main(sys.argv[1:])
