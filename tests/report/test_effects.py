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


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved from now on."""
    figures, save = [], effects.png.save
    monkeypatch.setattr(effects.png, "save", lambda figure, path: figures.append(figure) or save(figure, path))
    return figures


@pytest.mark.parametrize(
    ("fields", "failed", "ticks"),
    [
        (
            {"optim.lr": (1e-4, 1e-3, 1e-2), "strategy": ("probe", "full(backbone_rate=0.1)", "scratch")},
            (1,),
            [["0.0001", "0.001", "0.01"], ["probe", "full(backbone_rate=0.1)", "scratch"]],
        ),
        (
            {"b": (True, False), "n": (2, 1), "size": ([8, 8], [16, 16]), "x": (0.0, 5.0), "name": ("köln", "zürich")},
            (),
            [["True", "False"], ["1", "2"], ["[8, 8]", "[16, 16]"], ["0", "5"], ["köln", "zürich"]],
        ),
        ({"optim.lr": (1e-3,)}, (0,), [["0.001"]]),
        ({"optim.lr": (1e-3, 1e-3)}, (), [["0.001"]]),
        ({"mixed": (1, "one", None)}, (0, 1, 2), [["1", "one", "None"]]),
    ],
)
def test_every_kind_of_field_is_drawn(fields, failed, ticks, tmp_path, drawn):
    given = rows(fields, failed)
    path = effects.effects(given, tmp_path / "figures" / "sweep.png", metric="accuracy", selected="0")
    with Image.open(path) as picture:
        assert min(picture.size) > 300
    panels = [axes for axes in drawn[0].axes if axes.axison]
    assert [[t.get_text() for t in axes.get_xticklabels()] for axes in panels] == ticks
    scores = {int(row["setting"]): row["metrics"]["accuracy"] for row in given if "metrics" in row}
    expected = {
        "trial of the selected setting": [scores[0]] if 0 in scores else [],
        "trial": [score for i, score in scores.items() if i],
        "failed": [0.03] * len(failed),
    }
    for axes in panels:
        points = {label: [] for label in expected}
        for group in axes.collections:
            if group.get_label() in points:
                points[group.get_label()] += group.get_offsets()[:, 1].tolist()
        assert {label: sorted(y) for label, y in points.items()} == expected
    shown = {text.get_text() for text in drawn[0].legends[0].get_texts()}
    means = {"mean"} if len(fields) == 1 else set()  # the other cases change all fields at once, so no mean would be of one of them
    assert shown == {label for label, y in expected.items() if y} | means


def test_means_are_over_all_trials_with_a_value(tmp_path, drawn):
    effects.effects(rows({"n": (1, 1, 2, 2), "s": ("a", "b", "a", "b")}, failed=(3,)), tmp_path / "a.png", metric="accuracy")
    numbers, names = drawn[0].axes[:2]
    (line,) = [line for line in numbers.lines if line.get_label() == "mean"]
    np.testing.assert_allclose(np.transpose([line.get_xdata(), line.get_ydata()]), [[1, 0.05], [2, 0.2]])
    (bars,) = [group for group in names.collections if group.get_label() == "mean"]
    np.testing.assert_allclose([segment[:, 1] for segment in bars.get_segments()], [[0.1, 0.1], [0.1, 0.1]])


def test_a_recipe_without_overrides_and_no_rows(tmp_path):
    assert effects.effects([{"overrides": {}, "setting": "recipe", "metrics": {"mse": 2.0}}], tmp_path / "a.png", metric="mse").exists()
    with pytest.raises(ValueError, match="no trials"):
        effects.effects([], tmp_path / "b.png", metric="accuracy")
    assert not (tmp_path / "b.png").exists()


def test_a_logarithmic_axis_stands_where_numbers_span_a_factor_of_ten(drawn, tmp_path):
    given = rows({"a": (1e-3, 1e-2, 1e-1), "b": (1, 2, 4), "c": (0.0, 1.0, 100.0)})
    effects.effects(given, tmp_path / "a.png", metric="accuracy")
    labels = [axes.get_xlabel() for axes in drawn[0].axes]
    assert labels == ["a (log scale)", "b", "c"]
    np.testing.assert_allclose(np.diff(drawn[0].axes[0].get_xticks()), 1.0)  # a decade is as wide as the next
    assert [t.get_text() for t in drawn[0].axes[2].get_xticklabels()] == ["0", "1", "100"]
