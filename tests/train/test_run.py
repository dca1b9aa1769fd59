"""The loop with its checkpoints: resume, SIGTERM, damage, NaN."""

import contextlib
import os
import shutil
import signal
import struct
import time

import jax
import numpy as np
import pytest
from tensorboardX.proto import event_pb2

from tests.train.tiny import STEPS, batch, equal, leaves, same, stream, tiny
from tljax import trees
from tljax.train import checkpoint, initialise, logger, loop, plan


class Killed(Exception):
    pass


def dying(at):
    """Batches that end the run after step `at`."""

    def batches(start):
        for k, b in enumerate(stream(start), start):
            if k >= at:
                raise Killed
            yield b

    return batches


@pytest.fixture(scope="module")
def ladder():
    return tiny("gradual_unfreezing", ema=0.9)  # phases of 4 steps


@pytest.fixture(scope="module")
def whole(ladder, tmp_path_factory):
    return leaves(ladder.run(tmp_path_factory.mktemp("whole")))


@pytest.mark.parametrize("at", [1, 3, 4, 5, 8, 11])
def test_a_run_that_dies_and_goes_on_ends_in_the_same_bits(ladder, whole, tmp_path, at):
    with pytest.raises(Killed):
        ladder.run(tmp_path, batches=dying(at), save_every=2 if at % 2 else 4)
    state = ladder.run(tmp_path, save_every=5)
    assert int(state.step) == STEPS
    assert all(np.array_equal(a, b) for a, b in zip(leaves(state), whole, strict=True))


def test_the_order_of_phases_leaves_no_gap(ladder, tmp_path):
    seen = []
    ladder.run(tmp_path, evaluate=lambda step, state: seen.append((step, int(state.step))), eval_every=1)
    assert seen == [(k, k) for k in range(STEPS + 1)]  # the start is validated too
    assert [row["step"] for row in logger.read(tmp_path)] == list(range(1, STEPS + 1))


@pytest.mark.parametrize("at", [4, 6])  # at the end of a phase, within one
def test_a_run_that_has_enough_ends_there_and_stays_ended(ladder, tmp_path, at):
    seen, asked = [], []

    def enough(step):
        asked.append(step)
        return step >= at

    state = ladder.run(tmp_path, evaluate=lambda step, state: seen.append(step), eval_every=2, save_every=0, enough=enough)
    assert int(state.step) == at and seen == list(range(0, at + 1, 2)) and asked == seen[1:]
    again = ladder.run(tmp_path, batches=dying(0), evaluate=lambda step, state: seen.append(step), eval_every=2, enough=enough)
    assert equal(again, state) and seen[-1] == at and len(seen) == len(asked)


def test_the_time_that_waits_for_input_is_told(ladder, tmp_path):
    def slow(start):
        for b in stream(start):
            time.sleep(0.05)
            yield b

    ladder.run(tmp_path / "fast")
    ladder.run(tmp_path / "slow", batches=slow)
    fast, slow = ([row["input_wait"] for row in logger.read(tmp_path / name)] for name in ("fast", "slow"))
    assert len(fast) == len(slow) == STEPS and all(0 <= share <= 1 for share in fast + slow)
    assert np.median(fast) < 0.3 < np.median(slow)


def test_events_of_steps_that_run_again_are_hidden_and_those_of_the_checkpoint_kept(ladder, tmp_path):
    starts = []
    for at in (2, 8, STEPS):
        with contextlib.suppress(Killed):
            ladder.run(tmp_path, batches=dying(at), save_every=3)
        starts += [e.step for e in _events(max((tmp_path / "events").iterdir())) if e.session_log.status == e.session_log.START]
    assert starts == [0, 0, 7]  # whatever stands at these steps or after them is dropped; step 6 is that of the checkpoint


def _events(path):
    data = path.read_bytes()
    while data:  # length, its checksum, record, its checksum
        (n,) = struct.unpack("<Q", data[:8])
        yield event_pb2.Event.FromString(data[12 : 12 + n])
        data = data[16 + n :]


def test_sigterm_saves_and_the_same_command_goes_on(ladder, whole, tmp_path):
    def batches(start):
        for k, b in enumerate(stream(start), start):
            if k == 6:
                os.kill(os.getpid(), signal.SIGTERM)
            yield b

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(loop.Interrupted) as e:
        ladder.run(tmp_path, batches=batches, save_every=0)
    assert e.value.code == 143 and signal.getsignal(signal.SIGTERM) is before
    with checkpoint.Checkpoints(tmp_path, plan.ever_trained(ladder.plans)) as checkpoints:
        assert checkpoints.steps() == [7]
    assert all(np.array_equal(a, b) for a, b in zip(leaves(ladder.run(tmp_path)), whole, strict=True))


