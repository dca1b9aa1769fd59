import numpy as np
import pytest

from tljax import data


@pytest.fixture
def create(tmp_path):
    def write(content, **more):
        path = tmp_path / "a.conll"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        arguments = "".join(f", {key}={value!r}" for key, value in more.items())
        return data.create(f"tagged({str(path)!r}{arguments})")

    return write


TABS = "\ufeffJane\tx\tB-per\r\nsaw\ty\tO\r\n\t\r\n\n😀\u200d\tx\tI-per\na b\tx\tB-loc"


def test_sentences_of_words_and_tags(create):
    source = create(TABS)
    assert (
        source.fields == {"x": "tokens", "label": "tags"} and source.classes == ("O", "B-loc", "B-per", "I-per") and source.labels is None
    )
    assert [source[i]["x"] for i in range(len(source))] == [("Jane", "saw"), ("😀\u200d", "a b")]
    assert source[0]["label"].tolist() == [2, 0] and source[1]["label"].tolist() == [3, 1] and source[0]["label"].dtype == np.int32
    assert source.name(0).endswith("line 1") and source.name(1).endswith("a.conll, line 5")


def test_spaces_other_columns_and_documents(create):
    text = "-DOCSTART- -X- O\n\nEU  NNP B-org\nrejects VBZ O\n\n. . O\n"
    source = create(text, text=0, label=1)
    assert source.classes == (".", "NNP", "VBZ") and source[0]["x"] == ("EU", "rejects") and len(source) == 2
    assert create(text, text=1, label=2)[0]["x"] == ("NNP", "VBZ")
    words = create("a\nb\n\nc\n", label=None)
    assert words.fields == {"x": "tokens"} and words[1] == {"x": ("c",)} and words.classes == ()


def test_given_classes_set_the_order_and_names_are_matched(create):
    assert create(TABS, classes=("I-per", "B-per", "B-loc", "O"))[1]["label"].tolist() == [0, 2]
    with pytest.raises(ValueError, match=r"a\.conll: 'B-loc' not among the tags 'O'"):
        create(TABS, classes=("O", "B-per", "I-per"))
    relabeled = data.relabel(data.take(create(TABS), [1]), ("I-per", "B-per", "B-loc", "O"))
    assert relabeled[0]["label"].tolist() == [0, 2] and relabeled[0]["label"].dtype == np.int32 and relabeled.fields["label"] == "tags"


@pytest.mark.parametrize(
    ("content", "more", "says"),
    [
        ("a\tO\nb\n", {}, "line 2: expected a word and its tag, found 'b'"),
        ("a\tO\nb\t\n", {}, "line 2: expected a word and its tag"),
        ("a O\nb O\n", {"label": 2}, r"line 1 has 2 columns, so no column 2"),
        ("\n \n", {}, "holds no word"),
        (b"a\tO\n\xff\tO\n", {}, "is no UTF-8"),
    ],
)
def test_wrong_lines_are_named(create, content, more, says):
    with pytest.raises(ValueError, match=says) as error:
        create(content, **more)
    assert "a.conll" in str(error.value)


def test_the_fingerprint_follows_the_content(create):
    prints = [data.fingerprint(create(text)) for text in (TABS, TABS, TABS.replace("saw", "see"), TABS.replace("B-loc", "O"))]
    assert prints[0] == prints[1] and len(set(prints)) == 3
