"""The profiler trace of some steps."""

import gzip
import json

import pytest

from tests.train.test_run import Killed, dying
from tests.train.tiny import tiny
from tljax.train import profile


def traced_steps(folder):
    """The numbers of the steps that the trace marks."""
    (path,) = folder.rglob("*.trace.json.gz")
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    return sorted(int(e["args"]["step_num"]) for e in events if e.get("name") == "train" and "step_num" in e.get("args", {}))


@pytest.mark.parametrize(("text", "said"), [("5", "START:STOP"), ("a:b", "START:STOP"), ("-1:2", "START:STOP"), ("1:2:3", "START:STOP"),
                                            ("5:5", "START < STOP"), ("6:5", "START < STOP"), ("0:13", "<= 12")])  # fmt: skip
def test_a_range_that_makes_no_sense_is_refused(text, said):
    with pytest.raises(ValueError, match=said) as e:
        profile.parse_steps(text, 12)
    assert repr(text) in str(e.value)


def test_the_trace_holds_the_steps_asked_for_across_phases_and_of_a_resumed_run_what_is_left(tmp_path):
    assert profile.parse_steps("", 12) == range(0) and profile.parse_steps("11:12", 12) == range(11, 12)
    run = tiny("gradual_unfreezing", ema=0.9)  # phases of 4 steps
    with pytest.raises(Killed):
        run.run(tmp_path, batches=dying(7), save_every=3, profiled=profile.parse_steps("2:6", 12))
    assert traced_steps(tmp_path / "profile") == [2, 3, 4, 5]
    (tmp_path / "profile").rename(tmp_path / "before")
    run.run(tmp_path, profiled=range(3, 8))
    assert traced_steps(tmp_path / "profile") == [6, 7]


def test_a_run_that_ends_early_closes_its_trace_and_no_steps_leave_no_folder(tmp_path):
    run = tiny("linear_probe")
    with pytest.raises(Killed):
        run.run(tmp_path / "cut", batches=dying(3), profiled=range(1, 9))
    assert traced_steps(tmp_path / "cut" / "profile") == [1, 2]
    run.run(tmp_path / "run")
    assert not (tmp_path / "run" / "profile").exists()
