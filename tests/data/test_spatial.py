"""The loader's half: resize and crops move masks, boxes and points with the image."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from tests.data.coordinates import KINDS, check, coded
from tests.data.test_preprocess import Config
from tljax import data
from tljax.data import spatial

CROP = "random_resized_crop(scale=(0.1, 1.0))"


def host(size, kinds=KINDS, **more):
    settings = {name: more.pop(name) for name in ("crop_fraction", "interpolation") if name in more}
    return data.on_host(Config(input_size=size, **settings), kinds, **more)


@pytest.mark.parametrize("source", [(37, 52), (52, 37), (24, 24)])
@pytest.mark.parametrize("size", [(24, 24), (30, 20), (60, 70)])
@pytest.mark.parametrize("crop", [1.0, 0.8])
def test_everything_is_resized_and_cropped_with_the_image(source, size, crop):
    example = coded(source)
    out = host(size, crop_fraction=crop)(example)
    affine = spatial_step(source, size, crop)
    check(example, out, step=affine, slack=0.3 * max(affine, default=0) + 0.05)
    assert out["x"].shape == (*size, 3) and out["label"].shape == size


def spatial_step(source, size, crop):
    matrix = data.preprocess.center_crop(source, size, crop).matrix
    return matrix[0, 0], matrix[1, 1]


@pytest.mark.parametrize("index", range(12))
def test_everything_is_in_the_random_crop_where_the_image_is(index):
    example = coded((37, 52), index)
    out = host((24, 24), augment=(CROP,))(example, epoch=1, index=index)
    middle = (out["x"][18, 18] - out["x"][6, 6])[:2] * np.array([52, 37]) / 12
    check(example, out, step=middle, slack=0.3 * middle.max() + 0.05)


def test_a_random_crop_follows_from_seed_stream_epoch_and_index_alone_and_evaluation_has_none():
    example, plain = coded((37, 52)), host((24, 24))(coded((37, 52)))

    def crop(epoch=0, index=0, **more):
        return host((24, 24), augment=(CROP, "flip"), **more)(example, epoch=epoch, index=index)["label"].tobytes()

    crops = [crop(), crop(1), crop(0, 1), crop(seed=1), crop(stream="target")]
    assert len(set(crops)) == 5 and crops[0] == crop()
    assert np.array_equal(host((24, 24), augment=(CROP,))(example)["label"], plain["label"])
    assert np.array_equal(host((24, 24), augment=("flip",))(example, epoch=0)["label"], plain["label"])  # of the device
    with pytest.raises(ValueError, match="random_resized_crop draws by the example's index"):
        host((24, 24), augment=(CROP,))(example, epoch=0)


def test_random_crops_reach_all_of_the_image_in_its_full_resolution():
    example = coded((40, 80))
    crop = host((40, 40), augment=("random_resized_crop(scale=(0.2, 0.5))",))
    rows = [np.unique(crop(example, epoch=e, index=0)["label"]) for e in range(60)]
    seen = np.isin(np.arange(3200), np.concatenate(rows)).reshape(40, 80)
    assert seen.mean() > 0.95 and seen[:, :5].any() and seen[:, -5:].any()  # a center crop would hide 20 columns on both sides


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_random_crop_is_pillows_resize_of_a_part(interpolation, dtype):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    example = {"x": pixels if dtype == np.uint8 else pixels.astype(np.float32) / 255, "corners": np.float32([[0, 0], [30, 40]])}
    out = host((8, 8), {"x": "image", "corners": "points"}, augment=(CROP,), interpolation=interpolation)(example, epoch=3, index=7)
    step = data.augment.create((CROP,))[0][1].steps[0]
    (top, left), (rows, columns) = step.rectangle(data.preprocess._numbers("crop", step.draws, 0, "", 3, 7), (40, 30))
    method = getattr(Image.Resampling, interpolation.upper())
    expected = np.asarray(Image.fromarray(pixels).resize((8, 8), method, (left, top, left + columns, top + rows)))
    assert out["x"].dtype == dtype and np.abs(out["x"] / (1 if dtype == np.uint8 else 1 / 255) - expected).max() <= (dtype != np.uint8)


def test_the_whole_image_as_a_random_crop_is_a_resize():
    example = coded((40, 40))
    out = host((40, 40), augment=("random_resized_crop(scale=(1.0, 1.0), ratio=(1.0, 1.0))",))(example, epoch=0, index=0)
    assert all(np.allclose(out[name], example[name], atol=1e-4) for name in example)


@pytest.mark.parametrize("augment", [(), (CROP,)])
@pytest.mark.parametrize("epoch", [None, 0])
def test_fields_that_might_have_to_move_are_refused_by_name(augment, epoch):
    example = coded((24, 24)) | {"flow": np.zeros((24, 24, 2), np.float32)}
    with pytest.raises(ValueError, match="field 'flow' has no kind"):
        host((24, 24), augment=augment)(example, epoch=epoch, index=0)
    with pytest.raises(ValueError, match="'flow' of the unknown kind 'motion'"):
        host((24, 24), {**KINDS, "flow": "motion"}, augment=augment)(example, epoch=epoch, index=0)
    known = host((24, 24), {**KINDS, "flow": "vector"}, augment=augment)(example, epoch=epoch, index=0)
    assert known["flow"] is example["flow"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": np.zeros((9, 7), np.int32)}, r"label is int32 \[9, 7\]; expected a mask of integers \[20, 24\]"),
        ({"boxes": [[1, 2, 3]]}, r"expected boxes \[K, 4\]"),
        ({"target": np.zeros((9, 7, 3), np.uint8)}, r"target is an image \[9, 7, 3\], but x is \[20, 24\]"),
    ],
)
def test_fields_that_are_not_of_their_kind_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        host((8, 8), {**KINDS, "target": "image"})(coded((20, 24)) | change)


def test_inputs_that_are_no_images_have_no_crop_and_models_of_images_no_other_input():
    with pytest.raises(ValueError, match=r"random_resized_crop crops images; the model takes inputs of size \(\)"):
        host((), augment=(CROP,))
    with pytest.raises(ValueError, match=r"random_resized_crop crops images; the model takes inputs of size \(9,\)"):
        host((9,), augment=(CROP,))
    with pytest.raises(ValueError, match=r"the model takes images \[8, 8\], and the kind of x is audio"):
        host((8, 8), {"x": "audio"})


def test_a_second_image_keeps_its_channels():
    example = coded((20, 24)) | {"target": coded((20, 24))["x"][..., :2]}
    out = host((8, 8), {**KINDS, "target": "image"})(example)
    assert out["target"].shape == (8, 8, 2) and np.allclose(out["target"], out["x"][..., :2])


@pytest.mark.parametrize("xp", [np, jnp])
def test_the_same_maps_in_numpy_and_jax(xp):
    """A turn by 90 degrees, clockwise, of a place known by hand: the upper left quarter goes to the upper right."""
    turn = spatial.around_center(xp.asarray([[0.0, 1, 0], [-1, 0, 0]]), (4, 4))
    mask = xp.asarray(np.arange(16).reshape(4, 4))
    assert np.array_equal(spatial.move_mask(mask, turn), np.rot90(np.arange(16).reshape(4, 4), -1))
    boxes, valid = spatial.move_boxes(xp.asarray([[0.0, 0, 1, 2], [-3, 0, -1, 2]]), xp.ones(2), turn)
    assert np.allclose(boxes, [[2, 0, 4, 1], [0, 0, 0, 0]]) and valid.tolist() == [1, 0]
    points, valid = spatial.move_points(xp.asarray([[0.5, 1.5], [5, 0]]), xp.ones(2), turn)
    assert np.allclose(points, [[2.5, 0.5], [0, 0]]) and valid.tolist() == [1, 0]


def test_masks_are_filled_or_reflected_outside():
    mask = np.arange(12).reshape(3, 4)
    shift = {"source": (3, 4), "size": (5, 6)}
    corner, sides = np.array([-1.0, -1.0]), np.array([5.0, 6.0])
    assert np.array_equal(spatial.move_mask(mask, spatial.window(corner, sides, **shift)), np.pad(mask, 1, constant_values=-1))
    assert np.array_equal(spatial.move_mask(mask, spatial.window(corner, sides, **shift), fill=7), np.pad(mask, 1, constant_values=7))
    reflected = spatial.move_mask(mask, spatial.window(corner, sides, **shift, reflect=True))
    assert np.array_equal(reflected, np.pad(mask, 1, mode="reflect"))
    one = spatial.Affine(np.array([[1.0, 0, -1], [0, 1, -1]]), (1, 1), (3, 3), reflect=True)
    assert np.array_equal(spatial.move_mask(np.array([[5]]), one), np.full((3, 3), 5))
