import weakref

import numpy as np
import pytest

from tljax import metrics


def test_a_metric_is_chosen_by_its_expression_and_remembers_it():
    for expression in metrics.metrics:
        metric = metrics.create(expression, num_classes=3)
        assert (
            isinstance(metric, metrics.Metric)
            and metric.call == expression == metrics.create(metric.call).call
            and metric.score[1] in (1.0, -1.0)
        )
    target = metrics.create("information(stream='target')")
    assert target.streams == metrics.create(target.call).streams == ("target",) and metrics.information().streams == ()
    own = metrics.knn(3)
    assert metrics.create(own) is own
    with pytest.raises(KeyError, match="did you mean accuracy"):
        metrics.create("acuracy")


def test_those_without_labels_say_so():
    assert {name for name in metrics.metrics if not metrics.create(name).labels} == {"information", "entropy"}


def test_scores_are_larger_for_the_better_model():
    assert metrics.accuracy().signed({"accuracy": 0.9}) == 0.9
    assert metrics.mean_squared_error().signed({"mse": 2.0}) == -2.0


def test_sums_are_added_exactly_while_batches_are_read():
    batches, most = weakref.WeakSet(), 0

    class Batch(np.ndarray):
        __hash__ = object.__hash__

    def read():
        nonlocal most
        for _ in range(50):
            batch = np.full(1, 2**30 + 1, np.int32).view(Batch)
            batches.add(batch)
            most = max(most, len(batches))
            yield {"n": batch}

    total = metrics.join_batches(metrics.token_accuracy(), read(), 50)
    assert total["n"].dtype == np.float64 and total["n"] == 50 * (2**30 + 1) and most <= 4


def test_no_batches_are_an_error():
    for name in ("accuracy", "token_accuracy"):
        with pytest.raises(ValueError, match="no batches"):
            metrics.join_batches(metrics.create(name), [], 0)


def test_one_stream_has_any_name_and_several_need_theirs(measured):
    logits = np.array([[2.0, 0.0], [0.0, 1.0]], np.float32)
    one, two = metrics.information("target"), metrics.information()
    assert measured(one, logits) == measured(two, logits) == measured(two, logits, stream="val") == measured(one, logits, stream="target")
    streams = {name: {"p": np.ones(2), "entropy": 0.5, "not_finite": 0, "examples": n} for name, n in (("source", 1), ("target", 2))}
    assert one.host(streams)["entropy"] == 0.25
    with pytest.raises(ValueError, match="'source', 'target'"):
        two.host(streams)
