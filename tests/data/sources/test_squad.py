import json

import numpy as np
import pytest

from tljax import data


def question(number, start, text):
    answers = [] if text is None else [{"text": text, "answer_start": start}, {"text": "sat", "answer_start": 8}]
    return {"id": f"q{number}", "question": f"what {number}?", "answers": answers}


CONTEXT = "Été 😀: cat sat"
ARTICLES = [
    {"title": "a", "paragraphs": [{"context": CONTEXT, "qas": [question(0, 7, "cat"), question(1, 0, "Été")]}]},
    {"title": "b", "paragraphs": [{"context": CONTEXT, "qas": [question(2, 0, None)]}, {"context": "dog", "qas": [question(3, 0, "dog")]}]},
]


@pytest.fixture
def create(tmp_path):
    def write(content=ARTICLES, stored=None, **more):
        path = tmp_path / "a.json"
        path.write_text(json.dumps({"data": content}) if stored is None else stored, encoding="utf-8")
        arguments = "".join(f", {key}={value!r}" for key, value in more.items())
        return data.create(f"squad({str(path)!r}{arguments})")

    return write


def test_the_answer_is_a_span_of_the_paragraph(create, capsys):
    source = create()
    assert "1 of 4 questions have no answer and are left out" in capsys.readouterr().out
    assert source.fields == {"x": "text", "pair": "text", "label": "span"} and source.classes == () and len(source) == 3
    assert source.labels.tolist() == [[7, 10], [0, 3], [0, 3]] and source.labels.dtype == np.int32
    texts = [source[i]["pair"][slice(*source[i]["label"])] for i in range(3)]
    assert texts == ["cat", "Été", "dog"] and source[1]["x"] == "what 1?" and source.name(2).endswith("a.json, question q3")


def test_articles_are_chosen_by_place(create):
    assert create(articles=(0, 1)).labels.tolist() == [[7, 10], [0, 3]] and create(articles=(1, 2)).labels.tolist() == [[0, 3]]
    for wrong in ((0, 3), (1, 1), (-1, 1), (1,)):
        with pytest.raises(ValueError, match="its number of articles"):
            create(articles=wrong)


def test_questions_without_answers_have_no_label(create):
    bare = [{"paragraphs": [{"context": "dog", "qas": [{"id": "1", "question": "who?"}]}]}]
    assert create(bare).fields == {"x": "text", "pair": "text"} and create(bare)[0] == {"x": "who?", "pair": "dog"}


def test_other_content_is_named(create):
    for stored in ("{", "[]", '{"data": [{}]}', '{"data": [{"paragraphs": [{"qas": [{"id": 1}]}]}]}'):
        with pytest.raises(ValueError, match=r"a\.json: expected JSON in SQuAD's form"):
            create(stored=stored)
    with pytest.raises(ValueError, match="holds no question"):
        create([])
    for start, text in ((8, "cat"), (-1, "cat"), (0, ""), (99, "cat")):
        wrong = [{"paragraphs": [{"context": CONTEXT, "qas": [question(5, start, text)]}]}]
        with pytest.raises(ValueError, match=rf"a\.json, question q5: expected the answer '{text}' at character {start}"):
            create(wrong)


def test_the_fingerprint_follows_the_content(create):
    moved = json.loads(json.dumps(ARTICLES).replace("what 3", "what is 3"))
    assert data.fingerprint(create()) == data.fingerprint(create()) != data.fingerprint(create(moved))
