import pytest

from experiments import overrides
from experiments.config import Config


def test_fields_change_in_a_copy_and_take_the_type_of_the_field():
    config = Config()
    changed = overrides.changed(config, {"optim.lr": 1, "strategy": "probe", "input_size": [8, 8], "optim.stairs": (1, 0.5)})
    assert (changed.optim.lr, changed.strategy, changed.input_size, changed.optim.stairs) == (1.0, "probe", (8, 8), (1.0, 0.5))
    assert type(changed.optim.lr) is float and type(changed.optim.stairs[0]) is float
    assert config == Config() and overrides.value(changed, "optim.lr") == 1.0
    known = overrides.fields(Config)
    assert known["optim.lr"] is float and known["strategy"] is str and "optim" not in known


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"optim.rate": 1}, "no field 'optim.rate'"),
        ({"lr": 1}, "did you mean optim.lr?"),
        ({"optim.lrs": 1}, "did you mean optim.lr"),
        ({"optim": 1}, "did you mean optim.name or optim.lr or"),
        ({"optim.lr.x": 1}, "no field 'optim.lr.x'"),
        ({3: 1}, "no field 3"),
        ({"optim.lr": "1e-3"}, "config.optim.lr='1e-3': the field takes float"),
        ({"train.steps": 2.0}, "config.train.steps=2.0: the field takes int"),
        ({"train.steps": True}, "the field takes int"),
        ({"optim.nesterov": 1}, "the field takes bool"),
        ({"strategy": ("probe",)}, "the field takes str"),
        ({"input_size": 8}, r"the field takes tuple\[int, ...\]"),
        ({"input_size": (8, "8")}, "config.input_size='8'"),
    ],
)
def test_what_does_not_fit_is_named(given, said):
    with pytest.raises(ValueError, match=said):
        overrides.changed(Config(), given)
