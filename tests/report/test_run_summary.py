"""The end of a run in words."""

import pytest

from tljax.report import run_summary

SUMMARY = {
    "task": "t",
    "strategy": "lp_ft",
    "seed": 0,
    "measured_on": "test (100 examples)",
    "metrics": {"accuracy": 0.9, "loss": 0.25, "per_class": [1.0, None]},
    "params": {"trainable": 12345, "frozen": 6, "planned": 12345},
    "seconds": 1.5,
    "ended": "all steps done",
    "steps": 12,
    "selected_step": 4,
    "selected_on": "val (40 examples), step 4",
    "selected_by": "accuracy",
}


def test_the_table_has_numbers_parameters_and_what_selected():
    text = run_summary.text(SUMMARY)
    assert "0.9000" in text and "12,345" in text and "per_class" not in text and "ended" not in text
    assert text.splitlines()[-1].startswith("selected on val (40 examples), step 4 by accuracy; one seed")


def test_early_stopping_the_start_and_no_selection_are_said():
    early = SUMMARY | {"ended": "early stopping: no better validation for 2 validations"}
    assert "ended after 12 steps by early stopping" in run_summary.text(early)
    unmoved = run_summary.text(SUMMARY | {"selected_step": 0, "params": {"trainable": 0, "frozen": 12351, "planned": 12345}})
    assert "selected is the model before the first step" in unmoved
    assert "none: step 0 was selected" in unmoved and "all 12,351 unchanged" in unmoved and "frozen (of the model)" in unmoved
    assert " by " not in run_summary.text(SUMMARY | {"selected_on": "nothing (the last step, 12)", "selected_by": ""}).splitlines()[-1]


@pytest.mark.parametrize(
    ("share", "said"), [(0.1, "beats"), (0.9, "does not clearly beat"), (0.86, "does not clearly beat"), (0.83, "beats")]
)
def test_a_model_beats_the_most_frequent_class_by_two_standard_errors(share, said):
    assert run_summary.against_majority(SUMMARY, share) == (
        f"the model {said} the majority model: 0.9000 ± 0.0600 (2 standard errors) against {share:.4f}, test (100 examples)"
    )