def _harm(folder, how):
    files = sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: -p.stat().st_size)
    if how == "emptied":
        for p in files:
            p.write_bytes(b"")
    elif how == "truncated":
        for p in files:
            p.write_bytes(p.read_bytes()[: p.stat().st_size // 2])
    else:
        shutil.rmtree(next(p for p in folder.iterdir() if p.is_dir()))


@pytest.mark.parametrize("how", ["emptied", "truncated", "missing"])
def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_it_used(ladder, whole, tmp_path, caplog, how):
    with pytest.raises(Killed):
        ladder.run(tmp_path, batches=dying(7), save_every=3)
    _harm(tmp_path / "checkpoints" / "6", how)
    state = ladder.run(tmp_path)
    assert str(tmp_path / "checkpoints" / "6") in caplog.text and "using the one before" in caplog.text
    assert (tmp_path / "damaged" / "6").exists()
    assert all(np.array_equal(a, b) for a, b in zip(leaves(state), whole, strict=True))


def test_when_all_are_damaged_nothing_is_begun_anew_in_silence(ladder, tmp_path):
    with pytest.raises(Killed):
        ladder.run(tmp_path, batches=dying(7), save_every=3)
    for step in (3, 6):
        _harm(tmp_path / "checkpoints" / str(step), "emptied")
    with pytest.raises(checkpoint.Damaged, match=r"no checkpoint of .* can be read"):
        ladder.run(tmp_path)


def test_a_checkpoint_of_another_shape_is_refused(ladder, tmp_path):
    ladder.run(tmp_path)
    other = tiny("gradual_unfreezing", model="cnn(widths=(4, 6), dropout=0.2)", ema=0.9)
    with checkpoint.Checkpoints(tmp_path, plan.ever_trained(ladder.plans)) as checkpoints, pytest.raises(checkpoint.Damaged):
        checkpoints.init(*initialise.start_shapes(other.start)[:2])


def test_checkpoints_hold_what_trains_and_init_the_rest(tmp_path):
    run = tiny("probe")
    state = run.run(tmp_path)
    shapes = initialise.shapes_at(run.start, STEPS)
    with checkpoint.Checkpoints(tmp_path, plan.ever_trained(run.plans)) as checkpoints:
        params, _ = checkpoints.init(shapes.params, shapes.stats)
        assert same(params, run.start.pretrained["params"])
        back = checkpoints.latest(lambda step: initialise.shapes_at(run.start, step))
        assert equal(back, state) and type(back) is type(state)
        assert not any("backbone" in p.name for p in (tmp_path / "checkpoints").rglob("*params*"))
        kept = trees.flatten(checkpoints._trained_only(state).params)
        assert set(kept) == run.plans[0].trainable


def test_best_is_the_best_evaluated_and_survives_a_resume(tmp_path):
    run = tiny("probe")
    shapes = initialise.shapes_at(run.start, STEPS)
    scores = {1: 0.3, 2: 0.9, 3: 0.9, 4: 0.5}
    for part in ((1, 2), (2, 3, 4)):
        with checkpoint.Checkpoints(tmp_path, plan.ever_trained(run.plans)) as checkpoints:
            state = run.begin(checkpoints)
            for step in part:
                marked = jax.tree.map(lambda p, step=step: p + step, state.params)
                params = trees.merge(trees.drop(state.params, run.plans[0].trainable), trees.pick(marked, run.plans[0].trainable))
                checkpoints.save_best(step, params, state.stats, scores[step])
            step, params, stats = checkpoints.best(shapes.params, shapes.stats)
            assert step == 2 and checkpoints.best_score() == 0.9
            np.testing.assert_array_equal(params["head"]["bias"], state.params["head"]["bias"] + 2)
            assert same(params, state.params, lambda p: p.startswith("backbone")) and same(stats, state.stats)


def test_no_best_is_said_so(tmp_path):
    run = tiny("probe")
    shapes = initialise.shapes_at(run.start, 0)
    with checkpoint.Checkpoints(tmp_path, frozenset()) as checkpoints, pytest.raises(checkpoint.Damaged, match="holds no checkpoint"):
        checkpoints.best(shapes.params, shapes.stats)


def test_a_nan_stops_the_run_with_step_indices_and_the_last_checkpoint(tmp_path):
    def batches(start):
        for k, b in enumerate(stream(start), start):
            yield b | {"x": np.full_like(b["x"], np.nan)} if k == 7 else b

    with pytest.raises(logger.NonFinite) as e:
        tiny("full").run(tmp_path, batches=batches, save_every=3)
    assert f"the loss is nan at step 8; batch indices {batch(7)['index'].tolist()}; the last checkpoint is that of step 6" in str(e.value)


def test_a_cut_off_row_is_dropped_and_rows_after_the_checkpoint_are_written_again(tmp_path):
    with pytest.raises(Killed):
        tiny("full").run(tmp_path, batches=dying(8), save_every=3)
    with (tmp_path / "metrics.jsonl").open("a") as f:
        f.write('{"step": 9, "spl')
    tiny("full").run(tmp_path)
    assert [row["step"] for row in logger.read(tmp_path)] == list(range(1, STEPS + 1))
