"""Text encoders from files alone: heads, sizes, what `config.json` settles, and what is refused."""

import json

import numpy as np
import pytest

from tests.parity import case, ours
from tests.weights import foreign
from tljax import models, weights

SMALL = "bert(width=32, depth=2, heads=2, mlp_dim=64, positions=24{})"
JSON = {"model_type": "bert", "architectures": ["BertModel"], "num_attention_heads": 2, "num_hidden_layers": 2, "hidden_act": "gelu"}


@pytest.fixture
def folder(tmp_path):
    """``folder(family, expression, head, num_classes, content, **more)``: a publisher's folder, its arrays drawn from their names."""

    def write(family, expression, head="linear", num_classes=5, content=JSON, **more):
        model = models.create(expression, num_classes, head, in_channels=60, input_size=(16,))
        arrays = foreign.drawn(family, model) | more
        np.savez(tmp_path / "model.npz", **{name: a for name, a in arrays.items() if a is not None})
        (tmp_path / "config.json").write_text(json.dumps(content))
        return tmp_path

    return write


def zoo():
    """The small cases of text encoders, whose parity with transformers is tested elsewhere."""
    families = ("bert", "roberta", "distilbert", "distilbert_tokens", "albert")
    return [one for one in case.every().values() if one.family in families and not one.live]


