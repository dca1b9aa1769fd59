"""An example whose pixels say where they come from, and the brute-force check that everything moved with them."""

import numpy as np

KINDS = {"x": "image", "label": "mask", "boxes": "boxes", "corners": "points"}


def coded(size, seed=0, n=5):
    """An example of `size` (H, W): x holds (x, y, 1), coordinates as parts of the sides; the mask numbers the pixels."""
    rng, (height, width) = np.random.default_rng(seed), size
    y, x = np.mgrid[:height, :width] + 0.5
    sides = np.array([width, height])
    low = rng.uniform(2, 0.6 * sides, (n, 2))
    high = low + rng.uniform(0.2, 0.3, (n, 2)) * sides
    return {
        "x": np.stack([x / width, y / height, np.ones(size)], -1).astype(np.float32),
        "label": np.arange(height * width, dtype=np.int32).reshape(size),
        "boxes": np.concatenate([low, high], 1).astype(np.float32),
        "corners": rng.uniform(2, sides - 2, (n, 2)).astype(np.float32),
    }


def decoded(moved, size):
    """Where each output pixel comes from, (x, y) in pixels of the input, and how much of it comes from inside."""
    return moved["x"][..., :2] * np.array([size[1], size[0]]), moved["x"][..., 2]


def check(before, after, step=(1.0, 1.0), upright=True, unique=True, slack=0.03):
    """Every mask pixel, point and box of `after` lies where the pixels of `after` say.

    `step` (x, y) is how far two neighboring output pixels lie apart in the input; `upright`: no rotation or shear; `unique`: no reflection.
    """
    size = before["label"].shape
    places, inside = decoded(after, size)
    check_mask(after["label"], places, inside, size, slack)
    for point, moved, valid in zip(before["corners"], after["corners"], after["corners_valid"], strict=True):
        check_point(point, moved, valid > 0, (places - point) / step, inside, unique, slack)
    for box, moved, valid in zip(before["boxes"], after["boxes"], after["boxes_valid"], strict=True):
        if unique:
            check_box(moved, valid > 0, (places >= box[:2]).all(-1) & (places <= box[2:]).all(-1) & (inside > 0.99), upright)


def check_mask(mask, places, inside, size, slack):
    assert mask.dtype == np.int32 and mask.shape == inside.shape
    row, column = np.divmod(mask, size[1])
    whole, nothing = inside > 1 - 1e-3, inside < 1e-3
    assert whole.mean() > 0.1 and (mask[whole] >= 0).all() and (mask[nothing] == -1).all()
    off = np.abs(places - np.stack([column, row], -1) - 0.5)[whole]
    assert off.max() <= 0.5 + slack, off.max()


def check_point(point, moved, valid, off, inside, unique, slack):
    """`off` [h, w, 2]: how far each pixel's place is from the point, in steps."""
    distance = np.where(inside > 1 - 1e-3, np.linalg.norm(off, axis=-1), np.inf)
    if valid:
        column, row = np.clip(np.floor(moved).astype(int), 0, np.array(inside.shape[::-1]) - 1)
        assert distance[row, column] <= 0.71 + slack or inside[row, column] < 1 - 1e-3, (point, moved, distance[row, column])
    else:
        assert (moved == 0).all() and (not unique or distance.min() >= 0.5 - slack), (point, distance.min())


def check_box(box, valid, pixels, upright):
    if not valid:
        assert (box == 0).all() and pixels.sum() <= max(pixels.shape)  # at most a border of one pixel
        return
    rows, columns = (np.flatnonzero(pixels.any(axis)) for axis in (1, 0))
    if not len(rows):
        assert not upright or (box[2:] - box[:2]).min() < 1
        return
    brute = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    assert (box[:2] <= brute[:2] + 1).all() and (box[2:] >= brute[2:] - 1).all(), (box, brute)
    if upright:
        assert np.abs(box - brute).max() <= 1.05, (box, brute)
    elif (brute[:2] > 2).all() and (brute[2:] < np.array(pixels.shape[::-1]) - 2).all():
        assert np.abs(box - brute).max() <= 2, (box, brute)
