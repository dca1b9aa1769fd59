"""Classify images by the names of their classes alone, with no training: CLIP or SigLIP, measured on a labelled source.

  python -m experiments.zeroshot --weights=hf://openai/clip-vit-base-patch32 --data="folder('flowers', split='test')"
  python -m experiments.zeroshot --weights=clip --data="folder('flowers', split='test')" --template="a photo of a {}, a type of flower." \
    --out=runs/zeroshot

The class names are those of the source. `--template` may be given several times: a class is then the mean of its texts. `--out` keeps the
model, whose head the names have become, for every other program: evaluate, predict, finetune (with `--config.new_head=never`).
"""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags

from experiments import start
from tljax import data, weights
from tljax.data.source import class_ids
from tljax.evaluate import measure, predict, zeroshot
from tljax.report import table


def run(
    path: str, source: str, templates: Sequence[str] = zeroshot.TEMPLATES, out: str = "", batch_size: int = 256, workers: int = 0
) -> dict[str, Any]:
    """``{weights, sha256, model, data, templates, examples, correct, metrics}`` of the classifier on all examples of a source.

    Args:
      path: a file or folder with both towers and their tokenizer.
      source: what is classified; its class names become the head.
      templates: as for `zeroshot.prototypes`.
      out: a folder to save the classifier in; ``""``: none.
      batch_size: examples per batch.
      workers: processes that read and decode; 0: threads.

    Raises:
      ValueError, FileNotFoundError: weights or data that cannot be read, or have no text tower or class names; a wrong template.
    """
    examples = data.create(source)
    labels = class_ids(examples)
    if not examples.classes:
        raise ValueError(f"{source} names no classes")
    of = zeroshot.towers(path)
    made = zeroshot.classifier(of, examples.classes, templates)
    logits = predict.pretrained(made, examples, batch_size, workers, title="classifying")
    if out:
        weights.save(out, made.variables, made.config)
    return {
        "weights": path,
        "sha256": of.image.config.sha256,
        "model": made.config.model,
        "data": source,
        "templates": list(templates),
        "examples": len(labels),
        "correct": int((logits.argmax(-1) == np.asarray(labels)).sum()),
        "metrics": measure.measure(logits, np.asarray(labels)),
    }


def main(path: str, source: str, templates: Sequence[str], out: str, batch_size: int, workers: int) -> None:
    """Run what the flags say."""
    result = run(path, source, templates, out, batch_size, workers)
    numbers = {k: f"{v:.4f}" for k, v in result["metrics"].items() if isinstance(v, int | float)}
    row = {k: result[k] for k in ("model", "data", "correct", "examples")} | numbers
    print(table.text([row], list(row)))
    print(f"Measured on {source}; nothing was trained, and nothing selected but by hand: the templates.")
    if out:
        print(json.dumps({"written": str(pathlib.Path(out))}))


if __name__ == "__main__":
    WEIGHTS = flags.DEFINE_string("weights", None, "File, folder or hf://owner/name with an image and a text tower.", required=True)
    DATA = flags.DEFINE_string("data", None, "Source, such as folder('images/test').", required=True)
    TEMPLATE = flags.DEFINE_multi_string("template", list(zeroshot.TEMPLATES), "Text with {} for a class name; may be given several times.")
    OUT = flags.DEFINE_string("out", "", "A folder to save the classifier in.")
    BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Examples per batch.", lower_bound=1)
    WORKERS = flags.DEFINE_integer("workers", 0, "Processes that read and decode; 0: threads.", lower_bound=0)
    start.run(lambda: main(WEIGHTS.value, DATA.value, TEMPLATE.value, OUT.value, BATCH_SIZE.value, WORKERS.value))
