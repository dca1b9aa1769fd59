import itertools

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tljax import data, weights
from tljax.data.pipeline import eval_batches, train_batches


def source_of(n):
    """x tells the place of an example."""
    return data.from_arrays(np.arange(n, dtype=np.float32)[:, None], np.arange(n) % 3, ["a", "b", "c"])


def same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        if isinstance(a[key], dict):
            same(a[key], b[key])
        else:
            assert np.array_equal(a[key], b[key]) and a[key].dtype == b[key].dtype, key


def indices(batches):
    return np.concatenate([b["index"] for b in batches])


def plus_one(example, epoch=None, index=None):
    assert index is None or example["x"][0] == index
    return {**example, "x": example["x"] + 1}


def fails_on_two(example, epoch=None, index=None):
    if example["label"] == 2:
        raise KeyError("two")
    return example


def test_what_a_batch_holds():
    batch = next(train_batches(source_of(10), 4, seed=0, transform=plus_one))
    assert {k: (v.shape, v.dtype.name) for k, v in batch.items()} == {
        "x": ((4, 1), "float32"),
        "label": ((4,), "int32"),
        "valid": ((4,), "float32"),
        "index": ((4,), "int32"),
        "epoch": ((4,), "int32"),
    }
    assert np.array_equal(batch["x"][:, 0], batch["index"] + 1) and np.array_equal(batch["label"], batch["index"] % 3)
    assert (batch["valid"] == 1).all() and (batch["epoch"] == 0).all()


