import numpy as np
import pytest
from PIL import Image

from tljax import data

from ..conftest import picture


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("1", 1), ("RGB", 3), ("RGBA", 3), ("P", 3), ("LA", 3)])
def test_channels_by_mode(tmp_path, mode, channels):
    x = data.read_image(picture(tmp_path / "a.png", size=(6, 5), mode=mode))
    assert x.shape == (6, 5, channels) and x.dtype == np.uint8


def test_png_is_read_exactly(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (4, 7, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(data.read_image(tmp_path / "a.png"), pixels)
    Image.fromarray(pixels[..., 0]).save(tmp_path / "b.bmp")
    assert np.array_equal(data.read_image(tmp_path / "b.bmp"), pixels[..., :1])
    alpha = np.concatenate([pixels, np.full((4, 7, 1), 9, np.uint8)], -1)
    Image.fromarray(alpha).save(tmp_path / "c.png")
    assert np.array_equal(data.read_image(tmp_path / "c.png"), pixels)


def test_16_bit_gray_is_scaled(tmp_path):
    deep = np.array([[0, 257, 65535], [128, 129, 32768]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    assert data.read_image(tmp_path / "a.png")[..., 0].tolist() == [[0, 1, 255], [0, 1, 128]]


def test_cmyk_and_palettes_with_transparency(tmp_path):
    picture(tmp_path / "a.jpg", mode="CMYK")
    assert data.read_image(tmp_path / "a.jpg").shape == (6, 5, 3)
    image = Image.open(picture(tmp_path / "p.png", mode="P"))
    image.save(tmp_path / "q.png", transparency=bytes(range(256)))
    assert data.read_image(tmp_path / "q.png").shape == (6, 5, 3)


def test_exif_orientation_is_honoured(tmp_path):
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[0, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    x = data.read_image(tmp_path / "a.png")
    assert x.shape == (6, 4, 3) and (x[0, -1] == 255).all() and x.sum() == 3 * 255


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp"])
def test_truncated_and_corrupt_images_are_named(tmp_path, suffix):
    path = picture(tmp_path / f"bad.{suffix}", size=(40, 40))
    whole = path.read_bytes()
    for damaged in (b"", whole[:3], whole[: len(whole) // 2], b"\0" * 100, b"not an image"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"bad\.{suffix}: does not decode"):
            data.read_image(path)


def test_missing_images_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        data.read_image(tmp_path / "none.png")
    with pytest.raises(FileNotFoundError, match="none"):
        data.image_files(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no image"):
        data.image_files(tmp_path)


def test_unlabeled_is_a_file_or_a_folder(tmp_path):
    for name in ("b.png", "a.JPG", ".hidden.png"):
        picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    source = data.create(f"unlabeled({str(tmp_path)!r})")
    assert [data.name_of(source, i).rsplit("/")[-1] for i in range(len(source))] == ["a.JPG", "b.png"]
    assert source.labels is None and source.classes == () and source.fields == {"x": "image"} and set(source[0]) == {"x"}
    assert len(data.create(f"unlabeled({str(tmp_path / 'b.png')!r})")) == 1


def test_undecodable_images_are_skipped_counted_and_named(tmp_path, capsys):
    paths = [picture(tmp_path / f"{i}.png", i) for i in range(4)]
    paths[1].write_bytes(b"junk")
    paths[3].write_bytes(paths[3].read_bytes()[:40])
    fatal = data.from_files(paths, np.array([0, 1, 0, 1]), ["a", "b"])
    assert len(fatal) == 4
    with pytest.raises(ValueError, match=r"1\.png"):
        fatal[1]
    source = data.from_files(paths, np.array([0, 1, 0, 1]), ["a", "b"], on_error="skip")
    said = capsys.readouterr().out
    assert len(source) == 2 and source.labels.tolist() == [0, 0] and source.classes == ("a", "b")
    assert "2 of 4" in said and "1.png" in said and "3.png" in said and "0.png" not in said
    assert np.array_equal(source[1]["x"], data.read_image(paths[2]))


def test_nothing_is_said_where_all_decode(tmp_path, capsys):
    assert len(data.from_files([picture(tmp_path / "a.png")], np.zeros(1), ["a"], on_error="skip")) == 1
    assert capsys.readouterr().out == ""


def test_all_undecodable_or_a_wrong_option_is_an_error(tmp_path):
    (tmp_path / "a.png").write_bytes(b"junk")
    with pytest.raises(ValueError, match="1 of 1 images do not decode"):
        data.from_files([tmp_path / "a.png"], np.zeros(1), ["a"], on_error="skip")
    with pytest.raises(ValueError, match="on_error='ignore'"):
        data.from_files([tmp_path / "a.png"], np.zeros(1), ["a"], on_error="ignore")


def test_a_copied_folder_has_the_same_fingerprint_and_another_file_has_not(tmp_path):
    def source(folder, labels=(0, 1)):
        return data.from_files([tmp_path / folder / "a" / "1.png", tmp_path / folder / "b" / "2.png"], np.array(labels), ["a", "b"])

    for folder in ("here", "there"):
        for i, name in enumerate(("a/1.png", "b/2.png")):
            picture(tmp_path / folder / name, i)
    first = data.fingerprint(source("here"))
    assert data.fingerprint(source("there")) == first != data.fingerprint(source("there", (1, 1)))
    picture(tmp_path / "there" / "a" / "1.png", size=(9, 9))
    assert data.fingerprint(source("there")) != first


def test_labels_for_other_files_are_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"1 image files need one class id each; the labels are \[2\]"):
        data.from_files([tmp_path / "a.png"], np.zeros(2), ["a"])
