import jax
import numpy as np
import pytest

from tljax import data, models, weights
from tljax.evaluate import features

RNG = np.random.default_rng(0)
SOURCE = data.from_arrays(RNG.integers(0, 256, (7, 8, 8, 3), dtype=np.uint8), np.arange(7) % 3, ("köln", "b", "猫"))


@pytest.fixture(scope="module")
def opened():
    model = models.create("cnn(widths=(4, 6, 5))", 3, input_size=(8, 8))
    config = weights.PretrainedConfig("cnn(widths=(4, 6, 5))", 3, input_size=(8, 8), mean=(0.5,), std=(0.25,))
    return weights.Pretrained(model, models.init(model, jax.random.key(0)), config, None)


@pytest.mark.parametrize("batch_size", [2, 64])
def test_features_are_the_pooled_outputs_of_the_slices(opened, batch_size):
    found = features.pretrained(opened, SOURCE, opened.model.stages, batch_size=batch_size)
    assert list(found) == ["stem", "stage1", "stage2"]
    batch = data.on_device(opened.config)({"x": SOURCE.x})
    for stage, stop in zip(found, ("stage1", "stage2", "head"), strict=True):
        wanted = opened.model.apply(opened.variables, batch, stop=stop).features
        assert found[stage].dtype == np.float32
        np.testing.assert_allclose(found[stage], wanted, rtol=1e-5, atol=1e-6)


def test_nothing_behind_the_last_stage_that_is_asked_for_runs(opened):
    params = {"backbone": {name: opened.variables["params"]["backbone"][name] for name in ("stem", "stage1")}}
    cut = weights.Pretrained(opened.model, opened.variables | {"params": params}, opened.config, None)
    assert features.pretrained(cut, SOURCE, ("stage1",), batch_size=4)["stage1"].shape == (7, 6)


def test_stages_are_named_in_the_order_of_the_model(opened):
    assert features.stages_of(opened.model, "all") == ("stem", "stage1", "stage2")
    assert features.stages_of(opened.model, " stage2,stem ") == ("stem", "stage2")
    with pytest.raises(ValueError, match=r"^stages='stem,stage9': .*'stage9'; there are stem, stage1, stage2"):
        features.stages_of(opened.model, "stem,stage9")
    with pytest.raises(ValueError, match="no stage is named"):
        features.stages_of(opened.model, ",")


def test_pixels_are_what_the_model_sees_but_smaller(opened):
    (same,) = features.pixels(opened.config, SOURCE, 8, batch_size=4).values()
    np.testing.assert_allclose(same, SOURCE.x.reshape(7, -1) / np.float32(255), rtol=1e-6)
    assert features.pixels(opened.config, SOURCE, 2, batch_size=4)["pixels 2"].shape == (7, 12)


@pytest.mark.parametrize("label", ["y", "class"])
def test_the_file_is_a_source_of_vectors(tmp_path, label):
    x = RNG.normal(size=(7, 5)).astype(np.float32)
    path = tmp_path / "f.npz"
    features.write(path, {"stage1": x}, SOURCE, "made of ö")
    read = data.create(f"npz({str(path)!r}, x='stage1', label={label!r})")
    np.testing.assert_array_equal(np.stack([read[i]["x"] for i in range(7)]), x)
    names = [read.classes[i] for i in read.labels]
    assert names == [SOURCE.classes[i] if label == "class" else str(i) for i in SOURCE.labels]
    with np.load(path) as file:
        assert str(file["made_from"]) == "made of ö" and list(file["classes"]) == list(SOURCE.classes) and len(file["names"]) == 7


def test_numbers_as_labels_are_kept(tmp_path):
    targets = RNG.normal(size=(7, 2)).astype(np.float32)
    features.write(tmp_path / "f.npz", {"s": np.ones((7, 1), np.float32)}, data.from_arrays(SOURCE.x, targets), "")
    np.testing.assert_array_equal(data.create(f"npz({str(tmp_path / 'f.npz')!r}, x='s')").labels, targets)


def test_a_file_is_whole_or_absent(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="'names' cannot be stored"):
        features.write(tmp_path / "f.npz", {"names": SOURCE.x}, SOURCE, "")

    def half(stream, **_):
        stream.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(OSError, match="no space"):
        features.write(tmp_path / "f.npz", {"s": SOURCE.x}, SOURCE, "")
    assert list(tmp_path.iterdir()) == []
