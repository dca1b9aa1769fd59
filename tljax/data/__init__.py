"""Data: random-access sources, subsets, distortions, preprocessing, batches. A module here that registers a source is found by itself."""

from tljax.data.augment import augmentation
from tljax.data.distort import distort
from tljax.data.pipeline import Batch, eval_batches, train_batches
from tljax.data.preprocess import on_device, on_host
from tljax.data.source import Source, class_counts, create, name_of
from tljax.data.sources.arrays import from_arrays
from tljax.data.sources.images import from_files, image_files, read_image
from tljax.data.subset import fraction, k_per_class, only_classes, split, take

__all__ = [
    "Batch",
    "Source",
    "augmentation",
    "class_counts",
    "create",
    "distort",
    "eval_batches",
    "fraction",
    "from_arrays",
    "from_files",
    "image_files",
    "k_per_class",
    "name_of",
    "on_device",
    "on_host",
    "only_classes",
    "read_image",
    "split",
    "take",
    "train_batches",
]
