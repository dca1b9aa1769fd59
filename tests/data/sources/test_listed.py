import pytest

from tljax import data

from ..conftest import picture


@pytest.fixture
def images(tmp_path):
    for i, name in enumerate(("b.png", "a.png", "two words é.png")):
        picture(tmp_path / "images" / name, i)
    return tmp_path / "images"


def create(images, text, suffix="txt", **more):
    path = images.parent / f"labels.{suffix}"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    given = "".join(f", {key}={value!r}" for key, value in more.items())
    return data.create(f"listed({str(images)!r}, {str(path)!r}{given})")


def test_text_with_ids_in_the_order_of_the_list(images):
    source = create(images, "b.png 2\n\na.png 0\ntwo words é.png 1\n")
    assert source.labels.tolist() == [2, 0, 1] and source.classes == ("0", "1", "2")
    assert data.name_of(source, 0).endswith("b.png") and source[2]["x"].shape == (6, 5, 3)


@pytest.mark.parametrize("header", ["", "id,label\n", "\ufeffname,class\n"])
def test_csv_with_names(images, header):
    source = create(images, f'{header}a.png,frog\n"two words é.png",red truck\r\n', "csv")
    assert source.classes == ("frog", "red truck") and source.labels.tolist() == [0, 1]


def test_given_classes_set_the_order(images):
    assert create(images, "a.png 7\nb.png 1\n", classes=["7", "1"]).labels.tolist() == [0, 1]
    assert create(images, "a.png 1\nb.png 0\n", classes=["x", "y"]).labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "suffix", "says"),
    [
        ("a.png 0\nnone.png 1\ngone.png 1\n", "txt", "2 of 3 images are missing, the first is .*none.png"),
        ("a.png 0\nb.png\n", "txt", "line 2: expected an image's name and its label"),
        ("a.png,0\nb.png,1,2\n", "csv", "line 2: expected an image's name and its label"),
        ("a.png,0\nb.png,\n", "csv", "line 2: expected an image's name and its label"),
        ("", "txt", "lists no image"),
        ("name,label\n", "csv", "lists no image"),
        (b"a.png \xff\n", "txt", "UTF-8"),
        ("a.png -1\n", "txt", "label -1"),
    ],
)
def test_wrong_lists_are_named(images, text, suffix, says):
    with pytest.raises((ValueError, FileNotFoundError), match=says) as error:
        create(images, text, suffix)
    assert f"labels.{suffix}" in str(error.value)


def test_a_missing_folder_or_list_is_named(images):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        data.create(f"listed('nowhere', {str(images)!r})")
    with pytest.raises(FileNotFoundError, match=r"none\.txt"):
        data.create(f"listed({str(images)!r}, 'none.txt')")


def test_undecodable_images_are_skipped_by_option(images, capsys):
    (images / "b.png").write_bytes(b"junk")
    source = create(images, "b.png 2\na.png 0\n", on_error="skip")
    assert source.labels.tolist() == [0] and source.classes == ("0", "1", "2") and "b.png" in capsys.readouterr().out
