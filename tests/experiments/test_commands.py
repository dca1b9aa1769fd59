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

from tljax.train import logger

ROOT = pathlib.Path(__file__).parents[2]
KILLS = int(os.environ.get("TLJAX_KILLS", "2"))
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


def test_killed_at_random_steps_a_run_ends_in_the_same_bits(source_model, tmp_path):
    recipe = [*RECIPE, f"--config.weights={source_model}", "--config.train.select=last"]
    done = run("finetune", *recipe, f"--workdir={tmp_path / 'whole'}")
    assert done.returncode == 0, done.stderr[-2000:]
    for target in sorted(random.Random(KILLS).sample(range(1, 36), KILLS)):
        args = command("finetune", *recipe, f"--workdir={tmp_path / 'cut'}")
        process = subprocess.Popen(args, cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while process.poll() is None and last_step(tmp_path / "cut") < target:
            time.sleep(0.002)
        assert process.poll() is None, f"the run was over before step {target} was seen"
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = run("finetune", *recipe, f"--workdir={tmp_path / 'cut'}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert final_bits(tmp_path / "cut") == final_bits(tmp_path / "whole")
    proofs = [json.loads((tmp_path / name / "result.json").read_text())["certificate"] for name in ("cut", "whole")]
    assert proofs[0] == proofs[1] and len(proofs[0]) == 3


def test_two_processes_train_as_one_also_when_sigterm_comes_between(source_model, tmp_path):
    recipe = [*RECIPE, f"--config.weights={source_model}", "--config.train.save_every=0"]
    script = ["bash", str(ROOT / "launch" / "multiprocess.sh"), "2", *command("finetune", *recipe, f"--workdir={tmp_path / 'two'}")]
    begun = subprocess.Popen(script, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while begun.poll() is None and last_step(tmp_path / "two") < 3:
        time.sleep(0.01)
    begun.terminate()
    said = begun.communicate(timeout=600)[0]
    assert begun.returncode == 143, said[-3000:]
    (saved,) = (int(p.name) for p in (tmp_path / "two" / "checkpoints").iterdir())  # both agreed on one step
    assert 3 <= saved < 40 and f"stopped by SIGTERM at step {saved}" in said
    two = subprocess.run(script, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=600)
    assert two.returncode == 0, two.stderr[-3000:] + two.stdout[-2000:]
    one = run("finetune", *recipe, f"--workdir={tmp_path / 'one'}")
    assert one.returncode == 0, one.stderr[-2000:]
    losses = [[row["loss"] for row in logger.read(tmp_path / name) if row["split"] == "train"] for name in ("one", "two")]
    assert [len(of) for of in losses] == [40, 40] and losses[1] == pytest.approx(losses[0], rel=1e-2)
    assert losses[1][:8] == pytest.approx(losses[0][:8], rel=1e-3)
    assert json.loads((tmp_path / "two" / "config.json").read_text())["device"]["processes"] == 2


@pytest.mark.parametrize(
    ("program", "args", "said"),
    [
        ("finetune", ["--config=experiments/configs/digits.py", "--config.optim.rate=1", "--workdir=w"], "there are optim.name, optim.lr"),
        ("finetune", ["--config=experiments/configs/digits.py", "--config.trian.steps=1", "--workdir=w"], "did you mean train.steps?"),
        ("pretrain", ["--config=experiments/configs/digits.py:source", "--profile=5:4", "--workdir=w"], "START < STOP <= 400"),
        ("finetune", ["--config=experiments/configs/digits.py", "--config.train.steps=many", "--workdir=w"], "train.steps"),
        ("finetune", ["--config=experiments/configs/digits.py:turn", "--workdir=w"], "source, invert or rotate"),
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
