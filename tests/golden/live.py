"""Runs references of full size beside our models: ``python -m tests.golden.live [LABEL ...]``; no label: all.

The reference is filled with drawn weights and saves its file; `weights.open` reads that file alone; all outputs are compared, unsampled.
Needs requirements-parity.txt.
"""

import sys
import tempfile

import tqdm

from tests.golden import case, ours, reference
from tljax import weights
from tljax.report import table


def run(one: case.Case) -> dict[str, str]:
    """The case's line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        net = reference.filled(one)
        opened = weights.open(reference.save(one, net, f"{folder}/{one.label}"), input_size=one.input_size, **_classes(one))
        want = reference.outputs(one, net)
    wanted = ours.model(one)
    if opened.report.family != one.family or opened.model != wanted:
        raise ValueError(f"{one.label}: opened as {opened.report.family}, {opened.config.model}; wanted {one.family}, {one.model}")
    return ours.row(one, ours.distances(ours.outputs(one, opened.model, opened.variables), want))


def _classes(one: case.Case) -> dict[str, int]:
    return {} if one.num_classes else {"num_classes": 1}


def main(labels: list[str]) -> int:
    """Print the table; 1 where something differs."""
    live = {label: one for label, one in case.every().items() if one.live}
    rows = [run(one) for one in tqdm.tqdm([live[label] for label in labels] or list(live.values()), unit="model", disable=None)]
    print(table.markdown(rows, list(rows[0])))
    return int(any(row["verdict"] != "agrees" for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
