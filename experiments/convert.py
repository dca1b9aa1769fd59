"""Weights from one layout to another: a foreign file to ours, ours to the names of another framework's file.

  python -m experiments.convert --weights=resnet50-0676ba61.pth --out=runs/resnet50
  python -m experiments.convert --weights=runs/resnet50 --to=resnet --out=for_torchvision
  python -m experiments.convert --weights=hf://timm/vit_base_patch16_224.augreg_in21k_ft_in1k --dry_run

The result is a folder: `model.safetensors` with the head, and the class names and preprocessing beside it. `--to` names a key table
(`tljax/weights/keymaps`); its safetensors file is what torch's `load_state_dict(strict=True)` takes in torchvision, timm or transformers.
"""

import dataclasses
import pathlib
from typing import Any

from absl import flags

from experiments import start
from tljax import trees, weights

OURS = "ours"


def target(to: str, opened: weights.Pretrained) -> str:
    """The layout to write: `to`, else ours for a foreign file, and for one of ours the only family that can hold the model.

    Raises:
      ValueError: an unknown family; none, or several, that can hold the model.
    """
    if to or opened.report.family != "own":
        return to or OURS
    found = weights.families(opened.config)
    fit = [family for family, why in found.items() if not why]
    if len(fit) == 1:
        return fit[0]
    near = [why for why in found.values() if "has no name" not in why]
    hint = f"one of {', '.join(fit)}" if fit else f"no family can hold it{': ' if near else ''}{'; '.join(near)}"
    raise ValueError(f"say in whose names {opened.config.model} is to be written, --to=FAMILY: {hint}")


def run(path: str, to: str = "", out: str = "", dry_run: bool = False, num_classes: int = 0, family: str = "") -> dict[str, Any]:
    """Convert, and say how it went.

    Args:
      path: any file, folder or repository that `weights.open` takes.
      to: key table, ``"ours"``, or ``""``: see `target`.
      out: the folder to write.
      dry_run: nothing is written.
      num_classes: of a new head, for a file that has none; 0: it stays without one.
      family: the key table to read the file by; ``""``: recognised.

    Returns:
      ``{report, config, to, arrays, bytes}``: the `weights.LoadReport`, the `PretrainedConfig` as read or written, the layout, how many
      arrays it has and how large they are.

    Raises:
      ValueError, KeyError, OSError: as `weights.open`, `weights.export` and `weights.save`; no `out`.
    """
    if not out and not dry_run:
        raise ValueError("say where to write, --out=FOLDER, or --dry_run")
    overrides: dict[str, Any] = {"num_classes": num_classes} if num_classes else {}
    opened = weights.open(path, family=family, **overrides)
    to, config = target(to, opened), opened.config
    if to == OURS:
        arrays = trees.flatten(opened.variables)
        config = config if dry_run else weights.save(out, opened.variables, config)
    else:
        arrays = weights.export(opened.variables, config, to)
        config = config if dry_run else weights.save_foreign(out, opened.variables, config, to)
    size = sum(a.nbytes for a in arrays.values())
    return {"report": opened.report, "config": config, "to": to, "arrays": len(arrays), "bytes": size}


def main(path: str, to: str, out: str, dry_run: bool, num_classes: int, family: str) -> None:
    """Run what the flags say."""
    done = run(path, to, out, dry_run, num_classes, family)
    print(done["report"])
    for name, value in dataclasses.asdict(done["config"]).items():
        shown = f"{', '.join(value[:5])}, ... ({len(value)})" if name == "labels" and len(value) > 6 else value
        print(f"  {name}: {shown}")
    what = f"{done['arrays']} arrays, {done['bytes'] / 1e6:.1f} MB, in the names of {done['to']}"
    print(f"{what}: {'not written, as --dry_run says' if dry_run else pathlib.Path(out)}")


if __name__ == "__main__":
    WEIGHTS = flags.DEFINE_string("weights", None, "Weight file, folder or hf://OWNER/NAME.", required=True)
    OUT = flags.DEFINE_string("out", "", "Folder to write.")
    TO = flags.DEFINE_string("to", "", "Key table whose names to write, or ours; empty: ours, for a file of ours the only one that fits.")
    DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print what would be loaded and written, and write nothing.")
    NUM_CLASSES = flags.DEFINE_integer("num_classes", 0, "Classes of a new head, for a file that has none.", lower_bound=0)
    FAMILY = flags.DEFINE_string("family", "", "Key table to read a foreign file by; empty: recognised.")
    start.run(lambda: main(WEIGHTS.value, TO.value, OUT.value, DRY_RUN.value, NUM_CLASSES.value, FAMILY.value))
