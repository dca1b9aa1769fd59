import dataclasses

import numpy as np
import pytest

from tljax import models, strategies, trees

NAMES = [
    "scratch", "linear_probe", "freeze_first(2)", "full", "full(backbone_rate=0.1)", "layerwise_decay(decay=0.5)", "gradual_unfreezing",
    "gradual_unfreezing(phase_length=3)", "lp_ft",
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
    assert frozen("linear_probe") == [(0, {"stem", "a", "b"})]
    assert frozen("freeze_first(2)") == [(0, {"stem", "a"})]
    assert frozen("freeze_first(0)") == frozen("full") == frozen("scratch") == frozen("layerwise_decay") == [(0, set())]
    assert frozen("lp_ft(probe=0.25)") == [(0, {"stem", "a", "b"}), (10, set())]
    assert frozen("lp_ft(probe=5)") == [(0, {"stem", "a", "b"}), (5, set())]
    ladder = [{"stem", "a", "b"}, {"stem", "a"}, {"stem"}, set()]
    assert frozen("gradual_unfreezing") == list(zip([0, 10, 20, 30], ladder, strict=True))
    assert frozen("gradual_unfreezing(phase_length=4)") == list(zip([0, 4, 8, 12], ladder, strict=True))


def test_rates_fall_from_the_head_down():
    stages = ("stem", "a", "b")
    params = {"backbone": {s: {"kernel": 0} for s in stages}, "head": {"kernel": 0}}
    phase = strategies.create("layerwise_decay(decay=0.5)", stages).phases[0]
    rates = {p: g.lr_scale for p, g in trees.flatten(strategies.groups(phase, params)).items()}
    assert rates == {"head/kernel": 1, "backbone/b/kernel": 0.5, "backbone/a/kernel": 0.25, "backbone/stem/kernel": 0.125}


def test_a_leaf_that_rests_is_unfrozen_anew():
    phases = tuple(
        strategies.Phase(((f"backbone/{still}/.*", strategies.FROZEN), (".*", strategies.TRAINED)), until)
        for still, until in (("a", 5), ("b", 10), ("a", None))
    )
    params = {"backbone": {"a": {"k": 0}, "b": {"k": 0}}, "head": {"k": 0}}
    spans = strategies.spans(strategies.Strategy(phases), 20)
    since = [trees.flatten(steps) for steps in strategies.unfrozen_at(spans, params)]
    assert [steps["backbone/a/k"] for steps in since] == [-1, 5, -1]
    assert [steps["backbone/b/k"] for steps in since] == [0, -1, 10]
    assert [steps["head/k"] for steps in since] == [0, 0, 0]


STAGES = ("stem", "a", "b")
NORMED = {
    "backbone": {s: {"conv": {"kernel": 0}, "bn": {"scale": 0, "bias": 0}} for s in STAGES},
    "head": {"kernel": 0},
}


def modes(strategy, **changes):
    strategy = strategies.create(strategy, STAGES)
    phase = dataclasses.replace(strategy.phases[-1], **changes)
    return strategies.bn_modes(strategy, phase, strategies.groups(phase, NORMED), STAGES)


def test_a_stage_keeps_its_statistics_where_it_trains_more_slowly_than_at_the_full_rate():
    backbone = lambda mode: dict.fromkeys(STAGES, mode)  # noqa: E731
    assert modes("full") == modes("scratch") == modes("gradual_unfreezing") == backbone("batch") | {"head": "batch"}
    assert modes("lp_ft") == backbone("stored") | {"head": "stored"}
    assert modes("full(backbone_rate=0.1)") == modes("layerwise_decay") == modes("linear_probe") == backbone("stored") | {"head": "batch"}
    assert modes("layerwise_decay(decay=1.0)") == modes("full") and modes("freeze_first(2)")["a"] == "stored"
    for name in ("freeze_first(2)", "scratch"):
        chosen = dataclasses.replace(strategies.create(name, STAGES), trained_bn="stored")
        assert set(modes(chosen).values()) == {"stored"}
    slow = dataclasses.replace(strategies.create("full(backbone_rate=0.1)", STAGES), init="scratch")
    assert modes(slow) == modes("scratch")


def test_rules_say_whose_statistics_a_part_uses_and_the_first_wins():
    assert modes("linear_probe", bn=(("a", "batch"),)) == {"stem": "stored", "a": "batch", "b": "stored", "head": "batch"}
    assert modes("scratch", bn=(("s.*", "stored"), ("stem|b", "recalibrate"))) == {
        "stem": "stored", "a": "batch", "b": "recalibrate", "head": "batch",
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"the rule 'c' matches no part; the parts are stem, a, b, head"):
        modes("full", bn=(("c", "batch"),))
    with pytest.raises(ValueError, match=r"bn='frzoen': expected one of stored, batch, recalibrate"):
        modes("full", bn=(("a", "frzoen"),))


def test_a_stage_of_which_norms_alone_train_keeps_its_statistics():
    rules = ((r"backbone/a/bn/.*", strategies.TRAINED), ("backbone/[as].*", strategies.FROZEN), (".*", strategies.TRAINED))
    norms = strategies.Strategy((strategies.Phase(rules),), init="scratch")
    assert modes(norms) == {"stem": "stored", "a": "stored", "b": "batch", "head": "batch"}
    assert strategies.trained_parts(strategies.groups(norms.phases[0], NORMED), STAGES) == ("a", "b", "head")
    assert modes(norms, bn=(("a", "batch"),))["a"] == "batch"


def test_added_rules_come_first_and_recalibrate_once():
    strategy = strategies.create("lp_ft", STAGES)
    own = dataclasses.replace(strategy, phases=tuple(dataclasses.replace(p, bn=(("b", "batch"),)) for p in strategy.phases))
    first, second = own.with_bn([("a", "recalibrate")]).phases
    assert first.bn == (("a", "recalibrate"), ("b", "batch")) and second.bn == (("a", "stored"), ("b", "batch"))
    assert own.with_bn(()) == own


def test_a_strategy_without_stages_is_a_call_that_create_completes():
    call = strategies.freeze_first(2)
    assert str(call) == "freeze_first(2)" and hash(call) == hash(strategies.freeze_first(2)) != hash(strategies.freeze_first(1))
    assert strategies.create(call, STAGES) == strategies.create("freeze_first(2)", STAGES) == strategies.freeze_first(2, stages=STAGES)
    assert strategies.create(call, STAGES).call == "freeze_first(2)"
    built = strategies.create("linear_probe", STAGES)
    assert strategies.create(built, STAGES) is built


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: strategies.create("freeze_first(9)", ("a",)), "has 1 stages"),
        (lambda: strategies.create("freeze_first", ("a",)), "missing a required argument"),
        (lambda: strategies.create("layerwise_decay(decay=2)", ("a",)), r"decay=2\): .*\(0, 1\]"),
        (lambda: strategies.create("full(backbone_rate=0)", ("a",)), "use linear_probe"),
        (lambda: strategies.spans(strategies.create("lp_ft(probe=50)", ("a",)), 40), "at least one step"),
        (lambda: strategies.spans(strategies.create("gradual_unfreezing", ("a", "b", "c")), 2), "at least one step"),
        (lambda: strategies.Strategy(()), "at least one phase"),
        (lambda: strategies.Strategy((strategies.Phase(()),), init="frzoen"), "pretrained or scratch"),
    ],
)
def test_mistakes_are_named(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_a_function_that_returns_no_strategy_is_named(monkeypatch):
    monkeypatch.setattr(strategies.strategies, "_factories", dict(strategies.strategies._factories))
    strategies.register("forgot_to_return")(lambda: None)
    strategies.register("only_a_phase")(lambda *, stages: strategies.Phase(((".*", strategies.TRAINED),)))
    with pytest.raises(ValueError, match=r"strategy 'forgot_to_return' returned NoneType, expected a Strategy"):
        strategies.create("forgot_to_return", STAGES)
    with pytest.raises(ValueError, match=r"strategy 'only_a_phase' returned Phase"):
        strategies.create(strategies.strategies["only_a_phase"](), STAGES)
    with pytest.raises(ValueError, match=r"strategy '3' is of type int"):
        strategies.create(3, STAGES)


def test_an_unknown_strategy_names_the_known_ones():
    with pytest.raises(KeyError, match="did you mean linear_probe"):
        strategies.create("prob", ("a",))


class TestHeadInit:
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(3), 10)
    labels = np.eye(3, dtype=np.float32)[classes]
    features = (np.eye(3, 5)[classes] * 3 + rng.normal(size=(30, 5)) * 0.3).astype(np.float32)

    @pytest.mark.parametrize("name", ["imprint", "ridge", "ridge(l2=0.01)"])
    def test_separable_features_are_separated_without_training(self, name):
        kernel, bias = strategies.head_inits.create(name)(self.features, self.labels, 3, 0)
        assert kernel.shape == (5, 3) and bias.shape == (3,) and kernel.dtype == bias.dtype == np.float32
        assert ((self.features @ kernel + bias).argmax(1) == self.classes).mean() == 1

    def test_ridge_solves_its_normal_equations_and_does_not_depend_on_scale(self):
        init = strategies.head_inits.create("ridge(l2=0.1, scale=1.0)")
        kernel, bias = init(self.features, self.labels, 3, 0)
        x = self.features.astype(np.float64)
        centered = x - x.mean(0)
        penalty = 0.1 * len(x) * centered.var(0).mean()
        residual = self.labels - x @ kernel - bias
        np.testing.assert_allclose(centered.T @ residual, penalty * kernel, atol=1e-4)
        np.testing.assert_allclose(residual.mean(0), 0, atol=1e-6)
        scaled, _ = init(self.features * 1000, self.labels, 3, 0)
        np.testing.assert_allclose(scaled * 1000, kernel, rtol=1e-3, atol=1e-5)

    def test_ridge_takes_the_link_of_the_task_and_centers_what_lies_between_zero_and_one(self):
        flags = (self.rng.random((30, 2)) < 0.3 + 0.4 * (self.classes[:, None] == [0, 1])).astype(np.float32)
        predictions = [self.features @ k + b for k, b in (
            strategies.head_inits.create("ridge", link=link)(self.features, flags, 2, 0) for link in ((10.0, 0.5), (1.0, 0.0))
        )]  # fmt: skip
        np.testing.assert_allclose(predictions[0], 10 * (predictions[1] - 0.5), rtol=1e-4, atol=1e-4)
        numbers = self.features @ self.rng.normal(size=(5, 2)) + 7
        kernel, bias = strategies.head_inits.create("ridge(l2=1e-6)", link=(1.0, 0.0))(self.features, numbers, 2, 0)
        np.testing.assert_allclose(self.features @ kernel + bias, numbers, atol=1e-2)

    def test_imprint_of_distributions_weighs_by_them(self):
        soft = self.rng.dirichlet(np.ones(3), 30)
        kernel, _ = strategies.head_inits.create("imprint(scale=2.0)")(self.features, soft, 3, 0)
        unit = self.features / np.linalg.norm(self.features, axis=1, keepdims=True)
        for c in range(3):
            mean = (soft[:, c, None] * unit).sum(0)
            np.testing.assert_allclose(kernel[:, c], 2 * mean / np.linalg.norm(mean), rtol=1e-4, atol=1e-6)

    def test_zeros_and_normal(self):
        kernel, bias = strategies.head_inits.create("zeros")(self.features, self.labels, 3, 0)
        assert not kernel.any() and not bias.any()
        kernel, _ = strategies.head_inits.create("normal(scale=2.0)")(np.zeros((0, 400)), np.zeros((0, 50)), 50, 0)
        assert abs(kernel.std() - 2) < 0.05

    def test_a_class_without_examples_is_named(self):
        with pytest.raises(ValueError, match=r"none of class \[3\]"):
            strategies.head_inits.create("imprint")(self.features, np.eye(4)[self.classes], 4, 0)
