"""Published weights of all families."""

import functools
import importlib
import importlib.util

from tljax import registry
from tljax.weights.published import Published

ZOO = __name__.rpartition(".")[0]


@functools.cache
def published() -> tuple[Published, ...]:
    """List every published weight file that fits a backbone, family by family."""
    files = [f"{ZOO}.{family}.published" for family in registry.subpackages(ZOO)]
    return tuple(entry for file in files if importlib.util.find_spec(file) for entry in importlib.import_module(file).PUBLISHED)
