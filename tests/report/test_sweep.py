import pytest

from tljax.report import sweep


def row(setting, seed, accuracy, split="val", **more):
    about = {
        "setting": setting,
        "split": split,
        "seed": seed,
        "task": "t",
        "overrides": {"optim.lr": float(setting), "strategy": "full(1)"},
    }
    done = {"metrics": {"accuracy": accuracy, "loss": 1.0}, "metric": "accuracy", "sign": 1.0, "measured_on": f"{split} (9 examples)"}
    return about | done | {"seconds": 1.23, "examples_per_second": 1000.0} | more


def failed(setting, seed, error):
    return {k: v for k, v in row(setting, seed, 0).items() if k not in ("metrics", "metric", "sign", "measured_on", "seconds")} | {
        "error": error
    }


GOOD = [row("0.1", 0, 0.5), row("0.1", 1, 0.7), row("0.2", 0, 0.6), row("0.2", 1, 0.62)]


def test_the_best_mean_selects_whatever_the_order_and_the_test():
    assert sweep.select(GOOD) == sweep.select(GOOD[::-1]) == "0.2"
    assert sweep.select([*GOOD, row("0.1", 0, 1.0, "test"), row("0.1", 1, 1.0, "test")]) == "0.2"
    assert sweep.select([row("0.2", 0, 0.6), row("0.1", 0, 0.6)]) == "0.2"  # of equals the first
    errors = [row(s, 0, 0) | {"metrics": {"mse": v}, "metric": "mse", "sign": -1.0} for s, v in (("0.1", 0.5), ("0.2", 0.3))]
    assert sweep.select(errors) == "0.2"  # an error is better the smaller it is


def test_a_setting_with_a_trial_that_failed_is_not_selected_and_tells_why():
    rows = [*GOOD[:2], row("0.2", 0, 0.99), failed("0.2", 1, "diverged: the loss is nan at step 3")]
    assert sweep.select(rows) == "0.1"
    text = sweep.report(rows)
    assert "1 of 2 diverged" in text and "0.990 (1)" in text and "selected: --config.optim.lr=0.1 --config.strategy='full(1)'" in text
    nothing = sweep.report([failed("0.1", 0, "out of memory: 3 GB")])
    assert "1 of 1 out of memory" in nothing and "nothing is selected" in nothing


def test_the_table_says_split_count_and_spread_and_shows_every_test():
    text = sweep.report([*GOOD, row("0.2", 0, 0.4, "test"), row("0.2", 1, 0.5, "test")])
    caption, _, _, _, first, second = text.splitlines()[:6]
    assert (
        "val (9 examples), test (9 examples)" in caption and "over 2 seeds" in caption and caption.endswith("measured on the test split: 1")
    )
    assert " ".join(first.split()) == "0.1 full(1) 0.600 ± 0.141 (2) 1.23 1000"
    assert " ".join(second.split()) == "0.2 full(1) 0.610 ± 0.014 (2) 0.450 ± 0.071 (2) 1.23 1000 selected"
    more = sweep.report([*GOOD, row("0.2", 0, 0.4, "test"), row("0.1", 0, 0.3, "test"), row("0.7", 0, 0.2, "test")]).splitlines()
    assert more[0].endswith("measured on the test split: 3") and "0.300 (1)" in more[4]
    assert " ".join(more[6].split()) == "0.7 full(1) 0.200 (1) of an earlier sweep"
    assert "test" not in sweep.report(GOOD) and "| --" in sweep.report(GOOD, markdown=True)
    assert "1 seed;" in sweep.report(GOOD[:1])


@pytest.mark.parametrize(("value", "shown"), [(0.00123456, "0.00123 (1)"), (0.5, "0.500 (1)"), (12.3456, "12.346 (1)"), (0.0, "0.000 (1)")])
def test_errors_keep_three_digits(value, shown):
    assert shown in sweep.report([row("0.1", 0, 0) | {"metrics": {"mse": value}, "metric": "mse", "sign": -1.0}])
