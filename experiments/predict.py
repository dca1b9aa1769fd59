"""Predict for images, texts, or any data source: a table on the screen, or a file of rows.

python -m experiments.predict --weights=runs/one --input=photo.jpg
python -m experiments.predict --weights=runs/one --input=photos/ --out=predictions.csv
python -m experiments.predict --weights=runs/one --input=reviews.csv --column=review --keep=id --out=predictions.csv
python -m experiments.predict --weights=runs/one --data="npz('measurements.npz')" --out=predictions.jsonl
"""

from absl import flags

import tljax
from experiments import cli
from tljax.report import table
from tljax.runs import predictions

WEIGHTS = flags.DEFINE_string("weights", None, "Weight file or folder, or workdir.", required=True)
INPUT = flags.DEFINE_string("input", "", "An image, or a folder of images (searched to any depth); or a table of texts.")
DATA = flags.DEFINE_string("data", "", "A data source instead, such as npz('measurements.npz').")
COLUMN = flags.DEFINE_string("column", "text", "The column of the texts in a table.")
KEEP = flags.DEFINE_list("keep", [], "Columns of the input table, such as an id, to copy into the rows.")
BEST = flags.DEFINE_bool("best", False, "Take the best weights so far of a run that has not finished.")
TOP = flags.DEFINE_integer("top", 3, "Classes shown per example.", lower_bound=1)
ON_ERROR = flags.DEFINE_enum("on_error", "raise", ["raise", "skip"], "What to do with an image that does not decode.")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Examples per batch.", lower_bound=1)
WORKERS = flags.DEFINE_integer("workers", 0, "Processes that read and decode; 0: threads.", lower_bound=0)
OUT = flags.DEFINE_string("out", "", "A .csv or .jsonl file to write instead of the table; masks become PNGs in a folder next to it.")


def main() -> None:
    """Run the program with the values of its flags."""
    if bool(INPUT.value) == bool(DATA.value):
        raise ValueError("give --input (an image, a folder, a table of texts) or --data (a source), one of them")
    opened = tljax.open(WEIGHTS.value, best=BEST.value)
    source = predictions.input_source(opened, INPUT.value, DATA.value, column=COLUMN.value, on_error=ON_ERROR.value)
    carried = predictions.read_columns(INPUT.value, KEEP.value, len(source))
    rows = opened.predictions(source, top=TOP.value, batch_size=BATCH_SIZE.value, workers=WORKERS.value, title="predicting")
    if OUT.value:
        print(predictions.write(OUT.value, predictions.with_columns(rows, carried)))
        return
    shown = [predictions.display_row(row) for row in predictions.with_columns(rows, carried)]
    print(table.text(shown, list(dict.fromkeys(name for row in shown for name in row))))


if __name__ == "__main__":
    cli.run(main)
