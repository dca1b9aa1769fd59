"""Run by `test_sharding.py` in a process of its own: 8 simulated devices against 1. Prints JSON."""

import dataclasses
import json
import sys

import jax

jax.config.update("jax_num_cpu_devices", 8)
x64 = sys.argv[1] == "x64"
jax.config.update("jax_enable_x64", x64)

import numpy as np  # noqa: E402

from tljax import models, objectives, strategies, trees  # noqa: E402
from tljax.train import initialization, optimizer, plan, sharding, step, training  # noqa: E402

STEPS = 20 if x64 else 1
rng = np.random.default_rng(0)
kind = np.float64 if x64 else np.float32
BATCHES = [
    {
        "x": rng.normal(size=(16, 8, 8, 3)).astype(kind),
        "label": np.eye(4, dtype=kind)[rng.integers(0, 4, 16)],
        "index": np.arange(16),
        "valid": np.ones(16, kind),
    }
    for _ in range(STEPS)
]


def run(mesh):
    model = models.create("cnn(widths=(16, 32), dropout=0.1)", 4, input_size=(8, 8), dtype=np.dtype(kind).name)
    variables = jax.tree.map(lambda v: np.asarray(v, kind), models.init(model, jax.random.key(0)))
    objective = objectives.create("cross_entropy + 0.1 * l2_sp")
    strategy = plan.with_rules(strategies.create("freeze_first(1)", model.stages).with_bn((("stage1", "batch"),)), objective.rules)
    optim = optimizer.Optim(lr=1e-2, clip=1.0, weight_decay=0.1)
    setup = training.Training(
        model, objective, strategy, plans=(), mesh=mesh, seed=0, optim=optim, hyper=training.hyper(optim, objective),
        multiplier=optimizer.multiplier(optim, 20), one_pass=lambda: iter(BATCHES[:1]), accumulate=2, pretrained=variables,
    )  # fmt: skip
    params, _, _ = initialization.initial_shapes(setup)
    setup = dataclasses.replace(setup, plans=plan.make_plans(strategy, params, stages=model.stages, optim=optim, total_steps=20))
    state = initialization.initialize(setup, None)
    where = jax.tree.map(lambda a: a.sharding, state)
    compiled = jax.jit(step.make_step(setup, setup.plans[0]), out_shardings=(where, None))
    losses, norms = [], []
    for batch in BATCHES:
        state, metrics = compiled(state, sharding.shard_batch(batch, mesh))
        losses.append(float(metrics["loss"]))
        norms.append(float(metrics["grad_norm"]))
    moments = {
        jax.tree_util.keystr(p): np.asarray(v).tolist()
        for p, v in jax.tree_util.tree_leaves_with_path(state.opt_state)
        if ".mu" in jax.tree_util.keystr(p)
    }
    device = jax.devices()[0]
    local = sum(s.data.nbytes for v in trees.flatten(state.params).values() for s in v.addressable_shards if s.device == device)
    return {"losses": losses, "norms": norms, "moments": moments, "bytes": local}


one = run(sharding.make_mesh(devices=jax.devices()[:1]))
eight = run(sharding.make_mesh(data=4, fsdp=2))
flat = run(sharding.make_mesh(data=8, fsdp=1))
print(json.dumps({"one": one, "eight": eight, "flat": flat}))
