import numpy as np
import pytest

from tljax import models, strategies, trees

NAMES = [
    "scratch", "probe", "freeze_first(2)", "full", "full(backbone_rate=0.1)", "layerwise_decay(gamma=0.5)", "gradual_unfreezing",
    "gradual_unfreezing(per=3)", "lp_ft",
]  # fmt: skip
MODELS = {"resnet20_cifar(width=4)": {}, "cnn(widths=(4, 4))": {}, "mlp(widths=(4,))": {}}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("model_name", MODELS)
def test_every_strategy_covers_every_model_and_every_step(name, model_name):
    model = models.create(model_name, 3)
    if name == "freeze_first(2)" and len(model.stages) < 2:
        with pytest.raises(ValueError, match="has 1 stages"):
            strategies.create(name, model.stages)
        return
    strategy = strategies.create(name, model.stages)
    params = models.shapes(model)["params"]
    spans = strategies.spans(strategy, 100)
    assert [s.start for s in spans] == [0, *(s.stop for s in spans[:-1])] and spans[-1].stop == 100
    for span in spans:
        groups = strategies.groups(span.phase, params)
        assert "head" in strategies.trained_parts(groups, model.stages)
        assert strategies.at(spans, span.start) == strategies.at(spans, span.stop - 1) == span
    assert strategies.at(spans, 100) == spans[-1]


def frozen(name, stages=("stem", "a", "b")):
    params = {"backbone": {s: {"kernel": np.zeros(2)} for s in stages}, "head": {"kernel": np.zeros(3)}}
    strategy = strategies.create(name, stages)
    out = []
    for span in strategies.spans(strategy, 40):
        groups = trees.flatten(strategies.groups(span.phase, params))
        out.append((span.start, {p.split("/")[-2] for p, g in groups.items() if g.frozen}))
    return out


def test_masks_by_name_and_count():
    assert frozen("probe") == [(0, {"stem", "a", "b"})]
    assert frozen("freeze_first(2)") == [(0, {"stem", "a"})]
    assert frozen("freeze_first(0)") == frozen("full") == frozen("scratch") == frozen("layerwise_decay") == [(0, set())]
    assert frozen("lp_ft(probe=0.25)") == [(0, {"stem", "a", "b"}), (10, set())]
    assert frozen("lp_ft(probe=5)") == [(0, {"stem", "a", "b"}), (5, set())]
    ladder = [{"stem", "a", "b"}, {"stem", "a"}, {"stem"}, set()]
    assert frozen("gradual_unfreezing") == list(zip([0, 10, 20, 30], ladder, strict=True))
    assert frozen("gradual_unfreezing(per=4)") == list(zip([0, 4, 8, 12], ladder, strict=True))


def test_rates_fall_from_the_head_down():
    stages = ("stem", "a", "b")
    params = {"backbone": {s: {"kernel": 0} for s in stages}, "head": {"kernel": 0}}
    phase = strategies.create("layerwise_decay(gamma=0.5)", stages).phases[0]
    rates = {p: g.lr_scale for p, g in trees.flatten(strategies.groups(phase, params)).items()}
    assert rates == {"head/kernel": 1, "backbone/b/kernel": 0.5, "backbone/a/kernel": 0.25, "backbone/stem/kernel": 0.125}


def test_a_leaf_that_rests_is_born_again():
    phases = tuple(
        strategies.Phase(((f"backbone/{still}/.*", strategies.FROZEN), (".*", strategies.TRAINED)), until)
        for still, until in (("a", 5), ("b", 10), ("a", None))
    )
    params = {"backbone": {"a": {"k": 0}, "b": {"k": 0}}, "head": {"k": 0}}
    spans = strategies.spans(strategies.Strategy(phases), 20)
    born = [trees.flatten(b) for b in strategies.births(spans, params)]
    assert [b["backbone/a/k"] for b in born] == [-1, 5, -1]
    assert [b["backbone/b/k"] for b in born] == [0, -1, 10]
    assert [b["head/k"] for b in born] == [0, 0, 0]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: strategies.create("freeze_first(9)", ("a",)), "has 1 stages"),
        (lambda: strategies.create("freeze_first", ("a",)), "missing a required argument"),
        (lambda: strategies.create("layerwise_decay(gamma=2)", ("a",)), "gamma"),
        (lambda: strategies.create("full(backbone_rate=0)", ("a",)), "use probe"),
        (lambda: strategies.spans(strategies.create("lp_ft(probe=50)", ("a",)), 40), "at least one step"),
        (lambda: strategies.spans(strategies.create("gradual_unfreezing", ("a", "b", "c")), 2), "at least one step"),
        (lambda: strategies.Strategy(()), "at least one phase"),
        (lambda: strategies.Strategy((strategies.Phase(()),), bn="frzoen"), "frozen, update or recalibrate"),
    ],
)
def test_mistakes_are_named(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_an_unknown_strategy_names_the_known_ones():
    with pytest.raises(KeyError, match="did you mean probe"):
        strategies.create("prob", ("a",))


class TestHeadInit:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 10).astype(np.int32)
    features = (np.eye(3, 5)[labels] * 3 + rng.normal(size=(30, 5)) * 0.3).astype(np.float32)

    @pytest.mark.parametrize("name", ["imprint", "ridge", "ridge(l2=0.01)"])
    def test_separable_features_are_separated_without_training(self, name):
        kernel, bias = strategies.head_inits.create(name)(self.features, self.labels, 3, 0)
        assert kernel.shape == (5, 3) and bias.shape == (3,) and kernel.dtype == bias.dtype == np.float32
        assert ((self.features @ kernel + bias).argmax(1) == self.labels).mean() == 1

    def test_ridge_solves_its_normal_equations_and_does_not_depend_on_scale(self):
        init = strategies.head_inits.create("ridge(l2=0.1, scale=1.0)")
        kernel, bias = init(self.features, self.labels, 3, 0)
        x = self.features.astype(np.float64)
        centred = x - x.mean(0)
        penalty = 0.1 * len(x) * centred.var(0).mean()
        residual = np.eye(3)[self.labels] - x @ kernel - bias
        np.testing.assert_allclose(centred.T @ residual, penalty * kernel, atol=1e-4)
        np.testing.assert_allclose(residual.mean(0), 0, atol=1e-6)
        scaled, _ = init(self.features * 1000, self.labels, 3, 0)
        np.testing.assert_allclose(scaled * 1000, kernel, rtol=1e-3, atol=1e-5)

    def test_zeros_and_normal(self):
        kernel, bias = strategies.head_inits.create("zeros")(self.features, self.labels, 3, 0)
        assert not kernel.any() and not bias.any()
        kernel, _ = strategies.head_inits.create("normal(scale=2.0)")(np.zeros((0, 400)), np.zeros(0), 50, 0)
        assert abs(kernel.std() - 2) < 0.05

    @pytest.mark.parametrize("name", ["imprint", "ridge"])
    def test_a_class_without_examples_is_named(self, name):
        with pytest.raises(ValueError, match=r"none of class \[3\]"):
            strategies.head_inits.create(name)(self.features, self.labels, 4, 0)
