import jax
import numpy as np
import pytest

from tljax import data, models, weights
from tljax.evaluate import measure, predict

RNG = np.random.default_rng(0)


def test_the_labels_choose_the_metrics_and_selection_goes_the_right_way():
    logits, labels = RNG.normal(size=(8, 3)), np.arange(8) % 3
    assert measure.score(measure.measure(logits, labels)) == pytest.approx((logits.argmax(1) == labels).mean())
    assert "mean_average_precision" in measure.measure(logits, np.eye(3, dtype=np.int32)[labels])
    target = RNG.normal(size=8)
    near, far = (measure.score(measure.measure((target + e)[:, None], target)) for e in (0.1, 1.0))
    assert near > far
    assert measure.standard_error(0.5, 100) == pytest.approx(0.05)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 64])
def test_every_example_is_predicted_once_whatever_the_batch_size(batch_size):
    model = models.create("mlp(widths=(4,))", 3, in_channels=5, input_size=())
    variables = models.init(model, jax.random.key(0))
    x = RNG.normal(size=(7, 5)).astype(np.float32)
    source = data.from_arrays(x, (np.arange(7) % 3).astype(np.int32))
    config = weights.PretrainedConfig("mlp(widths=(4,))", 3, in_channels=5)
    opened = weights.Pretrained(model, variables, config, None)
    found = predict.pretrained(opened, source, batch_size)
    np.testing.assert_allclose(found, model.apply(variables, x).logits, rtol=1e-5, atol=1e-6)
