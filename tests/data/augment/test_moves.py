"""Masks, boxes and points move with the images, whatever the operation draws."""

import jax
import numpy as np
import pytest

from tests.data.coordinates import KINDS, check, coded
from tljax import data
from tljax.data.augment import Color, Operation, Spatial, operations

SIZE, N = (22, 28), 24


def batch():
    examples = [coded(SIZE, seed) for seed in range(N)]
    marks = {"valid": np.ones(N, np.float32), "index": np.arange(N, dtype=np.int32), "epoch": np.zeros(N, np.int32)}
    return {name: np.stack([example[name] for example in examples]) for name in examples[0]} | marks


def moved(*expressions, **more):
    out = jax.jit(data.augmentation(expressions, 3, 0, KINDS))(batch() | more)
    return {name: np.asarray(value) for name, value in out.items()}


def examples(out):
    return [{name: value[i] for name, value in out.items()} for i in range(N)]


def only_moves(expression):
    """An operation without what it does to colors, which would make the coordinates in the pixels unreadable."""
    return Operation(tuple(step for step in operations.create(expression).steps if not isinstance(step, Color)))


MOVES = {
    "flip": {},
    "flip(p=1.0)": {},
    "pad_crop(padding=5)": {},
    "pad_crop(padding=5, mode='reflect')": {"unique": False},
    "rotate(degrees=40, fill=0.0)": {"upright": False},
    "rotate(degrees=180, fill=0.0)": {"upright": False},
    "translate(x=0.3, y=0.4, fill=0.0)": {},
    "randaugment(layers=1, magnitude=10, fill=0.0)": {"upright": False},
}


@pytest.mark.parametrize("expression", MOVES)
def test_everything_moves_with_the_pixels(expression):
    out = moved(only_moves(expression))
    for before, after in zip(examples(batch()), examples(out), strict=True):
        check(before, after, **MOVES[expression])
    changed = [not np.array_equal(a, b) for a, b in zip(out["label"], batch()["label"], strict=True)]
    assert sum(changed) > N // 6 and (sum(changed) < N or expression != "flip")


def test_a_zoom_moves_everything_with_the_pixels():
    for before, after in zip(examples(batch()), examples(moved("random_zoom(scale=(0.1, 1.0))")), strict=True):
        middle = after["x"][SIZE[0] // 2, SIZE[1] // 2] - after["x"][SIZE[0] // 2 - 1, SIZE[1] // 2 - 1]
        check(before, after, step=middle[:2] * np.array(SIZE[::-1]))


def test_every_spatial_operation_is_among_those_that_are_checked():
    names = [name for name in operations if any(isinstance(step, Spatial) for step in operations.create(name).steps)]
    assert sorted(names) == sorted({*(call.split("(")[0] for call in MOVES), "random_zoom"})


def test_operations_after_each_other_move_by_all_of_them():
    """Moves by whole pixels, so that nothing is rounded between them."""
    for before, after in zip(examples(batch()), examples(moved("pad_crop(3)", "flip(p=1.0)", "pad_crop(2)")), strict=True):
        check(before, after)


def test_what_has_left_does_not_come_back():
    out = moved("translate(x=1.0, y=1.0)", "translate(x=1.0, y=1.0)", "flip")
    once = moved("translate(x=1.0, y=1.0)")
    for name in ("boxes_valid", "corners_valid"):
        assert (out[name] <= once[name]).all() and 0 < out[name].sum() < once[name].sum()


def test_boxes_and_points_that_were_not_there_stay_so_and_keep_the_type_of_their_mark():
    marks = np.arange(N * 5).reshape(N, 5) % 2 == 0
    out = moved("flip", boxes_valid=marks)
    assert np.array_equal(out["boxes_valid"], marks) and out["boxes_valid"].dtype == bool
    assert (out["boxes"][~marks] == 0).all() and out["corners_valid"].all() and out["corners_valid"].dtype == np.float32


def test_no_boxes_and_places_that_are_no_numbers():
    out = moved("flip", boxes=np.zeros((N, 0, 4), np.float32), corners=np.full((N, 1, 2), np.nan, np.float32))
    assert out["boxes"].shape == (N, 0, 4) and out["boxes_valid"].shape == (N, 0)
    assert (out["corners"] == 0).all() and (out["corners_valid"] == 0).all()


def test_colors_and_erased_parts_and_mixtures_leave_masks_boxes_and_points():
    kinds = {**KINDS, "label": "class", "mask": "mask"}
    one = {**batch(), "mask": batch()["label"], "label": np.zeros(N, np.int32)}
    out = jax.jit(data.augmentation(("color", "erase(p=1.0)", "mixup", "cutmix"), 2, 0, kinds))(one)
    assert out.keys() == one.keys() and not np.array_equal(out["x"], one["x"])
    assert all(np.array_equal(out[name], one[name]) for name in ("mask", "boxes", "corners"))


def test_another_image_moves_and_keeps_its_colors():
    kinds, one = {**KINDS, "target": "image"}, {**batch(), "target": np.round(255 * batch()["x"]).astype(np.uint8)[..., :2]}
    out = jax.jit(data.augmentation(("randaugment(layers=1, magnitude=10)", "color", "erase"), 3, 0, kinds))(one)
    only = jax.jit(data.augmentation((only_moves("randaugment(layers=1, magnitude=10)"),), 3, 0, kinds))(one)
    assert np.abs(out["target"] - only["target"]).max() < 2**-15 and np.abs(only["target"] - only["x"][..., :2]).max() < 0.005
    assert not np.allclose(out["x"], only["x"], atol=0.1)


@pytest.mark.parametrize("expression", ["flip", "pad_crop", "random_zoom", "rotate", "translate", "randaugment"])
def test_fields_that_might_have_to_move_are_refused_by_name(expression):
    flow = np.zeros((N, *SIZE, 2), np.float32)
    with pytest.raises(ValueError, match=f"{expression} .*'flow' has no kind"):
        jax.eval_shape(data.augmentation((expression,), 3, 0, KINDS), batch() | {"flow": flow})
    with pytest.raises(ValueError, match=f"{expression} .*'flow' of the unknown kind 'motion'"):
        data.augmentation(("color", expression), 3, 0, {**KINDS, "flow": "motion"})
    jax.eval_shape(data.augmentation(("color", "erase"), 3, 0, KINDS), batch() | {"flow": flow})  # nothing moves


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": np.zeros((N, 22, 27), np.int32)}, r"label is int32 \[22, 27\]; expected a mask of integers \[22, 28\]"),
        ({"label": np.zeros((N, 22, 28), np.float32)}, "label is float32"),
        ({"boxes": np.zeros((N, 4), np.float32)}, r"boxes is float32 \[4\]; expected boxes \[K, 4\]"),
        ({"corners": np.zeros((N, 3, 3), np.float32)}, r"expected points \[K, 2\]"),
    ],
)
def test_fields_that_are_not_of_their_kind_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(data.augmentation(("flip",), 3, 0, KINDS), batch() | change)


@pytest.mark.parametrize("kind", ["tokens", "vector", "series"])
def test_what_is_no_image_is_not_augmented(kind):
    with pytest.raises(ValueError, match=f"flip changes images, and the kind of x is {kind}"):
        data.augmentation(("flip",), 3, 0, {"x": kind, "label": "class"})
