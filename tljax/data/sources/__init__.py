"""Sources: random access to examples. Every module here is imported, so a source is registered by adding its file."""

from tljax.registry import import_all

import_all(__name__, list(__path__))
