"""The programs on texts, at sizes of seconds: a small BERT as Hugging Face publishes it, and a table of sentences."""

import csv
import dataclasses
import json

import numpy as np
import pytest

import tljax
from experiments import finetune
from experiments.configs import text as recipe
from experiments.recipe import run_of
from tests.experiments.conftest import call
from tests.weights import foreign
from tljax import models
from tljax.runs.fit import fit

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
    return root, fit(run_of(config(encoder, tables)), root, quiet=True)


def test_an_encoder_is_fine_tuned_and_the_model_stands_alone(tuned, tables, tmp_path):
    root, result = tuned
    assert result.metrics["accuracy"] > 0.9 and result.summary["measured_on"] == "test (16 examples)"
    opened = tljax.open(root)
    assert opened.config.labels == ("gut", "schlecht") and opened.config.input_size == (8,)
    assert {f.name for f in (root / "model").iterdir()} == {"model.safetensors", "config.json", "vocab.txt"}
    source = f"text({str(tables / 'test.csv')!r}, label='category')"
    call("evaluate", f"--weights={root}", f"--data={source}", f"--out={tmp_path / 'e.json'}")
    again = json.loads((tmp_path / "e.json").read_text())
    assert again["metrics"]["loss"] == pytest.approx(result.metrics["loss"], abs=1e-5) and again["examples"] == 16


def test_predict_reads_lines_and_columns_and_carries_others_along(tuned, encoder, tmp_path, capsys):
    (tmp_path / "new.txt").write_text("good film\nawful plot\n")
    (tmp_path / "new.csv").write_text("id,body\nü1,fine\nb2,bad bad\n", encoding="utf-8")
    rows = tuned[1].pretrained.predict(tmp_path / "new.txt", top=1)
    assert [row["class"] for row in rows] == ["gut", "schlecht"] and rows[1]["file"].endswith("new.txt, line 2")
    flags = (f"--weights={tuned[0]}", f"--input={tmp_path / 'new.csv'}", "--column=body", "--keep=id", "--top=1")
    call("predict", *flags, f"--out={tmp_path / 'p.csv'}")
    with open(tmp_path / "p.csv", encoding="utf-8", newline="") as stream:
        written = list(csv.DictReader(stream))
    assert [(row["id"], row["class_1"]) for row in written] == [("ü1", "gut"), ("b2", "schlecht")]
    call("predict", *flags)
    assert "ü1" in capsys.readouterr().out
    features = tljax.open(encoder).predict(tmp_path / "new.txt")
    assert len(features[0]["features"]) == 16 and tljax.open(encoder).task.name == "features"


def test_probe_and_extract_read_every_stage(encoder, tables, tmp_path):
    train, test = (f"text({str(tables / name)!r}, label='category')" for name in ("train.csv", "test.csv"))
    call("probe", f"--weights={encoder}", f"--train={train}", f"--test={test}", f"--workdir={tmp_path / 'probe'}")
    rows = json.loads((tmp_path / "probe" / "probe.json").read_text())["rows"]
    assert [row["stage"] for row in rows] == ["embed", "block00", "pooler"] and rows[-1]["test"] > 0.6
    call("extract", f"--weights={encoder}", f"--data={test}", "--stages=pooler", f"--out={tmp_path / 'f.npz'}")
    with np.load(tmp_path / "f.npz") as file:
        assert file["pooler"].shape == (16, 16)
    with pytest.raises(ValueError, match="a model of texts, which have none"):
        call("probe", f"--weights={encoder}", f"--train={train}", f"--test={test}", f"--workdir={tmp_path / 'other'}", "--pixels=8")


def test_the_same_architecture_and_tokenizer_from_scratch(encoder, tables, tmp_path):
    c = config(encoder, tables, strategy="scratch")
    c.train.steps, c.train.save_every, c.train.select = 2, 2, "last"
    result = fit(run_of(c), tmp_path / "run", quiet=True)
    assert result.summary["params"]["frozen"] == 0 and tljax.open(tmp_path / "run").config.tokenizer.endswith("vocab.txt")
    with pytest.raises(ValueError, match=r"gives texts, which need a tokenizer: open a checkpoint"):
        run_of(config("", tables, strategy="scratch"))


def test_a_tag_for_each_word_by_configuration_alone(encoder, tmp_path, capsys):
    lines = {"good": "POS", "fine": "POS", "bad": "NEG", "awful": "NEG", "film": "O", "plot": "O", "the": "O"}
    rng = np.random.default_rng(0)
    sentences = ["\n".join(f"{word} {lines[word]}" for word in rng.choice(list(lines), 4)) for _ in range(60)]
    (tmp_path / "tags.conll").write_text("\n\n".join(sentences) + "\n")
    source = f"tagged({str(tmp_path / 'tags.conll')!r})"
    c = config(encoder, tmp_path)
    c.data = dataclasses.replace(c.data, source=source, test="", per_class=0, val_per_class=0)
    finetune.main(c, str(tmp_path / "run"), "")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["kind"] == "tagging" and result["objective"] == "dense_cross_entropy" and result["metrics"]["accuracy"] > 0.9
    opened = tljax.open(tmp_path / "run")
    call("evaluate", f"--weights={tmp_path / 'run'}", f"--data={source}", f"--out={tmp_path / 'e.json'}")
    measured = json.loads((tmp_path / "e.json").read_text())["metrics"]
    rows = opened.predict(source)
    truth = [[line.split()[1] for line in sentence.split("\n")] for sentence in sentences]
    assert rows[0]["words"] == [line.split()[0] for line in sentences[0].split("\n")]
    right = np.mean([tag == true for row, tags in zip(rows, truth, strict=True) for tag, true in zip(row["tags"], tags, strict=True)])
    assert right == pytest.approx(measured["accuracy"])
    c.head_init = "ridge"
    with pytest.raises(ValueError, match="head_init='ridge' does not fit the task tagging"):
        fit(run_of(c), tmp_path / "other", quiet=True)


def test_a_span_of_a_paragraph_by_configuration_alone(encoder, tmp_path):
    rng = np.random.default_rng(0)
    paragraphs = []
    for i in range(60):
        words = [str(word) for word in rng.permutation(["film", "the", "plot", "good"])]
        answer = {"text": "good", "answer_start": " ".join(words).index("good")}
        question = {"id": str(i), "question": "the good", "answers": [answer]}
        paragraphs.append({"context": " ".join(words), "qas": [question]})
    (tmp_path / "squad.json").write_text(json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}))
    source = f"squad({str(tmp_path / 'squad.json')!r})"
    c = config(encoder, tmp_path, input_size=(10,))
    c.data = dataclasses.replace(c.data, source=source, test="", per_class=0, val_per_class=0)
    finetune.main(c, str(tmp_path / "run"), "")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["kind"] == "spans" and result["metric"] == "f1" and result["metrics"]["f1"] > 0.9
    rows = tljax.open(tmp_path / "run").predict(source)
    assert np.mean([row["answer"] == "good" for row in rows]) > 0.9
    measured = tljax.open(tmp_path / "run").measure(source)
    assert measured["exact_match"] == pytest.approx(np.mean([row["answer"] == "good" for row in rows]))
    c.head_init = "ridge"
    with pytest.raises(ValueError, match="head_init='ridge' does not fit the task spans"):
        fit(run_of(c), tmp_path / "other", quiet=True)
