import unicodedata

import pytest

from tljax import data

from ..conftest import picture


def create(root, **more):
    given = "".join(f", {key}={value!r}" for key, value in more.items())
    return data.create(f"folder({str(root)!r}{given})")


def test_classes_are_sorted_folders(folder_of_images):
    source = create(folder_of_images, split="train")
    assert source.classes == ("cat", "dog", "été 猫") and len(source) == 2 + 3 + 4
    assert data.class_counts(source).tolist() == [2, 3, 4] and source[0]["x"].shape == (6, 5, 3)
    assert len(create(folder_of_images / "train")) == 9


def test_a_split_that_lacks_a_class_keeps_the_ids_of_train(folder_of_images):
    train = create(folder_of_images, split="train")
    test = create(folder_of_images, split="test", classes=train.classes)
    assert test.classes == train.classes and data.class_counts(test).tolist() == [2, 0, 3]
    assert create(folder_of_images, split="test").classes == ("cat", "été 猫")


def test_a_class_that_train_does_not_know_is_named(folder_of_images):
    with pytest.raises(ValueError, match=r"'dog' not among the classes 'cat', 'été 猫'"):
        create(folder_of_images, split="train", classes=["cat", "été 猫"])


def test_both_unicode_spellings_of_a_class_are_one(folder_of_images):
    apart = unicodedata.normalize("NFD", "été 猫")
    assert apart != "été 猫"
    assert create(folder_of_images, split="test", classes=["cat", apart]).classes == ("cat", "été 猫")


def test_a_forgotten_or_wrong_split_names_the_choices(folder_of_images):
    with pytest.raises(ValueError, match="holds the splits test, train; choose one"):
        create(folder_of_images)
    with pytest.raises(ValueError, match="no split 'val'; it holds test, train"):
        create(folder_of_images, split="val")


def test_a_class_may_be_called_train(tmp_path):
    for name in ("train", "car"):
        picture(tmp_path / name / "a.png")
    assert create(tmp_path).classes == ("car", "train")


def test_hidden_and_other_files_are_ignored(tmp_path):
    for name in ("a/1.png", "a/.2.png", ".b/3.png", "c/4.JPEG"):
        picture(tmp_path / name)
    (tmp_path / "a" / "labels.txt").write_text("x")
    (tmp_path / "readme.md").write_text("x")
    source = create(tmp_path)
    assert source.classes == ("a", "c") and len(source) == 2


def test_one_class_with_one_example(tmp_path):
    picture(tmp_path / "only" / "a.png")
    source = create(tmp_path)
    assert len(source) == 1 and source.classes == ("only",) and source[0]["label"] == 0


def test_folders_without_what_is_needed(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        create(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no classes"):
        create(tmp_path)
    picture(tmp_path / "loose.png")
    with pytest.raises(ValueError, match="1 images lie directly in it"):
        create(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="class folder 'empty' holds no image"):
        create(tmp_path)
    with pytest.raises(ValueError, match="hold no image"):
        create(tmp_path, classes=["empty"])


def test_corrupt_images_are_fatal_or_skipped(folder_of_images, capsys):
    (folder_of_images / "train" / "dog" / "ñ1.png").write_bytes(b"\x89PNG junk")
    source = create(folder_of_images, split="train")
    with pytest.raises(ValueError, match=r"ñ1\.png: does not decode"):
        [source[i] for i in range(len(source))]
    assert data.class_counts(create(folder_of_images, split="train", on_error="skip")).tolist() == [2, 2, 4]
    assert "1 of 9" in capsys.readouterr().out
