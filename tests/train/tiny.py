"""A run small enough to be repeated: everything that a loop needs, its programs compiled once per process."""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from tljax import models, objectives, strategies, trees
from tljax.train import certificate, checkpoint, initialise, logger, loop, optimizer, plan, program, sharding, step

STEPS = 12
RNG = np.random.default_rng(0)
DATA = {
    "x": RNG.normal(size=(24, 8, 8, 1)).astype(np.float32),
    "label": (np.arange(24) % 3).astype(np.int32),
    "valid": np.ones(24, np.float32),
    "index": np.arange(24, dtype=np.int32),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Tiny:
    model: Any
    objective: objectives.Objective
    plans: tuple[plan.Plan, ...]
    start: initialise.Start
    accumulate: int
    ema: float
    multiplier: Any

    def step(self, phase, **changes):
        given = {"accumulate": self.accumulate, "ema_decay": self.ema} | changes
        return step.make_step(self.model, self.objective, phase, self.multiplier, **given)

    @functools.cache  # noqa: B019 - lives as long as the process
    def program(self, index):
        phase = self.plans[index]
        shapes = initialise.shapes_at(self.start, phase.span.start + 1)
        return program.build(self.step(phase), shapes, batch(0), jax.tree.map(lambda s: s.sharding, shapes))

    def certify(self, step_, phase, state):
        return certificate.certify(program.build(step_, state, batch(0)), phase, state)

    def begin(self, checkpoints=None):
        return initialise.initialise(self.start, checkpoints)

    def run(self, workdir, batches=None, evaluate=None, save_every=3, eval_every=0, enough=lambda step: False, traced=lambda p, _: p):
        with checkpoint.Checkpoints(workdir, plan.ever_trained(self.plans), keep=20) as checkpoints:
            state = self.begin(checkpoints)
            now = int(state.step)
            with logger.Logger(workdir, now, STEPS, every=1, quiet=True) as log:
                return loop.fit(
                    state,
                    self.plans,
                    lambda phase, state: traced(self.program(phase.span.index), int(state.step)),
                    functools.partial(initialise.enter_phase, self.start),
                    (batches or stream)(now),
                    functools.partial(sharding.put_batch, mesh=self.start.mesh),
                    evaluate or (lambda step, state: None),
                    checkpoints,
                    log,
                    eval_every,
                    save_every,
                    enough,
                )


def batch(k, size=8):
    """Batch k of the endless stream."""
    rows = (np.arange(size) + k * size) % 24
    return {name: value[rows] for name, value in DATA.items()}


def stream(start):
    k = start
    while True:
        yield batch(k)
        k += 1


@functools.cache
def tiny(
    strategy="full",
    model="cnn(widths=(4, 4), dropout=0.2)",
    accumulate=1,
    ema=0.0,
    bn="frozen",
    head="linear",
    objective="cross_entropy",
    **optim,
) -> Tiny:
    net = models.create(model, 3, head, in_channels=1, input_size=(8, 8))
    plain = dataclasses.replace(strategies.create(strategy, net.stages), bn=bn)
    config = optimizer.Optim(**({"lr": 1e-2, "weight_decay": 0.1, "clip": 0.5} | optim))
    goal = objectives.create(objective)
    plans = plan.make(plan.with_rules(plain, goal.rules), models.shapes(net)["params"], net.stages, config, STEPS)
    start = initialise.Start(
        net, goal, plain, plans, sharding.make_mesh(), seed=0, lr=config.lr, ema=ema > 0,
        one_pass=lambda: iter([batch(0), batch(1), batch(2)]), pretrained=models.init(net, jax.random.key(1)),
    )  # fmt: skip
    return Tiny(net, goal, plans, start, accumulate, ema, optimizer.multiplier(config, STEPS))


def same(a, b, where=lambda path: True):
    """Whether two nested dicts hold the same bits at the paths that `where` picks."""
    a, b = trees.flatten(a), trees.flatten(b)
    return a.keys() == b.keys() and all(np.array_equal(np.asarray(a[p]), np.asarray(b[p])) for p in a if where(p))


def leaves(tree):
    return [np.asarray(leaf).copy() for leaf in jax.tree.leaves(tree)]


def equal(a, b):
    return all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in zip(leaves(a), leaves(b), strict=True))
