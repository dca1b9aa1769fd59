"""Data: random-access sources, subsets, distortions, preprocessing, batches. Every module in `tljax.data.sources` is imported."""

from tljax import registry
from tljax.data.augment import augmentation
from tljax.data.distort import distort
from tljax.data.fields import Batch
from tljax.data.pipeline import eval_batches, train_batches
from tljax.data.preprocess import Transform, on_device, on_host
from tljax.data.relabel import class_positions, relabel
from tljax.data.source import Source, class_counts, class_ids, create, describe, digest, fingerprint, name_of
from tljax.data.source import sources as _registered
from tljax.data.sources.arrays import from_arrays
from tljax.data.sources.images import from_files, image_files, read_image
from tljax.data.subset import fraction, k_per_class, only_classes, split, take

registry.publish(globals(), _registered)

__all__ = [
    "Batch", "Source", "Transform", "augmentation", "class_counts", "class_ids", "class_positions", "create", "describe", "digest",
    "distort", "eval_batches", "fingerprint", "fraction", "from_arrays", "from_files", "image_files", "k_per_class", "name_of",
    "on_device", "on_host", "only_classes", "read_image", "relabel", "split", "take", "train_batches",
]  # fmt: skip
