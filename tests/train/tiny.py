"""A run small enough to be repeated: everything that a loop needs, its programs compiled once per process."""

import dataclasses
import functools
from typing import Any
from unittest import mock

import jax
import numpy as np

from tljax import models, objectives, strategies, tasks, trees
from tljax.train import certificate, checkpoint, initialization, logger, loop, optimizer, plan, program, sharding, step, training

STEPS = 12
RNG = np.random.default_rng(0)
DATA = {
    "x": RNG.normal(size=(24, 8, 8, 1)).astype(np.float32),
    "label": (np.arange(24) % 3).astype(np.int32),
    "valid": np.ones(24, np.float32),
    "index": np.arange(24, dtype=np.int32),
}
PLAIN = "mlp(widths=(8,))"  # without BatchNorm and dropout: micro-batches are one batch
_built: dict[Any, program.Program] = {}


@dataclasses.dataclass(frozen=True, eq=False)
class Tiny:
    training: training.Training

    @property
    def model(self):
        return self.training.model

    @property
    def plans(self):
        return self.training.plans

    def step(self, phase=None, **changes):
        return step.make_step(dataclasses.replace(self.training, **changes), phase or self.plans[0])

    @functools.cache  # noqa: B019 - lives as long as the process
    def program(self, index=0):
        phase = self.plans[index]
        shapes = initialization.shapes_at(self.training, phase.span.start + 1)
        where = jax.tree.map(lambda s: s.sharding, shapes)
        return program.build(self.step(phase), shapes, self.example(), where, step.copies(self.training.accumulate))

    def example(self):
        """A batch of training."""
        return next(iter(self.training.one_pass()))

    def certify(self, step_, phase, state):
        return certificate.certify(program.build(step_, state, self.example()), phase, state)

    def begin(self, checkpoints=None):
        return initialization.initialize(self.training, checkpoints)

    def advance(self, steps, state=None, batches=None, index=0):
        """``(state, metrics)`` after some steps of one phase."""
        state, metrics = self.begin() if state is None else state, {}
        taken = (batches or stream)(int(state.step))
        for _ in range(steps):
            state, metrics = self.program(index).run(state, sharding.shard_batch(next(taken), self.training.mesh))
        return state, metrics

    def run(self, workdir, batches=None, evaluate=lambda step, state: False, save_every=3, eval_every=0, profiled=range(0), **options):
        trained = plan.ever_trained(self.plans)
        with checkpoint.Checkpoints(workdir, trained, keep=20) as checkpoints, mock.patch.object(loop, "build", build_once):
            state = self.begin(checkpoints)
            with logger.Logger(workdir, int(state.step), STEPS, every=1, quiet=True) as log:
                return loop.fit(
                    self.training, state, batches=lambda phase, step: (batches or stream)(step), evaluate=evaluate,
                    checkpoints=checkpoints, log=log, eval_every=eval_every, save_every=save_every, profiled=profiled, **options,
                )  # fmt: skip


real_build = loop.build


def build_once(setup, phase, state, batch, **options):
    """`loop.build`, once per process for each phase of a run."""
    if (setup, phase) not in _built:
        _built[setup, phase] = real_build(setup, phase, state, batch, **options)
    return _built[setup, phase]


def batch(k, size=8):
    """Batch k of the endless stream."""
    rows = (np.arange(size) + k * size) % 24
    return {name: value[rows] for name, value in DATA.items()}


def two_streams(k):
    """The same of a labeled source and an unlabeled target of half the size."""
    target = {name: value for name, value in batch(k + 1, size=4).items() if name != "label"}
    return {"source": batch(k), "target": target | {"x": target["x"] * 2 + 1}}


def stream(start, make=batch):
    k = start
    while True:
        yield make(k)
        k += 1


def stream_of_two(start):
    return stream(start, two_streams)


def labeled(batch):
    """One-hot labels, as the task gives them, in every stream that has labels."""
    if "x" not in batch:
        return {name: labeled(inner) for name, inner in batch.items()}
    return tasks.create("classification").labeled(batch, 3)


@functools.cache
def tiny(
    strategy="full",
    model="cnn(widths=(4, 4), dropout=0.2)",
    accumulate=1,
    ema=0.0,
    bn=(),
    head="linear",
    objective="cross_entropy",
    outputs=3,
    make=batch,
    **optim,
) -> Tiny:
    """A run, once per process; `objective` is an expression or a function that makes one."""
    net = models.create(model, outputs, head, in_channels=1, input_size=(8, 8))
    goal = objective() if callable(objective) else objectives.create(objective)
    chosen = plan.with_rules(strategies.create(strategy, net.stages).with_bn(bn), goal.rules)
    config = optimizer.Optim(**({"lr": 1e-2, "weight_decay": 0.1, "clip": 0.5} | optim))
    mesh, hyper = sharding.make_mesh(), training.hyper(config, goal)
    setup = training.Training(
        net, goal, chosen, plans=(), mesh=mesh, seed=0, optim=config, hyper=hyper, multiplier=optimizer.multiplier(config, STEPS),
        one_pass=lambda: iter([make(0), make(1), make(2)]), labeled=labeled, accumulate=accumulate, ema_decay=ema,
        pretrained=models.init(net, jax.random.key(1)),
    )  # fmt: skip
    params = initialization.initial_shapes(setup)[0]
    return Tiny(dataclasses.replace(setup, plans=plan.make_plans(chosen, params, stages=net.stages, optim=config, total_steps=STEPS)))


def same(a, b, where=lambda path: True):
    """Whether two nested dicts hold the same bits at the paths that `where` picks."""
    a, b = trees.flatten(a), trees.flatten(b)
    return a.keys() == b.keys() and all(np.array_equal(np.asarray(a[p]), np.asarray(b[p])) for p in a if where(p))


def leaves(tree):
    return [np.asarray(leaf).copy() for leaf in jax.tree.leaves(tree)]


def equal(a, b):
    return all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in zip(leaves(a), leaves(b), strict=True))


def close(a, b, atol=1e-6):
    """Whether two pytrees agree to `atol`, elementwise."""
    return all(x.shape == y.shape and np.allclose(x, y, rtol=0, atol=atol) for x, y in zip(leaves(a), leaves(b), strict=True))
