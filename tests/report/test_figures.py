import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tljax.report import figures, png


def _size(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert np.asarray(image.convert("L")).std() > 0
        return image.size


@pytest.mark.parametrize("n", [1, 2, 12, 40])
def test_a_cell_stays_large_enough_to_read(tmp_path, n):
    rng = np.random.default_rng(0)
    path = figures.confusion_matrix(rng.integers(1, 30, n) * np.eye(n, dtype=int), [f"class {i}" for i in range(n)], tmp_path / "m.png")
    assert min(_size(path)) >= 25 * n  # pixels


def test_confusion_matrix_with_absent_classes_and_long_names(tmp_path):
    _size(figures.confusion_matrix(np.array([[0, 0], [3, 100000]]), ["x" * 300, "$y_1"], tmp_path / "m.png"))


def test_confusion_matrix_that_does_not_fit_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"\(2, 3\) does not fit 2"):
        figures.confusion_matrix(np.zeros((2, 3)), ["a", "b"], tmp_path / "m.png")
    with pytest.raises(ValueError, match="0 class names"):
        figures.confusion_matrix(np.zeros((0, 0)), [], tmp_path / "m.png")


def test_a_grid_shows_every_kind_of_image(tmp_path):
    rng = np.random.default_rng(0)
    shapes = [(8, 8), (8, 8, 1), (8, 8, 3), (8, 8, 2), (8, 8, 5), (1, 1, 1)]
    images = [rng.random(s) for s in shapes] + [rng.integers(0, 256, (4, 9, 3), dtype=np.uint8)]
    one, seven = (figures.image_grid(images[:n], ["köln\n" + "x" * 90] * n, tmp_path / f"{n}.png", title="$t_1") for n in (1, 7))
    assert _size(seven)[0] > _size(one)[0] and _size(seven)[1] > 1.5 * _size(one)[1]


def test_a_grid_of_no_image_says_so(tmp_path):
    _size(figures.image_grid([], [], tmp_path / "w.png", title="t", empty="No example was classified wrongly."))


def test_uint8_and_float_are_the_same_picture():
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5
    np.testing.assert_allclose(figures._shown(image, 0), figures._shown((image / 255).astype(np.float32), 0), atol=1e-6)


@pytest.mark.parametrize(
    ("image", "message"),
    [(np.zeros(5), "number 1 is no image"), (np.full((2, 2), 3.0), "number 1 has values 3"), (np.full((2, 2), np.nan), "number 1")],
)
def test_what_is_no_image_is_named(tmp_path, image, message):
    with pytest.raises(ValueError, match=message):
        figures.image_grid([np.zeros((2, 2)), image], ["a", "b"], tmp_path / "w.png", title="t")
    with pytest.raises(ValueError, match="1 images for 2 captions"):
        figures.image_grid([image], ["a", "b"], tmp_path / "w.png", title="t")


def test_a_write_that_fails_keeps_the_old_file_and_leaves_nothing(tmp_path, monkeypatch):
    path = figures.image_grid([], [], tmp_path / "w.png", title="t")
    before = path.read_bytes()

    def half(self, name, **_):
        name.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(OSError, match="no space"):
        png.save(Figure(), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["w.png"]
