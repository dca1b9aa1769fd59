import numpy as np
import pytest
from PIL import Image

from tljax.report import effects


def rows(fields, failed=()):
    points = [
        {"overrides": dict(zip(fields, values, strict=True)), "setting": str(i)}
        for i, values in enumerate(zip(*fields.values(), strict=True))
    ]
    return [point if i in failed else point | {"metrics": {"accuracy": 0.1 * i}} for i, point in enumerate(points)]


@pytest.mark.parametrize(
    ("fields", "failed"),
    [
        ({"optim.lr": (1e-4, 1e-3, 1e-2), "strategy": ("probe", "full(backbone_rate=0.1)", "scratch")}, (1,)),
        ({"b": (True, False), "n": (1, 2), "size": ([8, 8], [16, 16]), "x": (0.0, 5.0), "name": ("köln", "zürich")}, ()),
        ({"optim.lr": (1e-3,)}, (0,)),
        ({"optim.lr": (1e-3, 1e-3)}, ()),
        ({"mixed": (1, "one", None)}, (0, 1, 2)),
    ],
)
def test_every_kind_of_field_is_drawn(fields, failed, tmp_path):
    path = effects.effects(rows(fields, failed), tmp_path / "figures" / "sweep.png", metric="accuracy", selected="0")
    with Image.open(path) as picture:
        assert min(picture.size) > 300 and len(np.unique(np.asarray(picture.convert("L")))) > 10


def test_a_recipe_without_overrides_and_no_rows(tmp_path):
    assert effects.effects([{"overrides": {}, "setting": "recipe", "metrics": {"mse": 2.0}}], tmp_path / "a.png", metric="mse").exists()
    with pytest.raises(ValueError, match="no trials"):
        effects.effects([], tmp_path / "b.png", metric="accuracy")
    assert not (tmp_path / "b.png").exists()


def test_a_logarithmic_axis_stands_where_numbers_span_a_factor_of_ten(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(effects.png, "save", lambda figure, path: drawn.append(figure))
    effects.effects(rows({"a": (1e-3, 1e-2, 1e-1), "b": (1, 2, 4), "c": (0.0, 1.0, 100.0)}), tmp_path, metric="accuracy")
    labels = [axes.get_xlabel() for axes in drawn[0].axes]
    assert labels == ["a (log scale)", "b", "c"]
    np.testing.assert_allclose(np.diff(drawn[0].axes[0].get_xticks()), 1.0)  # a decade is as wide as the next
    assert [t.get_text() for t in drawn[0].axes[2].get_xticklabels()] == ["0", "1", "100"]