@pytest.mark.parametrize("one", zoo(), ids=lambda one: one.label)
def test_every_head_opens_from_its_folder_alone(one, tmp_path):
    kind = one.family.partition("_")[0]
    names = ("n_heads", "n_layers", "activation") if kind == "distilbert" else ("num_attention_heads", "num_hidden_layers", "hidden_act")
    depth = 3 if kind == "albert" else 2
    activation = "gelu_new" if "gelu_tanh" in one.model or (kind == "albert" and "activation" not in one.model) else "gelu"
    content = {"model_type": kind, **dict(zip(names, (2, depth, activation), strict=True))}
    if kind == "roberta":
        content["layer_norm_eps"] = 1e-5
    shapes = foreign.shapes(one.family, ours.model(one))
    if "pooler" in one.model or one.label in ("bert_tiny_lm",):
        shapes |= {"cls.seq_relationship.weight": (2, 32), "cls.seq_relationship.bias": (2,)}
    np.savez(tmp_path / "model.npz", **{name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    (tmp_path / "config.json").write_text(json.dumps(content))
    opened = weights.open(tmp_path, input_size=one.input_size)
    assert opened.model == ours.model(one) and not opened.report.new
    assert (opened.config.num_classes, opened.config.in_channels) == (one.num_classes, 60)


def test_an_encoder_alone_gives_features_or_gets_a_new_head(folder):
    path = folder("bert", SMALL.format(""))
    with np.load(path / "model.npz") as file:
        bare = {name.removeprefix("bert."): file[name] for name in file.files if not name.startswith("classifier")}
    np.savez(path / "model.npz", **bare)
    opened = weights.open(path)
    assert (opened.config.head, opened.config.num_classes, opened.config.labels) == ("features", 32, ())
    assert opened.config.model == SMALL.format("") and opened.config.input_size == (24,)  # with its pooler
    headed = weights.open(path, num_classes=7)
    assert headed.config.head == "linear" and set(headed.report.new) == {"params/head/kernel", "params/head/bias"}
    saved = weights.save(path / "saved", opened.variables, opened.config)
    again = weights.open(path / "saved", num_classes=7)
    assert saved.head == "features" and again.config.head == "linear" and len(again.report.new) == 2


def test_the_masked_language_head_gives_way_to_classes(folder):
    path = folder("bert", SMALL.format(", pool='mean'"), "masked_lm", 60)
    opened = weights.open(path, num_classes=3)
    assert opened.config.head == "linear" and set(opened.report.new) == {"params/head/kernel", "params/head/bias"}


def test_a_tied_decoder_may_be_stored_again_or_alone_but_not_differ(folder):
    expression, word = SMALL.format(", pool='mean'"), "bert.embeddings.word_embeddings.weight"
    path = folder("bert", expression, "masked_lm", 60)
    first = weights.open(path)
    table = np.asarray(first.variables["params"]["backbone"]["embed"]["word"])
    bias = np.asarray(first.variables["params"]["head"]["token_bias"])
    twice = {"cls.predictions.decoder.weight": table, "cls.predictions.decoder.bias": bias}
    for more in (twice, twice | {word: None}):
        if word in more:  # `infer` reads sizes off the embeddings, so a file without them needs the model
            folder("bert", expression, "masked_lm", 60, **more)
            loaded, _ = weights.load(path, first.model)
            np.testing.assert_array_equal(loaded["params"]["backbone"]["embed"]["word"], table)
        else:
            assert not weights.open(folder("bert", expression, "masked_lm", 60, **more)).report.new
    with pytest.raises(ValueError, match=r"cls.predictions.decoder.weight \(a second tensor for params/backbone/embed/word\)"):
        weights.open(folder("bert", expression, "masked_lm", 60, **{"cls.predictions.decoder.weight": table + 1}))


def test_names_of_files_converted_from_tensorflow(folder):
    path = folder("bert", SMALL.format(""))
    with np.load(path / "model.npz") as file:
        arrays = {n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): file[n] for n in file.files}
    want = weights.open(path).variables["params"]["backbone"]["block00"]["norm1"]
    assert any(name.endswith("LayerNorm.gamma") for name in arrays)
    np.savez(path / "model.npz", **arrays, **{"bert.embeddings.position_ids": np.arange(24)[None]})
    opened = weights.open(path)
    np.testing.assert_array_equal(opened.variables["params"]["backbone"]["block00"]["norm1"]["scale"], want["scale"])
    assert opened.config.head == "linear" and not opened.report.new


def test_an_old_tagger_with_a_pooler_is_told_by_its_architecture(folder):
    named = {"id2label": {str(i): name for i, name in enumerate("OPQRS")}}
    opened = weights.open(folder("bert", SMALL.format(""), content=JSON | {"architectures": ["BertForTokenClassification"]} | named))
    assert opened.config.head == "tokens" and "pool='mean'" in opened.config.model and opened.config.labels == tuple("OPQRS")
    assert {"bert.pooler.dense.weight", "bert.pooler.dense.bias"} <= set(opened.report.ignored)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, r"no shape tells how many heads .* a model of width 32 and depth 2 has"),
        (JSON | {"model_type": "electra"}, r"model_type='electra'"),
        (JSON | {"is_decoder": True}, r"a decoder of model_type='bert'"),
        (JSON | {"hidden_act": "swish"}, r"hidden_act='swish'"),
        (JSON | {"num_hidden_layers": 3}, r"num_hidden_layers=3, but the weights have 2 blocks"),
        (JSON | {"num_attention_heads": "many"}, r"num_attention_heads is 'many'"),
    ],
)
def test_what_config_json_says_must_fit(folder, content, said):
    with pytest.raises(ValueError, match=said):
        weights.open(folder("bert", SMALL.format(""), content=content))


def test_published_sizes_need_no_config_json(tmp_path):
    shapes = foreign.shapes("bert", models.create("minilm_l6(pool='pooler')", 2, in_channels=50))
    np.savez(tmp_path / "x.npz", **{name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    assert weights.open(tmp_path / "x.npz").config.model == "minilm_l6(pool='pooler')"


def test_roberta_and_bert_are_told_apart_by_their_segments(folder):
    roberta = SMALL.format(", pool='mean', segments=1, offset=2, epsilon=1e-05")
    path = folder("roberta", roberta, "tokens", content={"model_type": "xlm-roberta", "num_attention_heads": 2, "layer_norm_eps": 1e-5})
    assert weights.open(path).config.input_size == (22,)
    with np.load(path / "model.npz") as file:
        bare = {name.removeprefix("roberta."): file[name] for name in file.files if not name.startswith("classifier")}
    np.savez(path / "model.npz", **bare)
    assert weights.open(path).report.family == "roberta"
    with pytest.raises(ValueError, match="1 segment types, as RoBERTa has"):
        weights.open(path, family="bert")