@given(st.integers(1, 20), st.integers(1, 45), st.integers(0, 2**40))
@settings(max_examples=30, deadline=None)
def test_each_epoch_is_a_permutation_of_its_own(n, batch_size, seed):
    steps = -(-3 * n // batch_size)
    batches = list(train_batches(source_of(n), batch_size, seed, num_steps=steps))
    assert len(batches) == steps and all(len(b["x"]) == batch_size for b in batches)
    order, epochs = indices(batches)[: 3 * n].reshape(3, n), np.concatenate([b["epoch"] for b in batches])[: 3 * n]
    assert (np.sort(order, axis=1) == np.arange(n)).all() and np.array_equal(epochs, np.repeat([0, 1, 2], n))
    if n > 10:
        assert len({tuple(o) for o in order}) == 3


@given(st.integers(1, 20), st.integers(1, 10), st.integers(0, 7))
@settings(max_examples=20, deadline=None)
def test_a_batch_follows_from_its_step_alone(n, batch_size, start):
    whole = list(train_batches(source_of(n), batch_size, seed=5, num_steps=8))
    resumed = list(train_batches(source_of(n), batch_size, seed=5, start_step=start, num_steps=8))
    assert len(resumed) == 8 - start
    for a, b in zip(whole[start:], resumed, strict=True):
        same(a, b)


@pytest.mark.parametrize("n", [7, 24, 100])
@pytest.mark.parametrize("processes", [2, 4])
def test_processes_concatenate_to_one(n, processes):
    whole = list(train_batches(source_of(n), 8, seed=1, num_steps=10))
    parts = [train_batches(source_of(n), 8, seed=1, num_steps=10, process_index=p, process_count=processes) for p in range(processes)]
    for one, blocks in zip(whole, zip(*parts, strict=True), strict=True):
        same(one, {key: np.concatenate([b[key] for b in blocks]) for key in one})


def test_a_far_step_costs_nothing():
    batch = next(train_batches(source_of(10), 4, seed=0, start_step=10**8))
    assert batch["epoch"][0] == 4 * 10**8 // 10 and len(batch["x"]) == 4


def test_seeds_give_other_orders():
    orders = {tuple(indices(train_batches(source_of(20), 20, seed, num_steps=1))) for seed in range(20)}
    assert len(orders) == 20


def test_the_stream_is_endless_or_ends_where_told():
    assert len(list(itertools.islice(train_batches(source_of(3), 2, 0), 50))) == 50
    assert list(train_batches(source_of(3), 2, 0, num_steps=0)) == []
    assert list(train_batches(source_of(3), 2, 0, start_step=5, num_steps=3)) == []


def test_named_sources_have_orders_of_their_own():
    batches = list(
        train_batches(
            {"source": source_of(10), "target": source_of(10)}, 10, seed=0, num_steps=2, transform={"source": None, "target": plus_one}
        )
    )
    for batch in batches:
        assert set(batch) == {"source", "target"} and not np.array_equal(batch["source"]["index"], batch["target"]["index"])
        assert np.array_equal(batch["source"]["x"][:, 0], batch["source"]["index"])
        assert np.array_equal(batch["target"]["x"][:, 0], batch["target"]["index"] + 1)
    both = next(train_batches({"source": source_of(10), "target": source_of(7)}, 10, seed=0, transform=plus_one))
    same(both["source"], {**batches[0]["source"], "x": batches[0]["source"]["x"] + 1})


def test_named_sources_have_batch_sizes_of_their_own_and_processes_cut_each():
    sources, sizes = {"source": source_of(10), "target": source_of(7)}, {"source": 4, "target": 6}
    whole = list(train_batches(sources, sizes, 3, num_steps=5))
    assert [(len(b["source"]["x"]), len(b["target"]["x"])) for b in whole] == [(4, 6)] * 5
    halves = [list(train_batches(sources, sizes, 3, 0, 5, None, p, 2)) for p in (0, 1)]
    for batch, *parts in zip(whole, *halves, strict=True):
        for name in sources:
            joined = {key: np.concatenate([part[name][key] for part in parts]) for key in batch[name]}
            same(joined, batch[name])
    later = list(train_batches(sources, sizes, 3, 2, 5))
    for a, b in zip(later, whole[2:], strict=True):
        same(a, b)
    with pytest.raises(ValueError, match=r"batch sizes for \['source'\] do not fit the sources \['source', 'target'\]"):
        train_batches(sources, {"source": 4}, 0)
    with pytest.raises(ValueError, match="batch_size=3 does not divide over 2 processes"):
        train_batches(sources, {"source": 4, "target": 3}, 0, process_count=2)


def test_a_training_transform_is_told_epoch_and_index_and_one_of_evaluation_is_not():
    calls = []

    def told(example, **draw):
        calls.append(draw)
        return example

    list(train_batches(source_of(3), 2, seed=0, num_steps=3, transform=told))
    assert sorted((draw["epoch"], draw["index"]) for draw in calls) == [(epoch, index) for epoch in (0, 1) for index in range(3)]
    calls.clear()
    list(eval_batches(source_of(3), 2, transform=told))
    assert calls == [{}] * 4


def test_workers_give_the_same_batches(folder_of_images, tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["x"], file["y"] = np.random.default_rng(0).random((9, 4)), np.arange(9)
    sources = {
        "images": data.create(f"folder({str(folder_of_images)!r}, 'train')"),
        "vectors": data.distort(data.create(f"hdf5({str(tmp_path / 'f.h5')!r})"), noise=0.1),
    }
    transforms = {"images": data.on_host(weights.PretrainedConfig("mlp", 3, 1, (4, 4))), "vectors": None}
    threads, workers = (list(train_batches(sources, 4, 2, 1, 7, transforms, workers=w)) for w in (0, 2))
    assert len(threads) == len(workers) == 6 and threads[0]["images"]["x"].shape == (4, 4, 4, 1)
    for a, b in zip(threads, workers, strict=True):
        same(a, b)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_example_that_fails_is_named(folder_of_images, workers):
    bad = folder_of_images / "train" / "dog" / "ñ1.png"
    bad.write_bytes(bad.read_bytes()[:30])
    source = data.create(f"folder({str(folder_of_images)!r}, 'train')")
    with pytest.raises(ValueError, match=r"ñ1\.png: does not decode"):
        list(train_batches(source, 3, seed=0, num_steps=3, workers=workers))


def test_a_transform_that_fails_names_the_example():
    with pytest.raises(ValueError, match=r"arrays, example [258]: KeyError: 'two'"):
        list(train_batches(source_of(9), 3, seed=0, num_steps=3, transform=fails_on_two))
    with pytest.raises(ValueError, match="arrays, example 2: KeyError: 'two'"):
        list(eval_batches(source_of(9), 3, transform=fails_on_two))


def test_examples_of_different_shapes_are_named(folder_of_images):
    from .conftest import picture

    picture(folder_of_images / "train" / "cat" / "gray.png", mode="L")
    source = data.create(f"folder({str(folder_of_images)!r}, 'train')")
    with pytest.raises(ValueError, match=r"x is uint8 \[6, 5, .\], but uint8 \[6, 5, .\] in .*on_host"):
        list(eval_batches(source, 10))


def test_examples_of_different_keys_are_named():
    def odd(example):
        return {**example, "mask": np.ones(1)} if example["label"] else example

    with pytest.raises(ValueError, match=r"holds \['label', 'mask', 'x'\]"):
        next(eval_batches(source_of(3), 3, transform=odd))


@given(st.integers(1, 30), st.integers(1, 12))
@settings(max_examples=30, deadline=None)
def test_evaluation_counts_every_example_once(n, batch_size):
    batches = list(eval_batches(source_of(n), batch_size))
    assert len(batches) == -(-n // batch_size) and {b["x"].shape for b in batches} == {(batch_size, 1)}
    valid, order = np.concatenate([b["valid"] for b in batches]), indices(batches)
    assert order[valid == 1].tolist() == list(range(n)) and (order[valid == 0] == -1).all()
    x = np.concatenate([b["x"][:, 0] for b in batches])
    assert np.array_equal(x[valid == 1], np.arange(n)) and (x[valid == 0] == 0).all()


@pytest.mark.parametrize("n", [1, 5, 8, 17])
def test_evaluation_processes_concatenate_to_one(n):
    parts = [eval_batches(source_of(n), 8, process_index=p, process_count=4) for p in range(4)]
    for one, blocks in zip(eval_batches(source_of(n), 8), zip(*parts, strict=True), strict=True):
        same(one, {key: np.concatenate([b[key] for b in blocks]) for key in one})


@pytest.mark.parametrize("batches", [train_batches, eval_batches])
def test_wrong_arguments_are_named(batches):
    more = {"seed": 0} if batches is train_batches else {}
    cases = [
        (source_of(8), {"batch_size": 6, "process_count": 4}, "batch_size=6 does not divide over 4 processes"),
        (source_of(8), {"batch_size": 0}, "batch_size=0"),
        (source_of(8), {"batch_size": 4, "process_index": 2, "process_count": 2}, "process 2 one of 2"),
        (data.take(source_of(8), []), {"batch_size": 4}, "holds no examples"),
    ]
    for source, wrong, says in cases:
        with pytest.raises(ValueError, match=says):  # before the first batch is asked for
            batches(source, **more, **wrong)


def test_wrong_training_arguments_are_named():
    with pytest.raises(ValueError, match="start_step=-1"):
        train_batches(source_of(8), 4, 0, start_step=-1)
    with pytest.raises(ValueError, match="the source 'target' holds no examples"):
        train_batches({"source": source_of(8), "target": data.take(source_of(8), [])}, 4, 0)
    with pytest.raises(ValueError, match=r"transforms for \['sorce'\] do not fit the sources \['source'\]"):
        train_batches({"source": source_of(8)}, 4, 0, transform={"sorce": None})
