"""The catalog: which backbones there are, how large, how costly, and where weights for them are published.

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
CLASSES = flags.DEFINE_integer("classes", 0, "Count a linear head of so many classes too.", lower_bound=0)
STAGES = flags.DEFINE_bool("stages", False, "List the stages' names.")
MARKDOWN = flags.DEFINE_bool("markdown", False, "Print Markdown.")
OUT = flags.DEFINE_string("json", "", "A .json file to write, too.")


def main() -> None:
    """Run what the flags say."""
    rows = catalog.catalog(SEARCH.value, SORT.value, CLASSES.value)
    print(catalog.report(rows, STAGES.value, MARKDOWN.value, CLASSES.value))
    if OUT.value:
        workdirs.write_json(pathlib.Path(OUT.value), {"classes": CLASSES.value, "models": rows})


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")  # nothing is computed, so no accelerator is taken
    cli.run(main)
