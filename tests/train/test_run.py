"""The loop with its checkpoints: resume, signals, damage, NaN, named streams."""

import contextlib
import json
import os
import shutil
import signal
import struct
import time

import jax
import numpy as np
import pytest
from tensorboardX.proto import event_pb2

from tests.train.test_step import both_streams
from tests.train.tiny import STEPS, batch, equal, leaves, real_build, same, stream, stream_of_two, tiny, two_streams
from tljax import trees
from tljax.train import checkpoint, initialization, logger, loop, plan


class Killed(Exception):
    pass


def dying(at, source=stream):
    """Batches that end the run after step `at`."""

    def batches(start):
        for k, b in enumerate(source(start), start):
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
    seen = []

    def evaluate(step, state):
        seen.append(step)
        return step >= at

    state = ladder.run(tmp_path, evaluate=evaluate, eval_every=2, save_every=0)
    assert int(state.step) == at and seen == list(range(0, at + 1, 2))
    again = ladder.run(tmp_path, batches=dying(0), evaluate=evaluate, eval_every=2)
    assert equal(again, state) and seen[-2:] == [at, at]  # it is asked again, and nothing is trained


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


def sending(number, at, source=stream):
    """Batches on whose way to step `at` + 1 a signal arrives."""

    def batches(start):
        for k, b in enumerate(source(start), start):
            if k == at:
                os.kill(os.getpid(), number)
            yield b

    return batches


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_the_same_command_goes_on(ladder, whole, tmp_path, capsys, number, status):
    before = signal.getsignal(number)
    with pytest.raises(loop.Interrupted) as e:
        ladder.run(tmp_path, batches=sending(number, 6), save_every=0)
    assert e.value.code == status and isinstance(e.value, SystemExit) and signal.getsignal(number) is before
    out = "".join(capsys.readouterr())
    assert f"stopped by {signal.Signals(number).name} at step 7; the same command goes on from there" in out
    with checkpoint.Checkpoints(tmp_path, plan.ever_trained(ladder.plans)) as checkpoints:
        assert checkpoints.steps() == [7]
    assert all(np.array_equal(a, b) for a, b in zip(leaves(ladder.run(tmp_path)), whole, strict=True))


def test_a_signal_during_validation_saves_too(ladder, tmp_path):
    def evaluate(step, state):
        if step == 4:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(loop.Interrupted) as e:
        ladder.run(tmp_path, evaluate=evaluate, eval_every=4, save_every=0)
    assert e.value.code == 130
    with checkpoint.Checkpoints(tmp_path, plan.ever_trained(ladder.plans)) as checkpoints:
        assert checkpoints.steps() == [5]


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_sigint_ends_at_once(ladder, tmp_path, first):
    def batches(start):
        for k, b in enumerate(stream(start), start):
            if k == 6:
                os.kill(os.getpid(), first)
                os.kill(os.getpid(), signal.SIGINT)
                raise AssertionError("the second signal was swallowed")
            yield b

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        ladder.run(tmp_path, batches=batches, save_every=0)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.fixture(scope="module")
def pair():
    return tiny("lp_ft", objective=both_streams, make=two_streams, ema=0.9)


@pytest.fixture(scope="module")
def pair_whole(pair, tmp_path_factory):
    return leaves(pair.run(tmp_path_factory.mktemp("pair"), batches=stream_of_two))


@pytest.mark.parametrize("at", [3, 8])
def test_a_run_of_two_streams_that_dies_and_goes_on_ends_in_the_same_bits(pair, pair_whole, tmp_path, at):
    with pytest.raises(Killed):
        pair.run(tmp_path, batches=dying(at, stream_of_two), save_every=2)
    state = pair.run(tmp_path, batches=stream_of_two)
    assert all(np.array_equal(a, b) for a, b in zip(leaves(state), pair_whole, strict=True))
    rows = logger.read(tmp_path)
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1)) and all({"loss/source", "loss/apart"} <= row.keys() for row in rows)


def test_the_speed_counts_the_examples_of_all_streams(pair, tmp_path):
    pair.run(tmp_path, batches=stream_of_two)
    for row in logger.read(tmp_path):
        assert row["examples_per_second"] * row["step_seconds"] == pytest.approx(12)


def test_the_loss_that_is_not_finite_is_told_by_stream(pair, tmp_path):
    def batches(start):
        for k, b in enumerate(stream_of_two(start), start):
            yield b | {"target": b["target"] | {"x": b["target"]["x"] * np.nan}} if k == 2 else b

    with pytest.raises(logger.NonFinite) as e:
        pair.run(tmp_path, batches=batches, save_every=0)
    both = {name: part["index"].tolist() for name, part in two_streams(2).items()}
    assert f"step 3, examples of source {both['source']}, target {both['target']}: the loss is nan" in str(e.value)


