"""Heads: modules that map the outputs of a backbone to logits."""

from tljax import registry

registry.import_all(__name__, __path__)
