"""What Hugging Face and timm put beside a file corrects what was assumed, or is refused by file and key."""

import json

import numpy as np
import pytest

from tests.weights.foreign import drawn
from tljax import models, weights
from tljax.weights import imagenet

NAMES = ("a cat", "a dog", "a cat")
RESNET = {
    "architectures": ["ResNetForImageClassification"],
    "model_type": "resnet",
    "num_channels": 3,
    "id2label": {str(i): name for i, name in enumerate(NAMES)},
}
PROCESSOR = {
    "do_normalize": True,
    "do_rescale": True,
    "rescale_factor": 0.00392156862745098,
    "image_mean": [0.1, 0.2, 0.3],
    "image_std": [0.4, 0.5, 0.6],
    "resample": 3,
    "size": {"shortest_edge": 40},
    "crop_size": {"height": 32, "width": 32},
    "do_center_crop": True,
}
TIMM = {
    "architecture": "resnet18",
    "num_classes": 3,
    "label_names": ["x", "y", "z"],
    "pretrained_cfg": {
        "input_size": [3, 48, 48],
        "mean": [0.1, 0.2, 0.3],
        "std": [0.4, 0.5, 0.6],
        "crop_pct": 0.95,
        "interpolation": "bicubic",
        "license": "mit",
    },
}


@pytest.fixture(scope="module")
def small() -> dict[str, np.ndarray]:
    return drawn("resnet", models.create("resnet18(width=4)", 3, input_size=(32, 32)))


@pytest.fixture
def opened(small, tmp_path):
    """Opens the weights with the given JSON files beside them."""

    def open_with(arrays=small, **files):
        for name, content in files.items():
            (tmp_path / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))
        np.savez(tmp_path / "weights.npz", **arrays)
        return weights.open(tmp_path / "weights.npz")

    return open_with


def test_hugging_face_s_labels_and_preprocessing(opened):
    found = opened(config=RESNET, preprocessor_config=PROCESSOR)
    config = found.config
    assert config.labels == ("a cat (0)", "a dog", "a cat (2)")  # names tell classes apart
    assert (config.mean, config.std, config.interpolation) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), "bicubic")
    assert (config.input_size, config.crop_fraction) == ((32, 32), 0.8)
    assert "config.json beside it says labels; preprocessor_config.json beside it says mean, std" in config.source
    assert "config.json)" in found.report.config and found.report.family == "resnet"


def test_nothing_beside_the_file_or_nothing_of_theirs_changes_nothing(opened):
    plain = opened().config
    assert opened(config={"command": "python", "config": {}}, preprocessor_config=PROCESSOR).config == plain
    assert opened(config=RESNET | {"id2label": {str(i): f"LABEL_{i}" for i in range(3)}}, preprocessor_config={}).config == plain


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"do_rescale": False, "image_mean": [25.5, 51.0, 76.5], "image_std": [102.0, 127.5, 153.0]}, ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))),
        ({"rescale_factor": 1 / 127.5, "rescale_offset": True, "do_normalize": False}, ((0.5,) * 3, (0.5,) * 3)),
        ({"include_top": True}, ((0.1, 0.2, 0.3), (0.16, 0.25, 0.36))),
        ({"image_mean": 0.5, "image_std": 0.25}, ((0.5,) * 3, (0.25,) * 3)),
    ],
)
def test_every_way_to_normalize_means_the_same_function_of_pixels(opened, changes, wanted):
    config = opened(config=RESNET, preprocessor_config=PROCESSOR | changes).config
    np.testing.assert_allclose([config.mean, config.std], wanted, rtol=1e-6)


