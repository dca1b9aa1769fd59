"""Augmentation on the device, and of whole images in the loader. Every module here is imported, so a file adds its operations."""

from tljax.data.augment.compose import augmentation
from tljax.data.augment.operation import Color, Expressions, HostCrop, Mixing, Move, Operation, Spatial, create, operations
from tljax.registry import import_all

import_all(__name__, list(__path__))

__all__ = ["Color", "Expressions", "HostCrop", "Mixing", "Move", "Operation", "Spatial", "augmentation", "create", "operations"]
