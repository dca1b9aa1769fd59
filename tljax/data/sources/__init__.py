"""Sources: random access to examples. A module here that registers a source is found by itself."""

from tljax.registry import import_all

import_all(__name__, list(__path__))
