"""The programs as processes: killed and gone on, two at once, and what they say to bad input."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

from experiments import cli
from experiments.configs import digits
from experiments.recipe import run_of
from tests.experiments.conftest import tiny
from tljax.runs import trials
from tljax.runs.fit import fit
from tljax.train import logger

ROOT = pathlib.Path(__file__).parents[2]
KILLS = int(os.environ.get("TLJAX_KILLS", "2"))
TRIALS = int(os.environ.get("TLJAX_SWEEP_TRIALS", "6"))
SETTINGS = {
    "strategy": "gradual_unfreezing",
    "model": "cnn(widths=(4, 4), dropout=0.1)",
    "new_head": "always",
    "data.batch_size": 16,
    "train.steps": 40,
    "train.eval_every": 10,
    "train.save_every": 4,
    "train.log_every": 1,
    "train.ema": 0.9,
    "train.select": "last",
}
RECIPE = ["--config=experiments/configs/digits.py:source", *(f"--config.{name}={value}" for name, value in SETTINGS.items())]


def command(program, *args):
    return [sys.executable, "-m", f"experiments.{program}", *args]


def environment(**more):
    return {k: v for k, v in os.environ.items() if not k.startswith("XLA_")} | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)} | more


def run(program, *args, **kwargs):
    return subprocess.run(command(program, *args), cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=600, **kwargs)


def last_step(workdir):
    return max((row["step"] for row in logger.read(workdir)), default=0)


def final_bits(workdir):
    return (workdir / "model" / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """Flags of a run from a pretrained model."""
    root = tmp_path_factory.mktemp("source")
    fit(run_of(tiny(model="cnn(widths=(4, 4), dropout=0.1)", train__steps=2)), root, quiet=True)
    return [*RECIPE, f"--config.weights={root}"]


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    """The workdir of that run, done by one process without a stop."""
    root = tmp_path_factory.mktemp("whole")
    done = run("finetune", *recipe, f"--workdir={root}")
    assert done.returncode == 0, done.stderr[-2000:]
    return root


def begin(args, root, step, **more):
    """Start a command and wait until its run has logged a step."""
    process = subprocess.Popen(args, cwd=ROOT, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while process.poll() is None and last_step(root) < step:
        time.sleep(0.002)
    assert process.poll() is None, f"the run was over before step {step} was seen"
    return process


def losses(root):
    return [row["loss"] for row in logger.read(root) if row["split"] == "train"]


def test_killed_at_random_steps_a_run_ends_in_the_same_bits(recipe, whole, tmp_path):
    args = command("finetune", *recipe, f"--workdir={tmp_path}")
    for target in sorted(random.Random(KILLS).sample(range(1, 36), KILLS)):
        process = begin(args, tmp_path, target)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    done = run("finetune", *recipe, f"--workdir={tmp_path}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert final_bits(tmp_path) == final_bits(whole)
    proofs = [json.loads((root / "result.json").read_text())["certificate"] for root in (tmp_path, whole)]
    assert proofs[0] == proofs[1] and len(proofs[0]) == 3


def test_ctrl_c_saves_says_how_to_go_on_and_the_run_ends_in_the_same_bits(recipe, whole, tmp_path):
    args = command("finetune", *recipe, "--config.train.save_every=0", f"--workdir={tmp_path}")
    process = begin(args, tmp_path, 5)
    process.send_signal(signal.SIGINT)
    text = process.communicate(timeout=600)[0]
    (saved,) = (int(p.name) for p in (tmp_path / "checkpoints").iterdir())
    assert process.returncode == 130 and "Traceback" not in text, text[-2000:]
    assert f"stopped by SIGINT at step {saved}; the same command goes on from there" in text and 5 <= saved < 40
    done = subprocess.run(args, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and f"going on from step {saved}" in done.stderr + done.stdout
    assert final_bits(tmp_path) == final_bits(whole)


def test_two_processes_train_as_one_also_when_sigterm_comes_between(recipe, whole, tmp_path):
    args = command("finetune", *recipe, "--config.train.save_every=0", f"--workdir={tmp_path}")
    script = ["bash", str(ROOT / "launch" / "multiprocess.sh"), "2", *args]
    begun = begin(script, tmp_path, 3)
    begun.terminate()
    text = begun.communicate(timeout=600)[0]
    assert begun.returncode == 143, text[-3000:]
    (saved,) = (int(p.name) for p in (tmp_path / "checkpoints").iterdir())  # both agreed on one step
    assert 3 <= saved < 40 and f"stopped by SIGTERM at step {saved}" in text
    two = subprocess.run(script, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=600)
    assert two.returncode == 0, two.stderr[-3000:] + two.stdout[-2000:]
    assert len(losses(tmp_path)) == len(losses(whole)) == 40 and losses(tmp_path) == pytest.approx(losses(whole), rel=1e-2)
    assert losses(tmp_path)[:8] == pytest.approx(losses(whole)[:8], rel=1e-3)
    assert json.loads((tmp_path / "run.json").read_text())["device"]["processes"] == 2


def test_four_devices_train_as_one_with_parameters_cut_over_two(recipe, whole, tmp_path):
    args = command("finetune", *recipe, "--config.train.fsdp=2", f"--workdir={tmp_path}")
    flags = "--xla_force_host_platform_device_count=4"
    done = subprocess.run(args, cwd=ROOT, env=environment(XLA_FLAGS=flags), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    assert losses(tmp_path)[:8] == pytest.approx(losses(whole)[:8], rel=1e-3) and losses(tmp_path) == pytest.approx(losses(whole), rel=1e-2)
    assert json.loads((tmp_path / "run.json").read_text())["device"]["count"] == 4


@pytest.mark.parametrize(
    ("program", "args", "said"),
    [
        ("finetune", ["--config=experiments/configs/digits.py", "--config.optim.rate=1", "--workdir=w"], "there are optim.name, optim.lr"),
        ("finetune", ["--config=experiments/configs/digits.py", "--config.trian.steps=1", "--workdir=w"], "did you mean train.steps?"),
        ("pretrain", ["--config=experiments/configs/digits.py:source", "--profile=5:4", "--workdir=w"], "<= 400"),
        ("finetune", ["--config=experiments/configs/digits.py", "--config.train.steps=many", "--workdir=w"], "train.steps"),
        ("finetune", ["--config=experiments/configs/digits.py:turn", "--workdir=w"], "source, invert or rotate"),
        ("finetune", ["--config=nowhere.py", "--workdir=w"], "nowhere.py: no such recipe"),
        ("finetune", ["--config=experiments/configs/digits.py", "--workdir=w"], "give config.weights"),
        ("evaluate", ["--weights=nowhere.pth", "--data=digits"], "nowhere.pth"),
    ],
)
def test_bad_input_ends_with_one_line(program, args, said, tmp_path):
    done = subprocess.run(
        command(program, *(a.replace("experiments/", f"{ROOT}/experiments/") for a in args)),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.strip().count("\n") <= 1, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_dict_on_the_command_line_is_a_literal():
    parse = cli._Dict().parse
    assert parse("{'optim.lr': (1e-3, 3e-3)}") == {"optim.lr": (1e-3, 3e-3)} and parse({"a": 1}) == {"a": 1}
    for wrong in ("{'a': ", "name", "f(1)"):
        with pytest.raises(ValueError, match="expected a dict of Python literals"):
            parse(wrong)


def test_a_sweep_killed_twice_has_every_row_once(source_model, tmp_path):
    rates = tuple(round(1e-3 * 1.5**i, 6) for i in range(TRIALS // 2))
    config = [
        f"--config.sweep.grid={dict([('optim.lr', rates)])}",
        "--config.sweep.seeds=(0, 1)",
        "--config.train.steps=30",
        "--config.train.save_every=5",
    ]
    args = command("sweep", "--config=experiments/configs/digits.py", f"--config.weights={source_model}", *config, f"--workdir={tmp_path}")
    draw = random.Random(TRIALS)
    wanted = [f"optim.lr={rate}_seed{seed}" for rate in rates for seed in (0, 1)]
    first, second = sorted(draw.sample(range(TRIALS - 1), 2))

    def begun(name):
        """Whether a trial has a checkpoint and no result."""
        root = tmp_path / "trials" / name
        return any((root / "checkpoints").glob("[0-9]*")) and not (root / "result.json").exists()

    for reached in (lambda: len(trials.read(tmp_path)) > first, lambda: begun(wanted[second + 1])):  # anywhere, then within a trial
        process = subprocess.Popen(args, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not reached():
            time.sleep(0.002)
        assert process.poll() is None, "the sweep was over before it was killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        with (tmp_path / trials.FILE).open("ab") as f:
            f.write(b'{"id": "optim.lr=')  # as a kill within the write would leave it
    done = subprocess.run(args, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [json.loads(line) for line in (tmp_path / trials.FILE).read_text().splitlines()]
    ids = [row["id"] for row in rows]
    assert ids[:TRIALS] == wanted and len(ids) == TRIALS + 2 and len(set(ids)) == len(ids)
    assert len(done.stdout.split(" on val (100 examples), step ")) - 1 <= TRIALS - 1 - second  # the finished ones were not run again
    cut, row = digits.get_config(), rows[second + 1]
    cut.weights, cut.optim.lr, cut.seed, cut.measure_on = str(source_model), *row["overrides"].values(), row["seed"], "val"
    cut.train.steps = 30
    again = fit(run_of(cut), tmp_path / "whole", quiet=True)
    assert {k: v for k, v in row["metrics"].items() if k in again.metrics}.items() <= again.metrics.items() and "accuracy" in row["metrics"]
    best = {row["setting"] for row in rows[TRIALS:]}
    assert len(best) == 1 and f"--config.{best.pop()}" in done.stdout
