import types

import jax
import numpy as np
import pytest

from tljax.metrics import batch_statistics, join_batches


def run(metric, logits, label=None, *, batch_size=None, stream="", **fields):
    """The numbers of outputs that stand in for a model's, through the compiled device half, in batches with a padded last one."""
    tree = {"logits": logits, **fields} if label is None else {"logits": logits, "label": label, **fields}
    size = len(jax.tree.leaves(tree)[0])
    batch_size = batch_size or size

    def forward(batch, stop=None):
        assert (stop == "head") == ("features" in batch)
        return types.SimpleNamespace(logits=batch["logits"], features=batch.get("features"))

    device = jax.jit(lambda batch: batch_statistics(metric, forward, batch))
    parts = []
    for first in range(0, size, batch_size):
        part = jax.tree.map(lambda x, first=first: np.asarray(x)[first : first + batch_size], tree)
        missing = batch_size - len(jax.tree.leaves(part)[0])
        # padding that would raise or change every number if it counted
        part = jax.tree.map(
            lambda x, missing=missing: np.concatenate([x, np.repeat(np.full_like(x[-1:], _spoil(x)), missing, axis=0)]), part
        )
        part["valid"] = np.arange(batch_size) < batch_size - missing
        parts.append(jax.device_get(device(part)))
    return metric.host({stream: join_batches(metric, parts, size)})


def _spoil(x):
    return 99 if x.dtype.kind in "iu" else np.nan


@pytest.fixture
def measured():
    return run


@pytest.fixture
def one_hot():
    return lambda labels, num_classes: np.eye(num_classes, dtype=np.float32)[np.asarray(labels)]
