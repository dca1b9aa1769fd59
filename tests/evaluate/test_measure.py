"""Statistics of a split: every example once, whatever the batches; the numbers of one stream and of several."""

import jax
import numpy as np
import pytest

from tljax import data, metrics, models, tasks, weights
from tljax.evaluate import measure
from tljax.train import forward, sharding

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 5)).astype(np.float32)
SOURCE = data.from_arrays(X, (np.arange(7) % 3).astype(np.int32))
CONFIG = weights.PretrainedConfig("mlp(widths=(4,))", 3, in_channels=5)


@pytest.fixture(scope="module")
def model():
    return models.create(CONFIG.model, 3, in_channels=5, input_size=())


@pytest.fixture(scope="module")
def variables(model):
    return models.init(model, jax.random.key(0))


def options(source, batch_size):
    return {"batch_size": batch_size, "host": data.on_host(CONFIG, kinds=source.fields), "mesh": sharding.make_mesh()}


@pytest.mark.parametrize("batch_size", [1, 3, 7, 64])
def test_every_example_is_read_once_whatever_the_batch_size(batch_size, model, variables):
    run = jax.jit(lambda v, b: forward.for_evaluation(model, lambda x: x, v)(b).logits)
    outputs = measure.gather(run, variables, SOURCE, **options(SOURCE, batch_size))
    np.testing.assert_allclose(outputs, model.apply(variables, X).logits, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("expression", ["accuracy", "information", "knn(k=2)"])
def test_rows_and_sums_do_not_depend_on_the_batches(expression, model, variables):
    task = tasks.create("classification")
    metric = metrics.create(expression, **task.facts(3))
    mesh = sharding.make_mesh()
    run = measure.compile_metric(metric, model, transform=data.on_device(CONFIG), labeled=lambda b: task.labeled(b, 3), mesh=mesh)
    found = [
        measure.numbers(metric, {"": measure.statistics(metric, run, variables, SOURCE, **options(SOURCE, size))}) for size in (1, 3, 64)
    ]
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        for name, value in metrics_only(found[0]).items():
            assert other[name] == pytest.approx(value, abs=1e-6), name
    if expression == "accuracy":
        assert found[0]["accuracy"] == pytest.approx(np.mean(model.apply(variables, X).logits.argmax(1) == SOURCE.labels))


def metrics_only(numbers):
    return {name: value for name, value in numbers.items() if isinstance(value, float)}


def test_an_empty_source_is_named(model, variables):
    metric = metrics.create("accuracy")
    empty = data.take(SOURCE, [])
    with pytest.raises(ValueError, match="0 examples of 3 classes: it has no example to measure on"):
        measure.statistics(metric, lambda v, b: {}, variables, empty, **options(empty, 4))


def test_numbers_of_several_streams_carry_their_names_and_a_metric_of_streams_gets_them_together():
    single = metrics.Metric(lambda f, b: {}, lambda streams: {"n": float(sum(map(len, streams.values())))}, ("n", 1.0))
    rows = {"source": np.zeros(3), "target": np.zeros(2)}
    assert measure.numbers(single, {"": np.zeros(4)}) == {"n": 4.0}
    assert measure.numbers(single, rows) == {"source/n": 3.0, "target/n": 2.0}
    both = metrics.Metric(single.device, single.host, ("n", 1.0), streams=("source", "target"))
    assert measure.numbers(both, rows | {"third": np.zeros(9)}) == {"n": 5.0}
    with pytest.raises(ValueError, match="no validation stream is called 'target'; there are source"):
        measure.numbers(both, {"source": np.zeros(3)})
