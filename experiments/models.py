"""The catalog of backbones: size, cost, and addresses of published weights.

python -m experiments.models
python -m experiments.models --search=resnet --sort=flops --stages
python -m experiments.models --markdown
"""

import pathlib

import jax
from absl import flags

from experiments import cli
from tljax.runs import catalog, workdirs

SEARCH = flags.DEFINE_string("search", "", "Part of a name, publisher, address, training set or license.")
SORT = flags.DEFINE_enum("sort", "name", sorted(catalog.SORTS), "The order.")
CLASSES = flags.DEFINE_integer("classes", 0, "Also count a linear head with this number of classes.", lower_bound=0)
STAGES = flags.DEFINE_bool("stages", False, "List the stages' names.")
MARKDOWN = flags.DEFINE_bool("markdown", False, "Print Markdown.")
OUT = flags.DEFINE_string("json", "", "A .json file to write as well.")


def main() -> None:
    """Run the program with the values of its flags."""
    rows = catalog.catalog(SEARCH.value, SORT.value, CLASSES.value)
    print(catalog.report(rows, STAGES.value, MARKDOWN.value, CLASSES.value))
    if OUT.value:
        workdirs.write_json(pathlib.Path(OUT.value), {"classes": CLASSES.value, "models": rows})


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")  # nothing is computed, so no accelerator is taken
    cli.run(main)
