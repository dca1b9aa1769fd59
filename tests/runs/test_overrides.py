import dataclasses

import pytest

from tljax.runs import overrides
from tljax.train.optimizer import Optim


@dataclasses.dataclass
class Recipe:
    strategy: str = "full"
    steps: int = 3
    input_size: tuple[int, ...] = ()
    optim: Optim = dataclasses.field(default_factory=Optim)


def test_fields_change_in_a_copy_and_take_the_type_of_the_field():
    recipe = Recipe()
    changed = overrides.apply(recipe, {"optim.lr": 1, "strategy": "linear_probe", "input_size": [8, 8], "optim.stairs": (1, 0.5)})
    assert (changed.optim.lr, changed.strategy, changed.input_size, changed.optim.stairs) == (1.0, "linear_probe", (8, 8), (1.0, 0.5))
    assert type(changed.optim.lr) is float and type(changed.optim.stairs[0]) is float
    assert recipe == Recipe() and overrides.value(changed, "optim.lr") == 1.0
    known = overrides.field_types(Recipe)
    assert known["optim.lr"] is float and known["strategy"] is str and "optim" not in known


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optim.rate": 1}, "no field 'optim.rate'"),
        ({"lr": 1}, "did you mean optim.lr?"),
        ({"optim.lrs": 1}, "did you mean optim.lr"),
        ({"optim": 1}, "did you mean optim.name or optim.lr or"),
        ({"optim.lr.x": 1}, "no field 'optim.lr.x'"),
        ({3: 1}, "no field 3"),
        ({"optim.lr": "1e-3"}, "optim.lr='1e-3': the field takes float"),
        ({"steps": 2.0}, "steps=2.0: the field takes int"),
        ({"steps": True}, "the field takes int"),
        ({"strategy": ("linear_probe",)}, "the field takes str"),
        ({"input_size": 8}, r"the field takes tuple\[int, ...\]"),
        ({"input_size": (8, "8")}, "input_size='8'"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        overrides.apply(Recipe(), changes)
