"""Classify images by the names of their classes alone, with no training: CLIP or SigLIP, measured on a labeled source.

  python -m experiments.zeroshot --weights=hf://openai/clip-vit-base-patch32 --data="folder('flowers', split='test')"
  python -m experiments.zeroshot --weights=clip --data="folder('flowers', split='test')" --template="a photo of a {}, a type of flower." \
    --out=runs/zeroshot

The class names are those of the source. `--template` may be given several times: a class is then the mean of its texts. `--out` keeps the
model, whose head the names have become, for every other program: evaluate, predict, finetune (with `--config.new_head=never`).
"""

import json
import pathlib

from absl import flags

from experiments import cli
from tljax import data
from tljax.evaluate import zeroshot
from tljax.report import table
from tljax.runs import opening, trials

WEIGHTS = flags.DEFINE_string("weights", None, "File, folder or hf://owner/name with an image and a text tower.", required=True)
DATA = flags.DEFINE_string("data", None, "Source, such as folder('images/test').", required=True)
TEMPLATE = flags.DEFINE_multi_string("template", list(zeroshot.TEMPLATES), "Text with {} for a class name; may be given several times.")
OUT = flags.DEFINE_string("out", "", "A folder to save the classifier in.")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Examples per batch.", lower_bound=1)
WORKERS = flags.DEFINE_integer("workers", 0, "Processes that read and decode; 0: threads.", lower_bound=0)


def main() -> None:
    """Run the program with the values of its flags."""
    source = data.create(DATA.value)
    data.class_ids(source)  # one class per example, or an error that says so
    classifier = opening.ready(zeroshot.classifier(zeroshot.towers(WEIGHTS.value), source.classes, TEMPLATE.value))
    numbers, _ = classifier.measured(source, batch_size=BATCH_SIZE.value, workers=WORKERS.value, title="classifying")
    shown = {name: f"{value:.4f}" for name, value in trials.numbers(numbers).items()}
    row = {"model": classifier.config.model, "data": DATA.value, "examples": len(source)} | shown
    print(table.text([row], list(row)))
    print(f"Measured on {DATA.value}; nothing was trained, and nothing selected but by hand: the templates.")
    if OUT.value:
        classifier.save(OUT.value)
        print(json.dumps({"written": str(pathlib.Path(OUT.value))}))


if __name__ == "__main__":
    cli.run(main)
