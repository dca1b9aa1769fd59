"""The programs on texts, at sizes of seconds: a small BERT as Hugging Face publishes it, and a table of sentences."""

import csv
import json

import numpy as np
import pytest

from experiments import evaluate, extract, finetune, predict, probe
from experiments.configs import text as recipe
from tests.weights import foreign
from tljax import models, weights

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "fine", "bad", "awful", "film", "plot", "the", "##s")
SENTENCES = {
    "gut": ("the film good", "fine plot", "good good the plot", "fine"),
    "schlecht": ("bad film", "the plot awful", "awful", "bad bad"),
}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A folder with an encoder alone, its vocabulary and its config.json."""
    folder = tmp_path_factory.mktemp("encoder")
    model = models.create("bert(width=16, depth=1, heads=2, positions=24)", 2, in_channels=len(WORDS), input_size=(8,))
    np.savez(folder / "model.npz", **{n: a for n, a in foreign.drawn("bert", model).items() if not n.startswith("classifier")})
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "num_attention_heads": 2}))
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    return folder


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """``train.csv`` and ``test.csv`` with the columns text and category."""
    folder = tmp_path_factory.mktemp("tables")
    for name, repeat in (("train", 5), ("test", 2)):
        with open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["text", "category"])
            rows.writerows([" ".join([s, *["the"] * i]), c] for i in range(repeat) for c, of in SENTENCES.items() for s in of)
    return folder


def config(encoder, tables, **changes):
    """The recipe for texts, shrunk."""
    c = recipe.get_config(str(tables))
    c.weights, c.input_size, c.data.batch_size = str(encoder), (8,), 8
    c.data.per_class, c.data.val_per_class, c.optim.lr = 8, 4, 1e-2
    c.train.steps, c.train.eval_every, c.train.save_every, c.train.log_every = 60, 20, 60, 20
    for name, value in changes.items():
        setattr(c, name, value)
    return c


@pytest.fixture(scope="module")
def tuned(encoder, tables, tmp_path_factory):
    root = tmp_path_factory.mktemp("tuned")
    return root, finetune.run(config(encoder, tables), root, quiet=True)


def test_an_encoder_is_fine_tuned_and_the_model_stands_alone(tuned, tables):
    root, result = tuned
    assert result["metrics"]["accuracy"] > 0.9 and result["measured_on"] == "test (16 examples)"
    opened = weights.open(root)
    assert opened.config.labels == ("gut", "schlecht") and opened.config.input_size == (8,)
    assert {f.name for f in (root / "model").iterdir()} == {"model.safetensors", "config.json", "vocab.txt"}
    again = evaluate.run(str(root), f"text({str(tables / 'test.csv')!r}, label='category')")
    assert again["metrics"]["loss"] == pytest.approx(result["metrics"]["loss"], abs=1e-5) and again["examples"] == 16


def test_predict_reads_lines_and_columns(tuned, encoder, tmp_path):
    (tmp_path / "new.txt").write_text("good film\nawful plot\n")
    (tmp_path / "new.jsonl").write_text('{"body": "fine"}\n')
    rows = list(predict.run(str(tuned[0]), str(tmp_path / "new.txt"), top=1))
    assert [row["predictions"][0]["class"] for row in rows] == ["gut", "schlecht"] and rows[1]["file"].endswith("new.txt, line 2")
    (row,) = predict.run(str(tuned[0]), str(tmp_path / "new.jsonl"), column="body")
    assert row["predictions"][0]["class"] == "gut" and len(row["predictions"]) == 2
    with pytest.raises(ValueError, match="its head, features, tells no classes"):
        next(predict.run(str(encoder), str(tmp_path / "new.txt")))


def test_probe_and_extract_read_every_stage(encoder, tables, tmp_path):
    train, test = (f"text({str(tables / name)!r}, label='category')" for name in ("train.csv", "test.csv"))
    result = probe.run(str(encoder), train, test, tmp_path / "probe")
    assert [row["stage"] for row in result["rows"]] == ["embed", "block00", "pooler"]
    assert result["rows"][-1]["test"] > 0.6
    found = extract.run(str(encoder), test, "pooler", str(tmp_path / "f.npz"))
    assert found["pooler"].shape == (16, 16)
    with pytest.raises(ValueError, match="a model of texts, which have none"):
        probe.run(str(encoder), train, test, tmp_path / "other", pixels=8)


def test_the_same_architecture_and_tokenizer_from_scratch(encoder, tables, tmp_path):
    c = config(encoder, tables, strategy="scratch")
    c.train.steps = c.train.save_every = 2
    result = finetune.run(c, tmp_path / "run", quiet=True)
    assert result["params"]["frozen"] == 0 and weights.open(tmp_path / "run").config.tokenizer.endswith("vocab.txt")
    with pytest.raises(ValueError, match=r"gives texts: config\.weights says how they become tokens"):
        finetune.run(config("", tables, strategy="scratch"), tmp_path / "other", quiet=True)
