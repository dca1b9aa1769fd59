"""Segmentation end to end on drawn rectangles: learn, measure, save, open, predict masks, draw."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import tljax
from tljax import data, models, tasks
from tljax.report import pictures
from tljax.runs import predictions
from tljax.tasks.segmentation import Segmentation, colors, in_size, overlay
from tljax.train.optimizer import Optim

NAMES = ("ground", "réd", "green", "absent")
COLORS = np.array([[60, 60, 60], [220, 30, 30], [30, 220, 30]])
UNKNOWN = 255


def drawn(seed, size=(12, 16)):
    """A noisy picture of two rectangles and the class of each pixel; a column is unknown."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(size, np.uint8)
    for c in (1, 2):
        top, left = rng.integers(0, size[0] - 6), rng.integers(0, size[1] - 7)
        mask[top : top + 6, left : left + 7] = c
    image = np.clip(COLORS[mask] + rng.normal(0, 20, (*size, 3)), 0, 255).astype(np.uint8)
    mask[:, seed % size[1]] = UNKNOWN
    return image, mask


def written(root, n, *, first=0, size=(12, 16), classes=NAMES):
    """The source of n such pictures as files."""
    for i in range(first, first + n):
        image, mask = drawn(i, size)
        for folder, pixels in (("images", image), ("masks", mask)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / folder / f"{i:02}.png")
    return data.create(f"masks({str(root / 'images')!r}, {str(root / 'masks')!r}, {classes!r}, ignore={UNKNOWN})")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """``(result, workdir, train, test)`` of a short run."""
    root = tmp_path_factory.mktemp("rectangles")
    train, test = written(root / "train", 24), written(root / "test", 5, first=50)
    start = tljax.create("cnn(widths=(8, 8))", train, head="decoder(width=16)")
    options = {"strategy": "scratch", "augment": ("flip",), "batch_size": 8, "optim": Optim(lr=1e-2), "steps": 40, "eval_every": 40}
    result = tljax.fit(tljax.Run(start, train, test, test, **options), root / "run")
    return result, root / "run", train, test


def test_masks_call_for_this_task(fitted):
    _, _, train, _ = fitted
    assert str(tasks.infer(train)) == "segmentation"
    assert tasks.create("segmentation").view(train) is train


def test_a_checkpoint_without_a_task_is_known_by_its_head(fitted, tmp_path):
    result, _, _, test = fitted
    unnamed = dataclasses.replace(result.pretrained, config=dataclasses.replace(result.pretrained.config, task=""))
    unnamed.save(tmp_path)
    assert str(tljax.open(tmp_path).task) == "segmentation" and tljax.open(tmp_path).measure(test) == result.metrics


def test_training_improves_the_overlap(fitted):
    result, root, train, test = fitted
    first = tljax.create("cnn(widths=(8, 8))", train, head="decoder(width=16)").measure(test)
    assert first["mean_iou"] < 0.5 < 0.9 < result.score == result.metrics["mean_iou"]
    assert result.metrics["per_class"][3] is None  # the class that no picture has
    assert result.summary["metric"] == "mean_iou" and (root / "figures" / "curves.png").is_file()


def test_saved_and_opened_it_measures_the_same(fitted, tmp_path):
    result, root, _, test = fitted
    result.pretrained.save(tmp_path / "saved")
    for path in (root, tmp_path / "saved"):
        opened = tljax.open(path)
        assert isinstance(opened.task, Segmentation) and opened.config.labels == NAMES
        assert opened.measure(test) == result.metrics
    again = tljax.open(root, labels=test)
    assert not again.new_head and again.measure(test) == result.metrics


def test_ignored_pixels_do_not_count(fitted):
    result, _, _, test = fitted
    masks = [row["mask"] for row in result.pretrained.predict(test)]
    truths = [test[i]["label"] for i in range(len(test))]
    assert all((t < 0).sum() == 12 and (m >= 0).all() for m, t in zip(masks, truths, strict=True))  # predicted all the same
    right = np.concatenate([(m == t)[t >= 0] for m, t in zip(masks, truths, strict=True)])
    assert result.metrics["pixel_accuracy"] == pytest.approx(right.mean())


def test_predictions_become_mask_files(fitted, tmp_path):
    result, _, _, test = fitted
    line = predictions.write(tmp_path / "p.csv", result.pretrained.predictions(test, batch_size=2))
    assert "5 rows; masks in" in line
    files = sorted((tmp_path / "p_masks").iterdir())
    for i, file in enumerate(files):
        mask, truth = np.asarray(Image.open(file)), test[i]["label"]
        assert mask.dtype == np.uint8 and mask.shape == truth.shape and (mask == truth)[truth >= 0].mean() > 0.85
    assert len(files) == 5 and f"p_masks/{files[0].name}" in (tmp_path / "p.csv").read_text()
    [row] = result.pretrained.predict([test.paths[2]])
    assert np.array_equal(row["mask"], np.asarray(Image.open(files[2])))


@pytest.mark.parametrize(("largest", "none"), [(254, 255), (255, 65535), (999, 65535)])
def test_mask_files_hold_any_number_of_classes(tmp_path, largest, none):
    predictions.write(tmp_path / "p.jsonl", [{"file": "a.png", "mask": np.array([[0, -1, largest]], np.int32)}])
    assert np.asarray(Image.open(tmp_path / "p_masks" / "000000_a.png")).tolist() == [[0, none, largest]]


def test_a_mask_has_the_size_of_its_image(fitted, tmp_path):
    result, _, _, _ = fitted
    [row] = result.pretrained.predict(written(tmp_path, 1, first=3, size=(36, 48)))
    mask = drawn(3, (36, 48))[1].astype(np.int32)
    truth = np.where(mask == UNKNOWN, -1, mask)
    assert row["mask"].shape == (36, 48) and (row["mask"] >= 0).all()
    assert (row["mask"] == truth)[truth >= 0].mean() > 0.8


