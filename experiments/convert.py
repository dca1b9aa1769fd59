"""Convert a checkpoint: any file that opens, written in our names or in a publisher's.

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
TO = flags.DEFINE_string("to", "", "Key table whose names to write, or ours; empty: ours, for a file of ours the only one that fits.")
DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print what would be loaded and written, and write nothing.")
NUM_CLASSES = flags.DEFINE_integer("num_classes", 0, "Classes of a new head, for a file that has none.", lower_bound=0)
FAMILY = flags.DEFINE_string("family", "", "Key table to read a foreign file by; empty: recognized.")


def main() -> None:
    """Run what the flags say."""
    options: dict[str, Any] = {"dry_run": DRY_RUN.value, "num_classes": NUM_CLASSES.value, "family": FAMILY.value}
    done = convert(WEIGHTS.value, TO.value, OUT.value, **options)
    print(done["report"])
    for name, value in dataclasses.asdict(done["config"]).items():
        shown = f"{', '.join(value[:5])}, ... ({len(value)})" if name == "labels" and len(value) > 6 else value
        print(f"  {name}: {shown}")
    what = f"{done['arrays']} arrays, {done['bytes'] / 1e6:.1f} MB, in the names of {done['to']}"
    print(f"{what}: {'not written, as --dry_run says' if DRY_RUN.value else pathlib.Path(OUT.value)}")


if __name__ == "__main__":
    cli.run(main)
