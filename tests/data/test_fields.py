import numpy as np
import pytest

from tljax.data import fields


def test_fields_of_the_batch_itself_and_marks_of_boxes_need_no_kind():
    kinds = {"x": "image", "boxes": "boxes", "label": "number"}
    fields.check_movable("flip", ["x", "boxes", "boxes_valid", "label", "valid", "weight", "index", "epoch"], kinds)
    for name in ("depth", "depth_valid", "masks"):
        with pytest.raises(ValueError, match=f"flip moves images, but the field '{name}' has no kind.*given for x, boxes, label"):
            fields.check_movable("flip", ["x", name], kinds)


def test_a_field_may_be_declared_and_absent():
    fields.check_movable("flip", ["x"], fields.CLASSIFICATION)


@pytest.mark.parametrize("kind", fields.KINDS)
def test_every_kind_is_known(kind):
    fields.check_movable("flip", ["x"], {"x": kind})
    with pytest.raises(ValueError, match=f"'x' of the unknown kind '{kind}s '"):
        fields.check_movable("flip", ["x"], {"x": f"{kind}s "})


def test_bytes_and_floats_are_images_and_integers_are_not():
    assert np.array_equal(fields.unit_images("x", np.uint8([0, 255])), np.float32([0, 1]))
    half = fields.unit_images("x", np.float16([0, 0.5]))
    assert half.dtype == np.float32 and half.tolist() == [0, 0.5]
    for dtype in (np.int32, bool):
        with pytest.raises(ValueError, match=f"target is {np.dtype(dtype)}"):
            fields.unit_images("target", np.zeros(2, dtype))


@pytest.mark.parametrize(
    ("kind", "hint"),
    [("numbr", "did you mean number"), ("vectr", "did you mean vector"), ("zzz", "kinds are"), (3, "kinds are")],
)
def test_a_misspelled_kind_is_named_with_the_nearest(kind, hint):
    with pytest.raises(ValueError, match=f"mine: unknown kind {kind!r} of the field 'label'; {hint}"):
        fields.check_kinds("mine", {"x": "image", "label": kind})
    fields.check_kinds("mine", {name: name for name in fields.KINDS})
