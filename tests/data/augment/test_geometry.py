import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.augment.batches import images
from tljax import data
from tljax.data.augment import box

SIZE = (9, 14)
draw = jax.jit(lambda seed, scale, ratio: box.draw(jax.random.key(seed), SIZE, scale, ratio))


def augmented(expression, batch):
    return np.asarray(jax.jit(data.augmentation((expression,), 3, 0))(batch)["x"])


def test_flip_is_certain_or_impossible_where_asked_and_its_own_inverse():
    batch = images()
    never, always = augmented("flip(p=0.0)", batch), augmented("flip(p=1.0)", batch)
    assert np.abs(never - batch["x"] / 255).max() < 1e-6 and np.array_equal(always, never[:, :, ::-1])
    assert np.array_equal(augmented("flip(p=1.0)", {**batch, "x": always}), never)


@pytest.mark.parametrize(
    "expression", ["pad_crop(padding=0)", "random_zoom(scale=(1.0, 1.0), ratio=(1.0, 1.0))", "erase(p=0.0)", "color(0, 0, 0, 0)"]
)
def test_the_mildest_settings_change_nothing(expression):
    batch = images(6, (13, 13))
    assert np.abs(augmented(expression, batch) - batch["x"] / 255).max() < (2**-15 if "color" in expression else 1e-5)


@pytest.mark.parametrize("mode", ["zero", "reflect"])
def test_pad_crop_is_one_of_the_crops(mode):
    batch = images(12, (5, 6))
    out, x = augmented(f"pad_crop(padding=2, mode={mode!r})", batch), batch["x"] / 255
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="constant" if mode == "zero" else mode)
    found = [[(i, j) for i in range(5) for j in range(5) if np.allclose(out[n], padded[n, i : i + 5, j : j + 6])] for n in range(len(out))]
    assert all(found) and len({tuple(f) for f in found}) > 4


@given(st.integers(0, 2**31), st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0.1, 10), st.floats(0.1, 10))
@settings(max_examples=100, deadline=None)
def test_a_rectangle_lies_inside_and_has_the_area_asked_for(seed, a, b, r, s):
    scale, ratio = (min(a, b), max(a, b)), (min(r, s), max(r, s))
    corner, sides = (np.asarray(v) for v in draw(np.uint32(seed), tuple(map(jnp.float32, scale)), tuple(map(jnp.float32, ratio))))
    area, aspect = sides.prod() / np.prod(SIZE), sides[1] / sides[0]
    assert (corner >= 0).all() and (sides > 0).all() and (corner + sides <= np.array(SIZE) * (1 + 1e-6)).all()
    assert area <= scale[1] * (1 + 1e-5)
    if (sides < np.array(SIZE) * (1 - 1e-5)).all():  # nothing was cut
        assert scale[0] * (1 - 1e-5) <= area and ratio[0] * (1 - 1e-5) <= aspect <= ratio[1] * (1 + 1e-5)


def test_rectangles_fill_their_ranges():
    scale, ratio = (0.1, 0.4), (0.5, 2.0)
    corners, sides = jax.jit(jax.vmap(lambda key: box.draw(key, (32, 32), scale, ratio)))(jax.random.split(jax.random.key(0), 2000))
    area, aspect = np.asarray(sides.prod(1) / 32**2), np.log(sides[:, 1] / sides[:, 0])
    assert abs(area.mean() - 0.25) < 0.01 and abs(aspect.mean()) < 0.05 and aspect.min() < -0.65 and aspect.max() > 0.65
    place = np.asarray(corners / (32 - sides))
    assert abs(place.mean() - 0.5) < 0.02 and place.min() < 0.01 and place.max() > 0.99


def test_a_crop_shows_a_part_of_the_image_enlarged():
    """On an image that is linear in row and column, a crop is linear too: its slope is the crop's side over the image's."""
    rows, columns = np.mgrid[:24, :24] / 24
    x = np.broadcast_to(np.stack([rows, columns], -1).astype(np.float32), (8, 24, 24, 2))
    out = augmented("random_zoom(scale=(0.2, 0.5))", {**images(8), "x": x})[:, 4:20, 4:20]
    slopes = np.diff(out[..., 0], axis=1) * 24, np.diff(out[..., 1], axis=2) * 24
    for slope in slopes:
        assert np.abs(slope - slope.mean((1, 2), keepdims=True)).max() < 1e-3
    area = slopes[0].mean((1, 2)) * slopes[1].mean((1, 2))
    assert (area > 0.2 - 1e-3).all() and (area < 0.5 + 1e-3).all() and area.std() > 0.02


@pytest.mark.parametrize("fill", [0.5, 0.25])
def test_erase_fills_a_rectangle_and_leaves_the_rest(fill):
    batch = images(20, (16, 16))
    batch["x"] = batch["x"] // 4 + 160  # all brighter than the fill
    x, out = batch["x"] / 255, augmented(f"erase(p=0.5, scale=(0.1, 0.3), ratio=(0.5, 2.0), fill={fill})", batch)
    gone = ~np.isclose(out, x).all(-1)
    assert (out[gone] == fill).all()
    sizes = gone.sum((1, 2))
    assert 3 <= (sizes > 0).sum() <= 17
    for one in gone[sizes > 0]:
        height, width = one.any(1).sum(), one.any(0).sum()
        assert height * width == one.sum() and 0.1 * 256 * 0.7 < one.sum() < 0.3 * 256 * 1.3


def test_geometry_does_not_touch_a_flat_image():
    flat = {**images(4), "x": np.full((4, 12, 10, 3), 0.25, np.float32)}
    for expression in ("flip", "random_zoom", "pad_crop(mode='reflect')"):
        assert np.abs(augmented(expression, flat) - 0.25).max() < 1e-6