def test_sizes_that_are_cropped_squeezed_or_given_by_a_share(opened):
    def inputs(**changes):
        kept = {k: v for k, v in PROCESSOR.items() if k not in ("crop_size", "do_center_crop")}
        return opened(config=RESNET, preprocessor_config=kept | changes).config

    squeezed = inputs(size={"height": 64, "width": 96})
    assert (squeezed.input_size, squeezed.crop_fraction) == ((64, 96), 1.0) and "not squeezed as there" in squeezed.source
    shared = inputs(size={"shortest_edge": 64}, crop_pct=0.875)
    assert (shared.input_size, shared.crop_fraction) == ((64, 64), 0.875)
    assert inputs(size={"shortest_edge": 384}, crop_pct=0.875).crop_fraction == 1.0
    assert inputs(size=64, crop_size=32).crop_fraction == 0.5
    assert inputs(size=64, do_flip_channel_order=True).channel_order == "BGR"


def test_timm_s_config(opened):
    config = opened(config=TIMM).config
    assert (config.input_size, config.crop_fraction, config.interpolation) == ((48, 48), 0.95, "bicubic")
    assert (config.mean, config.std, config.labels, config.license) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), ("x", "y", "z"), "mit")
    old = opened(config={"architecture": "resnet18"} | TIMM["pretrained_cfg"] | {"crop_mode": "squash"}).config
    assert old.crop_fraction == 0.95 and "crop_mode 'squash' is not taken over" in old.source


def resnet(arrays, outputs):
    """The file with a head of as many outputs."""
    return arrays | {"fc.weight": np.zeros((outputs, 32), np.float32), "fc.bias": np.zeros(outputs, np.float32)}


@pytest.mark.parametrize(
    ("outputs", "changes", "task"),
    [
        (3, {}, "classification"),
        (3, {"architectures": ["ResNetForImageClassificationWithTeacher"], "problem_type": None}, "classification"),
        (3, {"problem_type": "single_label_classification"}, "classification"),
        (3, {"problem_type": "multi_label_classification"}, "multilabel"),
        (3, {"problem_type": "regression"}, "regression"),
        (1, {"problem_type": "multi_label_classification"}, "multilabel"),
        (1, {}, "regression"),
        (1, {"num_labels": 1}, "regression"),
        (1, {"id2label": {"0": "LABEL_0"}}, "regression"),
        (1, {"architectures": ["BertForMultipleChoice"]}, ""),
    ],
)
def test_the_task_as_hugging_face_states_it(small, opened, outputs, changes, task):
    content = {key: value for key, value in RESNET.items() if key != "id2label"}
    config = opened(resnet(small, outputs), config=content | changes).config
    assert config.task == task
    assert ("config.json beside it says task" in config.source) == (task != ("classification" if outputs == 3 else ""))


def test_the_task_of_a_file_that_nobody_describes(small, opened):
    assert opened().config.task == "classification"
    assert opened(resnet(small, 1)).config.task == ""  # a quantity, or a yes and no
    bare = {name: a for name, a in small.items() if not name.startswith("fc.")}
    assert opened(bare).config.task == "features"
    assert opened(config=TIMM).config.task == "classification"
    assert opened(bare, config=RESNET | {"problem_type": "regression"}).config.task == "features"


@pytest.mark.parametrize(
    ("head", "kind", "task"),
    [
        ("linear", "SequenceClassification", "classification"),
        ("tokens", "TokenClassification", "tagging"),
        ("span", "QuestionAnswering", "spans"),
        ("masked_lm", "MaskedLM", ""),
    ],
)
def test_the_task_of_a_text_encoder_is_that_of_its_head(opened, head, kind, task):
    pool, classes = ("pooler" if head == "linear" else "mean"), {"span": 2, "masked_lm": 8}.get(head, 3)
    model = models.create(f"bert(width=16, depth=1, heads=2, positions=24, pool={pool!r})", classes, head, in_channels=8, input_size=(9,))
    content = {"model_type": "bert", "num_attention_heads": 2}
    arrays = drawn("bert", model)
    for more in ({}, {"architectures": [f"BertFor{kind}"]}):
        config = opened(arrays, config=content | more).config
        assert (config.head, config.task) == (head, task)


def test_sounds_are_of_several_classes_at_once(opened):
    for classes, task in ((521, "multilabel"), (4, "classification")):
        yamnet = models.create("yamnet(layers=1, width=4)", classes, in_channels=1)
        assert opened(drawn("yamnet_keras", yamnet)).config.task == task


