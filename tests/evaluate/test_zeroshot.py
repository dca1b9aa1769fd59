"""Class names become a head: the towers agree with transformers', and the classifier is a model like any other."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from tests.parity import drawn
from tests.parity.towers import texts
from tests.weights import two_towers
from tljax import weights
from tljax.evaluate import zeroshot

GOLDEN = Path(__file__).parent.parent / "parity" / "similarity.npz"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("towers")
    return {kind: two_towers.write(root / kind, kind) for kind in ("clip", "siglip")}


@pytest.fixture(scope="module")
def clip(folders):
    return zeroshot.towers(folders["clip"] / "model.npz")


@pytest.fixture(scope="module")
def features(clip):
    """Unit features of four images, `[4, E]`."""
    return zeroshot.unit(logits(clip.image, drawn.images(4, 64)))


def logits(opened, batch):
    run = jax.jit(lambda v, b: opened.model.apply(v, b).logits, compiler_options={"xla_backend_optimization_level": 0})
    return np.asarray(run(opened.variables, batch))


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_images_and_texts_are_as_similar_as_transformers_finds_them(kind, folders):
    of = zeroshot.towers(folders[kind] / "model.npz")
    assert (of.image.config.model.startswith(f"{kind}_image"), of.text.config.model.startswith(f"{kind}_text")) == (True, True)
    got = of.scale * zeroshot.unit(logits(of.image, drawn.images(4, 64))) @ zeroshot.unit(logits(of.text, texts(3))).T
    got += two_towers.arrays(kind).get("logit_bias", 0)
    with np.load(GOLDEN) as golden:
        np.testing.assert_allclose(got, golden[kind], atol=1e-5 * np.abs(golden[kind]).max())


def test_a_class_is_the_mean_of_its_texts_and_the_logits_are_scaled_cosines(clip, features):
    classes, templates = ("cat", "red_fox", "猫"), ("a photo of a {}.", "the {}")
    vectors = zeroshot.prototypes(clip.text, classes, templates)
    assert vectors.shape == (48, 3) and np.linalg.norm(vectors, axis=0) == pytest.approx(1, abs=1e-5)
    each = [zeroshot.prototypes(clip.text, ("red fox",), (template,))[:, 0] for template in templates]
    np.testing.assert_allclose(vectors[:, 1], zeroshot.unit(sum(each)), atol=1e-5)
    assert np.abs(each[0] - each[1]).max() > 1e-2
    made = zeroshot.classifier(clip, classes, templates)
    got = logits(made, drawn.images(4, 64))
    np.testing.assert_allclose(got, clip.scale * features @ vectors, atol=1e-5)
    assert np.ptp(got, axis=1).min() > 1e-3 and made.config.labels == classes
    assert made.config.task == "classification"


def test_the_classifier_is_saved_and_opened_and_takes_another_head(clip, tmp_path):
    made = zeroshot.classifier(clip, ("dog", "cat"))
    weights.save(tmp_path / "saved", made.variables, made.config)
    again = weights.open(tmp_path / "saved")
    assert again.config.labels == ("dog", "cat") and again.model == made.model and not again.report.new
    np.testing.assert_array_equal(again.variables["params"]["head"]["kernel"], made.variables["params"]["head"]["kernel"])
    assert float(again.variables["params"]["head"]["scale"]) == pytest.approx(clip.scale)
    fresh = weights.open(tmp_path / "saved", num_classes=5, head="linear")
    assert set(fresh.report.new) == {"params/head/kernel", "params/head/bias"} and fresh.config.labels == ()


@pytest.mark.parametrize(
    ("classes", "templates", "said"),
    [
        ((), zeroshot.TEMPLATES, "at least one"),
        (("cat", "cat"), zeroshot.TEMPLATES, "different class names"),
        (("cat",), (), "no template"),
        (("cat",), ("a photo",), "'a photo' has not"),
        (("cat",), ("{} of {}",), "one {} for the class name"),
    ],
)
def test_classes_and_templates_that_make_no_text_are_refused(clip, classes, templates, said):
    with pytest.raises(ValueError, match=said):
        zeroshot.prototypes(clip.text, classes, templates)


def test_files_without_two_towers_a_tokenizer_or_a_scale_are_refused(folders, tmp_path):
    whole = two_towers.arrays("clip")
    np.savez(tmp_path / "image.npz", **{name: a for name, a in whole.items() if name.startswith(("vision", "visual"))})
    with pytest.raises(ValueError, match="wanted: the text tower, clip_text_hf"):
        zeroshot.towers(tmp_path / "image.npz")
    np.savez(tmp_path / "words.npz", **whole)
    with pytest.raises(ValueError, match="no tokenizer"):
        zeroshot.towers(tmp_path / "words.npz")
    (tmp_path / "tokenizer.json").write_bytes((folders["clip"] / "tokenizer.json").read_bytes())
    np.savez(tmp_path / "words.npz", **{name: a for name, a in whole.items() if name != "logit_scale"})
    with pytest.raises(ValueError, match="logit_scale is absent"):
        zeroshot.towers(tmp_path / "words.npz")
    config = json.loads((folders["siglip"] / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"vision_config": {}, "text_config": {}}))
    np.savez(tmp_path / "words.npz", **two_towers.arrays("siglip"))
    with pytest.raises(ValueError, match=r"width 128 is none of.*number of heads"):
        zeroshot.towers(tmp_path / "words.npz")
