"""Run by `test_sharding.py` in a process of its own: 8 simulated devices against 1. Prints JSON."""

import json
import sys

import jax

jax.config.update("jax_num_cpu_devices", 8)
x64 = sys.argv[1] == "x64"
jax.config.update("jax_enable_x64", x64)

import numpy as np  # noqa: E402

from tljax import models, objectives, strategies, trees  # noqa: E402
from tljax.train import initialise, optimizer, plan, sharding, step  # noqa: E402

STEPS = 20 if x64 else 1
rng = np.random.default_rng(0)
kind = np.float64 if x64 else np.float32
BATCHES = [
    {"x": rng.normal(size=(16, 8, 8, 3)).astype(kind), "label": rng.integers(0, 4, 16).astype(np.int32), "valid": np.ones(16, kind)}
    for _ in range(STEPS)
]


def run(mesh):
    model = models.create("cnn(widths=(16, 32), dropout=0.1)", 4, input_size=(8, 8), dtype=np.dtype(kind).name)
    variables = jax.tree.map(lambda v: np.asarray(v, kind), models.init(model, jax.random.key(0)))
    strategy = strategies.create("freeze_first(1)", model.stages)
    optim = optimizer.Optim(lr=1e-2, clip=1.0, weight_decay=0.1)
    plans = plan.make(strategy, variables["params"], model.stages, optim, 20)
    objective = objectives.create("cross_entropy")
    start = initialise.Start(model, objective, strategy, plans, mesh, 0, 1e-2, lambda: iter(BATCHES[:1]), pretrained=variables)
    state = initialise.initialise(start, None)
    where = jax.tree.map(lambda a: a.sharding, state)
    made = step.make_step(model, objective, plans[0], optimizer.multiplier(optim, 20), accumulate=2)
    compiled = jax.jit(made, out_shardings=(where, None))
    losses, norms = [], []
    for batch in BATCHES:
        state, metrics = compiled(state, sharding.put_batch(batch, mesh))
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
