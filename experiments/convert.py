"""Convert a checkpoint that opens to our names or to a publisher's.

python -m experiments.convert --weights=resnet50.pth --out=converted
python -m experiments.convert --weights=runs/one --to=vit_hf --out=for_transformers
"""

import dataclasses
import pathlib
from typing import Any

from absl import flags

from experiments import cli
from tljax.runs.converting import convert

WEIGHTS = flags.DEFINE_string("weights", None, "Weight file, folder or hf://OWNER/NAME.", required=True)
OUT = flags.DEFINE_string("out", "", "Folder to write.")
TO = flags.DEFINE_string(
    "to", "", "Key table to write by, or ours; empty: ours for a publisher's file, the only one that fits for a file of ours."
)
DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print the report, and write nothing.")
NUM_CLASSES = flags.DEFINE_integer("num_classes", 0, "Classes of a new head, for a file that has none.", lower_bound=0)
FAMILY = flags.DEFINE_string("family", "", "Key table to read a foreign file by; empty: recognized.")


def main() -> None:
    """Run the program with the values of its flags."""
    options: dict[str, Any] = {"dry_run": DRY_RUN.value, "num_classes": NUM_CLASSES.value, "family": FAMILY.value}
    done = convert(WEIGHTS.value, TO.value, OUT.value, **options)
    print(done["report"])
    for name, value in dataclasses.asdict(done["config"]).items():
        shown = f"{', '.join(value[:5])}, ... ({len(value)})" if name == "labels" and len(value) > 6 else value
        print(f"  {name}: {shown}")
    size = f"{done['arrays']} arrays, {done['bytes'] / 1e6:.1f} MB, in the names of {done['to']}"
    print(f"{size}: {'not written (--dry_run)' if DRY_RUN.value else pathlib.Path(OUT.value)}")


if __name__ == "__main__":
    cli.run(main)
