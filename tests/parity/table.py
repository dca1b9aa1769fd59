"""Prints how far every model is from its reference's stored outputs: ``python -m tests.parity.table [LABEL ...]``."""

import sys
from pathlib import Path

import numpy as np
import tqdm

from tests.parity import case, ours
from tljax.report import table

OUTPUTS = Path(__file__).parent / "outputs"


def distances(one: case.Case) -> dict[str, ours.Distance]:
    """Of a golden case, by output."""
    got = case.sampled(ours.outputs(one, ours.model(one), ours.variables(one)))
    with np.load(OUTPUTS / f"{one.label}.npz") as want:
        return ours.distances(got, dict(want))


def main(labels: list[str]) -> None:
    """Print the table of these cases; no label: all."""
    golden = {label: one for label, one in case.every().items() if not one.live}
    chosen = [golden[label] for label in labels] or list(golden.values())
    rows = [ours.row(one, distances(one)) for one in tqdm.tqdm(chosen, unit="model", leave=False, disable=None)]
    print(table.markdown(rows, list(rows[0])))


if __name__ == "__main__":
    main(sys.argv[1:])
