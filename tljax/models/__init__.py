"""Flax Linen models: staged backbones, heads, and `TransferModel`, the only room that knows Flax."""

from tljax import registry
from tljax.models.create import backbones, create, feature_size, heads, init, shapes
from tljax.models.heads.classifiers import FIXED_HEADS
from tljax.models.part import Part, part
from tljax.models.transfer import Backbone, Batch, Outputs, TransferModel, mean_pool, tap

__all__ = [
    "FIXED_HEADS",
    "Backbone",
    "Batch",
    "Outputs",
    "Part",
    "TransferModel",
    "backbones",
    "create",
    "feature_size",
    "heads",
    "init",
    "mean_pool",
    "part",
    "shapes",
    "tap",
]

registry.import_all(__name__, __path__)