def test_the_certificate_of_every_phase_is_kept(tmp_path):
    run = tiny("lp_ft", objective=both_streams, make=two_streams, ema=0.9)
    with checkpoint.Checkpoints(tmp_path, plan.ever_trained(run.plans)), logger.Logger(tmp_path, 0, STEPS, 1, quiet=True) as log:
        state = run.begin()
        for phase in run.plans[:2]:
            state = initialization.enter_phase(run.training, state, phase) if phase.span.start else state
            real_build(run.training, phase, state, two_streams(0), log=log)
    kept = json.loads((tmp_path / "certificate.json").read_text())
    assert list(kept) == ["0", "1"] and not any(entry["problems"] for entry in kept.values())
    assert kept["0"]["trainable"] < kept["1"]["trainable"] and kept["1"]["start"] == 6


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
    with pytest.raises(checkpoint.CheckpointError, match=r"no checkpoint of .* can be read"):
        ladder.run(tmp_path)


def test_a_checkpoint_of_another_shape_is_refused(ladder, tmp_path):
    ladder.run(tmp_path)
    other = tiny("gradual_unfreezing", model="cnn(widths=(4, 6), dropout=0.2)", ema=0.9)
    with checkpoint.Checkpoints(tmp_path, plan.ever_trained(ladder.plans)) as checkpoints, pytest.raises(checkpoint.CheckpointError):
        checkpoints.restore_initial(*initialization.initial_shapes(other.training)[:2])


def test_checkpoints_hold_what_trains_and_init_the_rest(tmp_path):
    run = tiny("linear_probe")
    state = run.run(tmp_path)
    shapes = initialization.shapes_at(run.training, STEPS)
    with checkpoint.Checkpoints(tmp_path, plan.ever_trained(run.plans)) as checkpoints:
        params, _ = checkpoints.restore_initial(shapes.params, shapes.stats)
        assert same(params, run.training.pretrained["params"])
        back = checkpoints.latest(lambda step: initialization.shapes_at(run.training, step))
        assert equal(back, state) and type(back) is type(state)
        assert not any("backbone" in p.name for p in (tmp_path / "checkpoints").rglob("*params*"))
        kept = trees.flatten(checkpoints._trained_only(state).params)
        assert set(kept) == run.plans[0].trainable


def test_best_is_the_best_evaluated_and_survives_a_resume(tmp_path):
    run = tiny("linear_probe")
    shapes = initialization.shapes_at(run.training, STEPS)
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
    run = tiny("linear_probe")
    shapes = initialization.shapes_at(run.training, 0)
    with (
        checkpoint.Checkpoints(tmp_path, frozenset()) as checkpoints,
        pytest.raises(checkpoint.CheckpointError, match="holds no checkpoint"),
    ):
        checkpoints.best(shapes.params, shapes.stats)


def test_a_nan_stops_the_run_with_step_examples_rate_and_what_to_do(tmp_path):
    def batches(start):
        for k, b in enumerate(stream(start), start):
            yield b | {"x": np.full_like(b["x"], np.nan)} if k == 7 else b

    with pytest.raises(logger.NonFinite) as e:
        tiny("full").run(tmp_path, batches=batches, save_every=3)
    last = logger.read(tmp_path)[-1]
    assert last["step"] == 7
    assert f"step 8, examples of batch {batch(7)['index'].tolist()}: the loss is nan" in str(e.value)
    assert f"last finite loss {last['loss']:.4g} at step 7" in str(e.value) and "rate 0.00" in str(e.value)
    assert "lower optim.lr, or set optim.clip, and look at these examples; last good checkpoint: 6" in str(e.value)


def test_a_nan_at_the_first_step_is_no_matter_of_the_rate(tmp_path):
    with pytest.raises(logger.NonFinite) as e:
        tiny("full").run(tmp_path, batches=lambda start: iter([batch(0) | {"x": batch(0)["x"] * np.nan}]))
    assert "no finite loss before); look at these examples; there is no checkpoint yet" in str(e.value)


def test_a_cut_off_row_is_dropped_and_rows_after_the_checkpoint_are_written_again(tmp_path):
    with pytest.raises(Killed):
        tiny("full").run(tmp_path, batches=dying(8), save_every=3)
    with (tmp_path / "metrics.jsonl").open("a") as f:
        f.write('{"step": 9, "spl')
    tiny("full").run(tmp_path)
    assert [row["step"] for row in logger.read(tmp_path)] == list(range(1, STEPS + 1))
