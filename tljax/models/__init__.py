"""The staged model: `TransferModel`, `create`, layers/ and heads/. Only this room, and the zoo's models, know Flax."""

from tljax.models.create import backbones, create, feature_size, init, shapes
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
    "init",
    "mean_pool",
    "part",
    "shapes",
    "tap",
]