def test_imagenet_keeps_our_names_where_the_order_is_the_same(small, opened):
    ours = imagenet.labels()
    large = small | {"fc.weight": np.zeros((1000, 32), np.float32), "fc.bias": np.zeros(1000, np.float32)}
    theirs = {str(i): f"{name}, something" for i, name in enumerate(ours)}
    assert opened(large, config=RESNET | {"id2label": theirs}).config.labels == ours
    synsets = [f"n{i:08}" for i in range(1000)]
    assert opened(large, config=TIMM | {"num_classes": 1000, "label_names": synsets}).config.labels == ours
    turned = {str(i): name for i, name in enumerate(reversed(ours))}
    assert opened(large, config=RESNET | {"id2label": turned}).config.labels == ours[::-1]


def test_position_embeddings_win_over_the_processor_s_size(opened):
    vit = drawn("vit_hf", models.create("vit_tiny(depth=1, epsilon=1e-12)", 3, input_size=(32, 32)))
    config = opened(vit, config={"model_type": "vit"}, preprocessor_config={"size": 64}).config
    assert config.input_size == (32, 32) and "its size 64 x 64 is not taken over" in config.source


@pytest.mark.parametrize(
    ("file", "changes", "said"),
    [
        ("config", {"id2label": {"0": "a", "1": "b"}}, "id2label names 2 classes, but the weights have 3"),
        ("config", {"id2label": {"0": "a", "2": "b"}}, "id2label is .*wanted names by the classes"),
        ("config", {"id2label": ["a"]}, r"id2label is \['a'\], wanted dict"),
        ("config", {"num_channels": 1}, "num_channels is 1, but the weights take 3"),
        ("config", {"problem_type": "ranking"}, "problem_type is 'ranking', expected single_label_classification or multi_label"),
        ("config", {"problem_type": 1}, "problem_type is 1, wanted str"),
        ("config", {"id2label": None, "num_labels": 1}, "num_labels is 1, but the weights have 3 outputs"),
        ("config", "{", "not JSON"),
        ("preprocessor_config", {"image_mean": [0.5]}, r"image_mean is \[0.5\], wanted 3 numbers"),
        ("preprocessor_config", {"image_mean": "half"}, "image_mean is 'half', wanted list or int or float"),
        ("preprocessor_config", {"image_std": [0, 1, 1]}, r"image_std is \[0, 1, 1\], wanted 3 positive"),
        ("preprocessor_config", {"rescale_factor": -1}, "rescale_factor is -1.0, wanted a positive"),
        ("preprocessor_config", {"resample": 9}, "resample is 9, wanted 0 to 5"),
        ("preprocessor_config", {"size": {"height": 0, "width": 5}}, "size is .*wanted positive whole numbers"),
        ("preprocessor_config", {"crop_size": True}, "crop_size is True, wanted int or dict"),
        ("timm", {"num_classes": 5}, "num_classes is 5, but the weights have 3"),
        ("timm", {"pretrained_cfg": {"input_size": [1, 8, 8]}}, "input_size has 1 channels, but the weights take 3"),
        ("timm", {"pretrained_cfg": {"input_size": [8, 8]}}, r"input_size is \[8, 8\], wanted \[channels, height, width\]"),
        ("timm", {"pretrained_cfg": {"interpolation": "cubic"}}, "interpolation is 'cubic', wanted one of nearest"),
        ("timm", {"pretrained_cfg": {"crop_pct": 2}}, "crop_pct is 2.0, wanted a number above 0, at most 1"),
    ],
)
def test_what_contradicts_the_weights_is_named_by_file_and_key(opened, file, changes, said):
    files = {"config": RESNET, "preprocessor_config": PROCESSOR} if file != "timm" else {"config": TIMM}
    name = "config" if file == "timm" else file
    files[name] = changes if isinstance(changes, str) else files[name] | changes
    with pytest.raises(ValueError, match=rf"{name}\.json: {said}") as error:
        opened(**files)
    assert "\n" not in str(error.value)