@pytest.mark.parametrize("size", [(12, 16), (24, 32), (30, 32), (12, 40), (7, 5), (1, 1)])
def test_the_way_back_into_the_image_is_the_way_there_reversed(size):
    seen = np.arange(12 * 16, dtype=np.int32).reshape(12, 16)
    back = in_size(seen, size)
    assert back.shape == size and back.dtype == np.int32
    config = dataclasses.make_dataclass("C", ["input_size", "in_channels", "interpolation", "crop_fraction"])((12, 16), 3, "bilinear", 1.0)
    example = {"x": np.zeros((*size, 3), np.uint8), "label": np.maximum(back, 0) + 1}
    there = data.on_host(config, kinds={"x": "image", "label": "mask"})(example)["label"]
    assert (there > 0).all() and (back >= 0).any()
    if size[0] >= 12 and size[1] >= 16:  # nothing is lost where the image is at least as large
        np.testing.assert_array_equal(there - 1, seen)
    assert ((back < 0).any()) == (size in [(30, 32), (12, 40), (7, 5)])  # the part that was cut has no answer


def test_a_flip_moves_the_mask_with_the_image():
    x = np.random.default_rng(0).integers(0, 3, (32, 4, 6, 1))
    kinds = {"x": "image", "label": "mask"}
    batch = {"x": (x * 0.4).astype(np.float32), "label": x[..., 0].astype(np.int32), "index": np.arange(32), "epoch": np.zeros(32, int)}
    moved = data.augmentation(("flip",), 3, 0, kinds=kinds)({name: jnp.asarray(value) for name, value in batch.items()})
    np.testing.assert_allclose(moved["x"][..., 0], moved["label"] * 0.4, atol=1e-6)
    flipped = (np.asarray(moved["label"]) != batch["label"]).any((1, 2))
    assert 4 < flipped.sum() < 28


def test_the_whole_image_is_read_whatever_the_checkpoint_crops(fitted, tmp_path):
    result, _, train, test = fitted
    cropped = dataclasses.replace(result.pretrained, config=dataclasses.replace(result.pretrained.config, crop_fraction=0.5))
    cropped.save(tmp_path)
    assert tljax.open(tmp_path).config.crop_fraction == 1.0
    assert tljax.open(tmp_path, labels=train, new_head="always").config.crop_fraction == 1.0
    assert tljax.open(tmp_path).measure(test) == result.metrics


def test_fewer_than_two_classes_are_refused(tmp_path):
    task = tasks.create("segmentation")
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"one class at most \('road'\)"):
        task.check(data.create(f"masks({str(tmp_path)!r}, {str(tmp_path)!r}, ('road',))"))
    with pytest.raises(ValueError, match="needs a label of the kind mask"):
        task.check(data.from_arrays(np.zeros((2, 4, 4, 3), np.uint8), np.array([0, 1])))


def test_one_example(tmp_path):
    source = written(tmp_path / "data", 1)
    start = tljax.create("cnn(widths=(4, 4))", source, head="decoder(width=8)")
    run = tljax.Run(start, source, source, source, strategy="scratch", batch_size=1, steps=2, eval_every=0)
    result = tljax.fit(run, tmp_path / "run")
    assert 0 <= result.metrics["mean_iou"] <= 1 and (tmp_path / "run" / "figures" / "overlay.png").is_file()


def test_the_picture_shows_images_above_their_masks(fitted, tmp_path):
    _, root, _, test = fitted
    with Image.open(root / "figures" / "overlay.png") as image:
        assert image.format == "PNG" and np.asarray(image).std() > 0
    truths = np.stack([test[i]["label"] for i in range(5)])
    grid = tasks.create("segmentation").pictures(None, test, test.classes, lambda indices: np.maximum(truths[indices], 0))["overlay.png"]
    assert len(grid.images) == 15 and grid.columns == 5 and [name for name, _ in grid.legend] == [*NAMES[:3], "ignored"]
    assert np.array_equal(grid.images[0], test[0]["x"]) and grid.captions[10] == "prediction: 1.00 right"
    assert (grid.images[5][truths[0] < 0] == 0).all() and (grid.images[5][truths[0] >= 0] > 0).any(-1).all()
    for picture in (grid, dataclasses.replace(grid, images=(), captions=())):
        assert pictures.draw(picture, tmp_path / "p.png").is_file()


@pytest.mark.parametrize("count", [1, 2, 11, 40, 150])
def test_colors_differ(count):
    palette = colors(count)
    assert palette.shape == (count, 3) and palette.dtype == np.uint8 and len(np.unique(palette, axis=0)) == count


def test_overlays_of_gray_and_float_images_agree():
    mask, palette = np.array([[0, 1], [-1, 0]]), colors(2)
    image = np.array([[0, 255], [51, 102]], np.uint8)[..., None]
    expected = overlay(image, mask, palette)
    np.testing.assert_allclose(overlay((image / 255).astype(np.float32), mask, palette), expected, atol=1e-6)
    assert (expected[1, 0] == 0).all() and (expected[0, 1] > expected[0, 0]).any()


def test_an_answer_is_a_class_and_no_logits():
    outputs = models.Outputs(jnp.zeros((2, 3, 4, 5)).at[..., 2].set(1.0), jnp.zeros((2, 1)), {}, {})
    answer = tasks.create("segmentation").answers(outputs, {"x": jnp.zeros((2, 6, 8, 3))})
    assert answer.shape == (2, 6, 8) and answer.dtype == jnp.int32 and (answer == 2).all()
