"""Classify images or texts: a file or a folder in, class names and probabilities out.

python -m experiments.predict --weights=runs/one/model --input=photo.jpg
python -m experiments.predict --weights=runs/one/model --input=photos/ --out=predictions.jsonl
python -m experiments.predict --weights=runs/one/model --input=texts.txt
python -m experiments.predict --weights=runs/one/model --input=reviews.csv --column=review
"""

import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.special
from absl import flags

from experiments import start
from tljax import data, models, registry, weights
from tljax.evaluate import predict
from tljax.report import table


def run(
    path: str, given: str, top: int = 3, on_error: str = "raise", batch_size: int = 256, column: str = "text"
) -> Iterator[dict[str, Any]]:
    """``{"file", "predictions": [{"class", "probability"}, ...]}`` per image or text, the likeliest classes first.

    Args:
      path: weights.
      given: an image or a folder of images; for a model of texts a file as in the source ``text``.
      top: classes per row.
      on_error: what to do with an image that does not decode.
      batch_size: examples per batch.
      column: of the texts in a table.

    Raises:
      ValueError, FileNotFoundError: weights, images or texts that cannot be read; a model without classes.
    """
    opened = weights.open(path)
    if (head := registry.parse(opened.config.head)[0]) in (*models.FIXED_HEADS, "tokens"):
        raise ValueError(f"{path}: its head, {head}, tells no classes of an input (experiments.extract writes features)")
    names = opened.config.labels or tuple(map(str, range(opened.config.num_classes)))
    of_texts = len(opened.config.input_size) == 1
    source = data.create(f"text({given!r}, text={column!r}, label='')" if of_texts else f"unlabelled({given!r}, on_error={on_error!r})")
    logits = predict.pretrained(opened, source, batch_size, title="predicting")
    for i, p in enumerate(scipy.special.softmax(logits.astype(np.float64), axis=-1)):
        best = np.argsort(-p)[:top]
        yield {"file": data.name_of(source, i), "predictions": [{"class": names[c], "probability": round(float(p[c]), 6)} for c in best]}


def main(path: str, given: str, top: int, on_error: str, batch_size: int, column: str, out: str) -> None:
    """Run what the flags say."""
    rows = list(run(path, given, top, on_error, batch_size, column))
    if out:
        beside = pathlib.Path(out + ".tmp")
        beside.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        os.replace(beside, out)
        print(f"{out}: {len(rows)} rows")
        return
    shown = [
        {"file": row["file"], **{f"{i + 1}.": f"{p['class']} {p['probability']:.3f}" for i, p in enumerate(row["predictions"])}}
        for row in rows
    ]
    print(table.text(shown, list(shown[0])))


if __name__ == "__main__":
    WEIGHTS = flags.DEFINE_string("weights", None, "Weight file or folder.", required=True)
    INPUT = flags.DEFINE_string(
        "input", None, "An image, or a folder of images (searched to any depth); or a table of texts.", required=True
    )
    TOP = flags.DEFINE_integer("top", 3, "Classes shown per image.", lower_bound=1)
    ON_ERROR = flags.DEFINE_enum("on_error", "raise", ["raise", "skip"], "What to do with a file that does not decode.")
    BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Examples per batch.", lower_bound=1)
    COLUMN = flags.DEFINE_string("column", "text", "The column of the texts in a table.")
    OUT = flags.DEFINE_string("out", "", "A .jsonl file to write instead of the table.")
    start.run(lambda: main(WEIGHTS.value, INPUT.value, TOP.value, ON_ERROR.value, BATCH_SIZE.value, COLUMN.value, OUT.value))
