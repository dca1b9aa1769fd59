import numpy as np
import pytest
from PIL import Image

from tljax import data

from ..conftest import picture

NAMES = ("sky", "void", "road")


def label_image(path, pixels, mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(pixels, np.uint16 if mode == "I;16" else np.uint8))
    if mode == "P":
        image.putpalette([255 - i for i in range(256) for _ in range(3)])
    assert image.mode == mode
    image.save(path)


def values(seed, size=(6, 5), high=3):
    return np.random.default_rng(seed).integers(0, high, size, np.uint8)


@pytest.fixture
def folders(tmp_path):
    """Three images, one in a folder, with the pixel values 0 to 2."""
    for i, name in enumerate(("b.png", "été.jpg", "deep/a.png")):
        picture(tmp_path / "images" / name, i)
        label_image((tmp_path / "masks" / name).with_suffix(".png"), values(i))
    return tmp_path


def create(folders, classes=NAMES, **more):
    arguments = "".join(f", {key}={value!r}" for key, value in more.items())
    return data.create(f"masks({str(folders / 'images')!r}, {str(folders / 'masks')!r}, {classes!r}{arguments})")


def test_each_image_has_the_mask_of_its_name(folders):
    source = create(folders)
    assert source.fields == {"x": "image", "label": "mask"} and source.labels is None and source.classes == NAMES and len(source) == 3
    for i, seed in enumerate((0, 2, 1)):
        assert source[i]["x"].shape == (6, 5, 3) and source[i]["label"].dtype == np.int32
        assert np.array_equal(source[i]["label"], values(seed))
    assert data.name_of(source, 1).endswith("deep/a.png")


@pytest.mark.parametrize("mode", ["L", "P", "I;16"])
def test_ids_are_read_from_every_mode_of_one_channel(folders, mode):
    label_image(folders / "masks" / "b.png", values(5), mode)
    assert np.array_equal(create(folders)[0]["label"], values(5))


def test_a_mask_of_one_bit(folders):
    Image.fromarray(values(5, high=2).astype(bool)).save(folders / "masks" / "b.png")
    assert np.array_equal(create(folders)[0]["label"], values(5, high=2))


def test_ignored_values_become_negative_and_later_classes_move_down(folders):
    source = create(folders, ignore=1)
    assert source.classes == ("sky", "road") and np.array_equal(source[0]["label"], np.array([0, -1, 1])[values(0)])
    label_image(folders / "masks" / "b.png", np.where(values(0) == 1, 255, values(0)))
    several = create(folders, ignore=(0, 255))
    assert several.classes == ("void", "road") and np.array_equal(several[0]["label"], np.where(values(0) == 2, 1, -1))


def test_classes_from_a_file(folders):
    (folders / "classes.txt").write_text("\ufeffsky\nfirst sea\n\nété\n", encoding="utf-8")
    assert create(folders, str(folders / "classes.txt")).classes == ("sky", "first sea", "été")
    with pytest.raises(FileNotFoundError, match="no such file of class names"):
        create(folders, "sky")


def test_wrong_masks_are_named_when_read(folders):
    label_image(folders / "masks" / "b.png", values(0, (5, 6)))
    with pytest.raises(ValueError, match=r"masks/b\.png: the mask is \[5, 6\] \(H, W\), but its image .*images/b\.png \[6, 5\]"):
        create(folders)[0]
    pixels = np.zeros((6, 5), np.uint8)
    pixels[4, 3] = 7
    label_image(folders / "masks" / "b.png", pixels)
    with pytest.raises(
        ValueError, match=r"masks/b\.png: pixel value 7 at row 4, column 3 is neither a class \(there are 3: sky, .*ignore=7"
    ):
        create(folders)[0]
    assert create(folders, ignore=7)[0]["label"][4, 3] == -1
    picture(folders / "masks" / "b.png")
    with pytest.raises(ValueError, match=r"masks/b\.png: is a RGB image"):
        create(folders)[0]
    (folders / "masks" / "b.png").write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"masks/b\.png: does not decode"):
        create(folders)[0]


def test_missing_and_double_files_are_named_and_unused_ones_counted(folders, capsys):
    label_image(folders / "masks" / "more.png", values(0))
    create(folders)
    assert "1 masks have no image and are not used, the first is" in capsys.readouterr().out
    picture(folders / "images" / "c.png")
    with pytest.raises(FileNotFoundError, match=r"1 of 4 images have no mask \(PNG\) of their name, the first is .*c\.png"):
        create(folders)
    picture(folders / "images" / "b.jpg")
    with pytest.raises(ValueError, match="several images are called 'b'"):
        create(folders)
    with pytest.raises(ValueError, match="each once"):
        create(folders, ("a", "a"))


def test_the_fingerprint_follows_files_and_classes(folders):
    first = data.fingerprint(create(folders))
    assert data.fingerprint(create(folders)) == first
    assert len({first, data.fingerprint(create(folders, ignore=1)), data.fingerprint(create(folders, ("a", "b", "c")))}) == 3
    label_image(folders / "masks" / "b.png", np.zeros((6, 5)))
    assert data.fingerprint(create(folders)) != first


def test_a_subset_and_other_numbers(folders):
    source = data.relabel(data.split(create(folders, ignore=1), [2, None], seed=0)[0], ("road", "tree", "sky"))
    assert source.classes == ("road", "tree", "sky") and set(np.unique(source[0]["label"])) == {-1, 0, 2}
