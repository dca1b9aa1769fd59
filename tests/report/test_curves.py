import matplotlib
import numpy as np
import pytest
from PIL import Image

from tljax.report import curves


def _seed(shift, steps=(10, 20, 30)):
    return [{"step": s, "loss": 1 / s} for s in range(1, 31)] + [{"step": s, "val_accuracy": 0.01 * s + shift} for s in steps]


def _pixels(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def test_several_runs_are_drawn_in_their_colors(tmp_path):
    path = curves.learning_curves({"probe": [_seed(0), _seed(0.1), _seed(0.2)], "full": [_seed(0.3)]}, tmp_path / "figures" / "c.png")
    pixels = _pixels(path)
    assert min(pixels.shape[:2]) > 300
    for color in curves.COLORS[:2]:
        rgb = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        assert (np.abs(pixels.astype(int) - rgb).sum(axis=-1) < 6).sum() > 100
    assert [p.name for p in path.parent.iterdir()] == ["c.png"]


def test_only_steps_that_every_seed_measured_count_and_the_last_of_a_repeated_step():
    repeated = [*_seed(0), {"step": 20, "val_accuracy": 0.9}]
    steps, values = curves._common("probe", [repeated, _seed(0.1, steps=(20, 30, 40))], "val_accuracy")
    assert steps.tolist() == [20, 30]
    np.testing.assert_allclose(values, [[0.9, 0.3], [0.3, 0.4]])


def test_single_run_and_more_runs_than_colors(tmp_path):
    assert _pixels(curves.single_run(_seed(0), tmp_path / "one.png")).std() > 0
    many = {f"strategy {i}": [_seed(0.02 * i)] for i in range(len(curves.COLORS) + 2)}
    assert _pixels(curves.learning_curves(many, tmp_path / "many.png")).std() > 0


def test_a_value_that_is_not_finite_leaves_a_gap_only(tmp_path):
    assert _pixels(curves.single_run([{"step": 1, "loss": float("nan"), "val_accuracy": 0.5}], tmp_path / "nan.png")).std() > 0


def test_errors_name_the_run_and_the_key(tmp_path):
    with pytest.raises(ValueError, match="no runs"):
        curves.learning_curves({}, tmp_path / "x.png")
    with pytest.raises(ValueError, match=r"probe, seed number 1.*'val_accuracy'"):
        curves.learning_curves({"probe": [_seed(0), [{"step": 1, "loss": 1.0}]]}, tmp_path / "x.png")
    with pytest.raises(ValueError, match="probe: its 2 seeds have no step"):
        curves.learning_curves({"probe": [_seed(0, (1, 2)), _seed(0, (3, 4))]}, tmp_path / "x.png")
    with pytest.raises(ValueError, match="probe: its 0 seeds"):
        curves.learning_curves({"probe": []}, tmp_path / "x.png")
    assert not list(tmp_path.iterdir())


def test_the_users_matplotlib_state_is_left_alone(tmp_path):
    before = dict(matplotlib.rcParams)
    curves.single_run(_seed(0), tmp_path / "one.png")
    assert dict(matplotlib.rcParams) == before
