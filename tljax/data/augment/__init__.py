"""Augmentation on the device. A module here that registers an operation is found by itself."""

from tljax.data.augment.compose import augmentation
from tljax.data.augment.operation import Operation, operations
from tljax.registry import import_all

import_all(__name__, list(__path__))

__all__ = ["Operation", "augmentation", "operations"]
