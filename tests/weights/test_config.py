"""A config survives its text, and a wrong one is refused by the field's name."""

import dataclasses
import json

import pytest

from tljax.weights.config import PretrainedConfig, adapt_channels, find_config, from_json, to_json

CONFIG = PretrainedConfig(
    model="resnet20_cifar",
    num_classes=2,
    input_size=(32, 48),
    mean=(0.1, 0.2, 1 / 3),
    std=(1.0, 0.5, 0.25),
    crop_fraction=0.875,
    labels=("Käse", "猫"),
    sha256="0f" * 32,
    task="regression(mean=(0.5,), std=(2.0,))",
)


def changed(**fields) -> str:
    return json.dumps(json.loads(to_json(CONFIG)) | fields)


def test_round_trip_through_text():
    assert from_json(to_json(CONFIG)) == CONFIG
    vectors = PretrainedConfig(model="mlp(widths=(64,))", num_classes=1, in_channels=64)
    assert from_json(to_json(vectors)) == vectors
    assert from_json(changed(crop_fraction=1)).crop_fraction == 1.0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input_sise": [1, 1]}, "unknown field 'input_sise'; did you mean input_size?"),
        ({"model": 3}, "field 'model' is of type str, not 3"),
        ({"num_classes": "ten"}, "field 'num_classes' is of type int, not 'ten'"),
        ({"num_classes": True}, "field 'num_classes' is of type int, not True"),
        ({"num_classes": 2.0}, "field 'num_classes' is of type int"),
        ({"mean": 0.5}, "field 'mean' is a list of float, not 0.5"),
        ({"mean": ["a"]}, "field 'mean' is of type float, not 'a'"),
        ({"labels": ["a", None]}, "field 'labels' is of type str, not None"),
        ({"mean": [0.1, 0.2]}, r"PretrainedConfig.mean cannot be \(0.1, 0.2\) \(one number per channel"),
        ({"std": [1, 1, 0]}, "PretrainedConfig.std cannot be"),
        ({"std": [1, 1, float("nan")]}, "PretrainedConfig.std cannot be"),
        ({"num_classes": 0}, "PretrainedConfig.num_classes cannot be 0"),
        ({"num_classes": 3}, "PretrainedConfig.labels cannot be"),
        ({"in_channels": -1}, "PretrainedConfig.in_channels cannot be -1"),
        ({"input_size": [32, 32, 3]}, "PretrainedConfig.input_size cannot be"),
        ({"channel_order": "GBR"}, "PretrainedConfig.channel_order cannot be 'GBR' .one of RGB, BGR, L"),
        ({"crop_fraction": 1.5}, "PretrainedConfig.crop_fraction cannot be 1.5"),
        ({"sha256": "abc"}, "PretrainedConfig.sha256 cannot be 'abc'"),
        ({"task": None}, "field 'task' is of type str, not None"),
        ({"task": "regression(mean=numpy.zeros(3))"}, "PretrainedConfig.task cannot be 'regression"),
        ({"task": "multi label"}, "PretrainedConfig.task cannot be 'multi label' .a name or a call with literal"),
        ({"tljax": 2}, 'needs "tljax": 1'),
    ],
)
def test_a_wrong_field_is_named(fields, message):
    with pytest.raises(ValueError, match=f"x.json: .*{message}"):
        from_json(changed(**fields), "x.json")


def test_a_config_from_before_tasks_opens_without_one():
    fields = json.loads(to_json(CONFIG))
    del fields["task"]
    assert from_json(json.dumps(fields)) == dataclasses.replace(CONFIG, task="")


def test_a_task_is_recorded_but_not_evaluated():
    unknown = "a_task_of_the_user(1, words=('Käse',))"
    assert from_json(changed(task=unknown)).task == unknown


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"model": "x"}', '{"tljax": 1, "num_classes": 3}', "[" * 100_000])
def test_text_that_is_no_config(text):
    with pytest.raises(ValueError, match=r"x.json: "):
        from_json(text, "x.json")


def test_found_beside_the_file(tmp_path):
    file = tmp_path / "weights.pth"
    assert find_config(file) is None
    (tmp_path / "config.json").write_text('{"architectures": ["BertModel"], "mean": "not ours"}')
    assert find_config(file) is None
    (tmp_path / "config.json").write_text(to_json(CONFIG))
    assert find_config(file) == (CONFIG, tmp_path / "config.json")
    own = dataclasses.replace(CONFIG, num_classes=5, labels=())
    (tmp_path / "weights.pth.json").write_text(to_json(own))
    assert find_config(file) == (own, tmp_path / "weights.pth.json")
    (tmp_path / "weights.pth.json").write_text(changed(model=None))
    with pytest.raises(ValueError, match=r"weights.pth.json: field 'model'"):
        find_config(file)
    (tmp_path / "weights.pth.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(ValueError, match=r"weights.pth.json: "):
        find_config(file)


@pytest.mark.parametrize(
    ("channels", "want"),
    [(1, (2.0,)), (2, (2.0, 2.0)), (3, (1.0, 2.0, 3.0)), (4, (1.0, 2.0, 3.0, 1.0)), (7, (1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0))],
)
def test_mean_for_another_number_of_channels(channels, want):
    assert adapt_channels((1.0, 2.0, 3.0), channels) == want
    assert adapt_channels((), channels) == ()
    assert adapt_channels((5.0,), channels) == (5.0,) * channels
