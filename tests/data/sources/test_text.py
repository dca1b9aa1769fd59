"""The source ``text``."""

import json

import numpy as np
import pytest

from tljax import data


@pytest.fixture
def file(tmp_path):
    """``file(name, text)`` writes it and gives its path."""

    def write(name, content):
        (tmp_path / name).write_text(content, encoding="utf-8", newline="")
        return str(tmp_path / name)

    return write


def test_a_csv_with_quotes_line_breaks_and_unicode(file):
    path = file("a.csv", '\ufefftext,category\r\n"one, two\n""three""",été\r\n"",猫\r\nplain,été\r\n')
    source = data.create(f"text({path!r}, label='category')")
    assert [source[i]["x"] for i in range(3)] == ['one, two\n"three"', "", "plain"]
    assert source.classes == ("été", "猫") and source.labels.tolist() == [0, 1, 0] and source.labels.dtype == np.int32
    assert source.name(2) == f"{path}, line 5" and source[1]["label"] == 1
    assert [source[i]["x"] for i in range(3)] == [data.take(source, [2, 1, 0])[2 - i]["x"] for i in range(3)]


def test_a_tsv_without_header_and_with_stray_quotes(file):
    path = file("a.tsv", "a \"b\t1\nit 's\t0\n\nc\t1\n")
    source = data.create(f"text({path!r}, text=0, label=1, classes=('bad', 'good'))")
    assert source[0]["x"] == 'a "b' and source.labels.tolist() == [1, 0, 1] and source.classes == ("bad", "good")
    assert source.name(2) == f"{path}, line 4"


def test_jsonl_pairs_and_targets(file):
    rows = [{"q": "a", "p": "b", "score": 0.5}, {"q": "c", "p": "d", "score": 2, "more": None}]
    path = file("a.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")
    source = data.create(f"text({path!r}, text='q', pair='p', label='score')")
    assert source[1] == {"x": "c", "pair": "d", "label": np.float32(2)} and source.labels.dtype == np.float32 and not source.classes


def test_texts_alone(file):
    source = data.create(f"text({file('a.txt', 'one' + chr(10) * 2 + 'two' + chr(10))!r})")
    assert [source[i]["x"] for i in range(2)] == ["one", "two"] and source.labels is None and source.name(1).endswith("line 3")
    table = data.create(f"text({file('b.csv', 'text' + chr(10) + 'three' + chr(10))!r}, label='')")
    assert table[0] == {"x": "three"} and table.classes == () and table.fields == {"x": "text"}


def test_a_text_longer_than_the_csv_module_allows(file):
    source = data.create(f"text({file('a.csv', 'text,label' + chr(10) + 'x' * 300_000 + ',a' + chr(10))!r})")
    assert len(source[0]["x"]) == 300_000


@pytest.mark.parametrize(
    ("name", "content", "arguments", "said"),
    [
        ("a.csv", "text,y\na,1\n", "", r"a.csv: no column 'label' in the header text, y; name it with"),
        ("a.csv", "text,label\na,1\nb\n", "", r"a.csv: line 3 has 1 cells, so no column 'label'"),
        ("a.tsv", "a\t1\nb\n", "text=0, label=1", r"a.tsv: line 2 has 1 cells, so no column 1"),
        ("a.csv", 'text,label\n"a,1\n', "", r"a.csv: line 2: unexpected end"),
        ("a.csv", "text,label\n", "", r"a.csv: holds no text"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "a"}\n', "", r"a.jsonl: line 2 has no 'label'; it holds text"),
        ("a.jsonl", '{"text": ["a"], "label": 1}\n', "", r"a.jsonl: line 1: 'text' is \[\"a\"\], neither text nor number"),
        ("a.jsonl", "{\n", "", r"a.jsonl: line 1 is no JSON"),
        ("a.doc", "a", "", r"a.doc: expected a table of texts \(.csv, .tsv, .jsonl\)"),
        ("a.csv", "text,label\na,x\n", "classes=('y',)", r"a.csv: 'x' not among the classes 'y'"),
    ],
)
def test_errors_name_file_line_and_column(file, name, content, arguments, said):
    path = file(name, content)
    with pytest.raises(ValueError, match=said):
        data.create(f"text({path!r}, {arguments})")


def test_no_file_and_no_utf8(file, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        data.create(f"text({str(tmp_path / 'absent.csv')!r})")
    (tmp_path / "a.csv").write_bytes(b"text,label\n\xff\xfe,1\n")
    with pytest.raises(ValueError, match=r"a.csv: is no UTF-8"):
        data.create(f"text({str(tmp_path / 'a.csv')!r})")


def test_whole_numbers_are_classes_unless_told_and_kinds_are_declared(file):
    path = file("a.csv", "text,more,label\na,b,1\nc,d,5\n")
    classes, numbers = data.create(f"text({path!r})"), data.create(f"text({path!r}, pair='more', kind='number')")
    assert classes.fields == {"x": "text", "label": "class"} and numbers.fields == {"x": "text", "pair": "text", "label": "number"}
    assert numbers.labels.tolist() == [1, 5] and numbers.labels.dtype == np.float32 and numbers.classes == ()
    assert (
        data.fingerprint(classes)
        != data.fingerprint(numbers)
        == data.fingerprint(data.create(f"text({path!r}, pair='more', kind='number')"))
    )
