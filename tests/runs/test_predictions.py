"""Rows of predictions in files and on the screen."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import tljax
from tests.runs.conftest import of_kind, parts
from tljax.runs import predictions


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Models of three kinds of labels."""
    root = tmp_path_factory.mktemp("models")
    kinds = ("classification", "multilabel", "two numbers")
    return {kind: tljax.fit(of_kind(kind, steps=1, eval_every=0), root / kind, quiet=True).pretrained for kind in kinds}


def read(path):
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_csv_has_one_cell_for_each_value(models, tmp_path):
    test = parts("classification")[2]
    message = predictions.write(tmp_path / "p.csv", models["classification"].predict(test, top=2))
    rows = read(tmp_path / "p.csv")
    assert message == f"{tmp_path / 'p.csv'}: 30 rows" and list(rows[0]) == ["file", "class_1", "probability_1", "class_2", "probability_2"]
    assert {row["class_1"] for row in rows} <= {"a", "ö", "c"}
    predictions.write(tmp_path / "m.csv", models["multilabel"].predict(test, top=1))
    assert list(read(tmp_path / "m.csv")[0]) == ["file", "classes", "class_1", "probability_1"]
    predictions.write(tmp_path / "n.csv", models["two numbers"].predict(test))
    values = [float(x) for x in read(tmp_path / "n.csv")[0]["values"].split(";")]
    assert values == pytest.approx(models["two numbers"].predict(test)[0]["values"])


def test_lines_of_json_hold_the_rows_as_they_are(models, tmp_path):
    rows = models["multilabel"].predict(parts("classification")[2])
    predictions.write(tmp_path / "p.jsonl", rows)
    assert [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()] == rows


def test_masks_become_pictures_of_class_ids_in_a_folder_beside(tmp_path):
    mask = np.array([[0, 1], [-1, 3]], np.int32)
    message = predictions.write(tmp_path / "p.csv", [{"file": "köln/7.png", "mask": mask}])
    (row,) = read(tmp_path / "p.csv")
    assert message.endswith(f"masks in {tmp_path / 'p_masks'}")
    with Image.open(tmp_path / row["mask"]) as picture:
        assert np.array_equal(np.asarray(picture), [[0, 1], [255, 3]])


def test_a_file_is_whole_or_absent_and_has_a_known_suffix(tmp_path):
    with pytest.raises(ValueError, match=r"p.txt: predictions are written as .csv or .jsonl"):
        predictions.write(tmp_path / "p.txt", [])
    with pytest.raises(TypeError):
        predictions.write(tmp_path / "p.jsonl", [{"file": object()}])
    assert list(tmp_path.iterdir()) == []
    assert predictions.write(tmp_path / "p.csv", []).endswith("0 rows")


def test_columns_are_carried_along(tmp_path):
    (tmp_path / "t.csv").write_text("id,text\nä1,good\nb2,bad\n", encoding="utf-8")
    carried = predictions.read_columns(str(tmp_path / "t.csv"), ["id"], 2)
    assert list(predictions.with_columns([{"file": "1", "class": "x"}, {"file": "2", "class": "y"}], carried)) == [
        {"file": "1", "id": "ä1", "class": "x"},
        {"file": "2", "id": "b2", "class": "y"},
    ]
    with pytest.raises(ValueError, match="do not have 3 rows"):
        predictions.read_columns(str(tmp_path / "t.csv"), ["id"], 3)
    with pytest.raises(ValueError, match="nr"):
        predictions.read_columns(str(tmp_path / "t.csv"), ["nr"], 2)
    assert predictions.read_columns("", [], 2) == [{}, {}]


def test_a_row_on_the_screen_is_short(models):
    row = predictions.display_row(models["classification"].predict(parts("classification")[2], top=1)[0])
    assert list(row) == ["file", "1."] and row["1."].split()[0] in ("a", "ö", "c")
    assert predictions.display_row({"file": "f", "mask": np.zeros((2, 3))}) == {"file": "f", "mask": "2 x 3"}
    assert predictions.display_row({"file": "f", "values": [1.0, 2.5]}) == {"file": "f", "values": "1.0, 2.5"}


def test_the_source_to_predict_on_is_an_expression_or_a_path_that_fits_the_model(models, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((3, 6), np.float32))
    source = predictions.input_source(models["classification"], "", f"npz({str(tmp_path / 'x.npz')!r}, label='')")
    assert len(source) == 3 and len(models["classification"].predict(source)) == 3
    with pytest.raises(ValueError, match=r"the model takes vectors; give them as a source, --data="):
        predictions.input_source(models["classification"], str(tmp_path / "x.npz"), "")
