"""Checkpoints written before arguments and fields were renamed open as before."""

import inspect
import json

import jax
import numpy as np
import pytest

from tljax import models, weights
from tljax.models.create import backbones, heads
from tljax.weights import renamed
from tljax.weights.config import PretrainedConfig, from_json

EARLIER = """{"tljax": 1, "model": "bert(width=16, depth=1, heads=2, inner=24, positions=9, in_channels=12)", "num_classes": 3,
 "in_channels": 12, "input_size": [8], "mean": [], "std": [], "licence": "MIT", "head": "mlp(hidden=5, activation='tanh')"}"""
"""A config as earlier versions wrote it."""


def test_a_config_of_an_earlier_version_is_read_by_the_names_of_today():
    config = from_json(EARLIER)
    assert config.model == "bert(width=16, depth=1, heads=2, mlp_dim=24, positions=9, vocab_size=12)"
    assert config.head == "mlp(mlp_dim=5, activation='tanh')" and config.license == "MIT"
    assert from_json(weights.to_json(config)) == config


def test_a_checkpoint_beside_such_a_config_opens(tmp_path):
    config = from_json(EARLIER)
    variables = models.init(models.create(config.model, 3, config.head, input_size=(8,)), jax.random.key(0))
    weights.save(tmp_path, variables, config)
    (tmp_path / "config.json").write_text(EARLIER)
    opened = weights.open(tmp_path)
    assert opened.config.model == config.model and not opened.report.new
    jax.tree.map(np.testing.assert_array_equal, opened.variables, variables)


@pytest.mark.parametrize(
    ("kind", "earlier", "now"),
    [
        ("backbone", "vit_tiny(hidden=96, in_channels=1)", "vit_tiny(mlp_dim=96, in_channels=1)"),
        ("backbone", "clip_text_base(hidden=96, in_channels=12)", "clip_text_base(mlp_dim=96, vocab_size=12)"),
        ("backbone", "albert(256, inner=512)", "albert(256, mlp_dim=512)"),
        ("head", "features(normalise=True)", "features(normalize=True)"),
        *(("backbone", same, same) for same in ("resnet18( width = 8 )", "resnet18(in_channels=1)", "of_others(hidden=3)", "no call")),
        ("backbone", "vit_tiny(hidden=96, mlp_dim=32)", "vit_tiny(hidden=96, mlp_dim=32)"),
        ("head", "linear(hidden=3)", "linear(hidden=3)"),
    ],
)
def test_expressions(kind, earlier, now):
    assert renamed.current(kind, earlier) == now


def test_every_renamed_argument_and_field_exists():
    for kind, factories in (("backbone", backbones), ("head", heads)):
        arguments = {argument for name in factories for argument in inspect.signature(factories[name]).parameters}
        assert set(renamed.ARGUMENTS[kind].values()) <= arguments
        assert not (set(renamed.ARGUMENTS[kind]) - {"in_channels"}) & arguments
    fields = set(json.loads(weights.to_json(PretrainedConfig(model="mlp", num_classes=1))))
    assert set(renamed.FIELDS.values()) <= fields and not set(renamed.FIELDS) & fields
