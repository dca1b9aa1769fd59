"""Key tables: one file per family, found by itself."""

from tljax import registry

registry.import_all(__name__, __path__)
