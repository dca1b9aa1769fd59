"""The reference's side of a case: fill it, run it, note its outputs and BatchNorm statistics. Needs requirements-parity.txt.

Outputs are keyed ``eval|<stage>``, ``train|<stage>`` (``logits``; a dict of them: ``logits/<name>``). ``stats|<layer>|mean`` and ``|var``
are the statistics of the batch that BatchNorm used in the mode of training, found from how the running ones moved: with torch's
``new = (1 - m) old + m (mean, var n / (n - 1))`` of n values a channel, Keras's ``new = m old + (1 - m) (mean, var)``.
"""

import os
from typing import Any

import numpy as np

from tests.parity.case import Case

os.environ.setdefault("KERAS_BACKEND", "jax")

Arrays = dict[str, np.ndarray]


def filled(case: Case) -> Any:
    """The reference's model, its weights and statistics drawn."""
    if case.framework == "keras":
        import keras

        keras.backend.clear_session()  # layers without a name are numbered from zero
        net = case.build()
        for layer in net.layers:
            layer.set_weights([case.weight(name, shape) for name, shape in _keras_shapes(layer)])
        return net
    import torch

    net = case.build()
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.from_numpy(np.ascontiguousarray(case.weight(name, tuple(value.shape)))).reshape(value.shape))
    return net


def shapes(case: Case) -> dict[str, tuple[int, ...]]:
    """Names and shapes of what the reference saves."""
    net = case.build()
    if case.framework == "keras":
        return {name: shape for layer in net.layers for name, shape in _keras_shapes(layer)}
    return {name: tuple(value.shape) for name, value in net.state_dict().items()}


def outputs(case: Case, net: Any) -> Arrays:
    """Every output and statistic of `net`, which must be `filled`; it is left in the mode of training, its statistics moved."""
    run = _keras if case.framework == "keras" else _torch
    out = {f"eval|{k}": v for k, v in run(case, net, train=False)[0].items()}
    if case.training:
        values, statistics = run(case, net, train=True)
        out |= {f"train|{k}": v for k, v in values.items()} | {f"stats|{k}": v for k, v in statistics.items()}
    return out


def save(case: Case, net: Any, stem: str) -> str:
    """Write the weights as the framework's users do; the file."""
    if case.framework == "keras":
        net.save(f"{stem}.h5")
        return f"{stem}.h5"
    import torch

    torch.save(net.state_dict(), f"{stem}.pth")
    return f"{stem}.pth"


def _keras_shapes(layer: Any) -> list[tuple[str, tuple[int, ...]]]:
    return [(f"{layer.name}/{w.name}", tuple(w.shape)) for w in layer.weights]


def _torch(case: Case, net: Any, train: bool) -> tuple[Arrays, Arrays]:
    import torch

    out: Arrays = {}
    count: dict[str, int] = {}
    norms = {name: m for name, m in net.named_modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)}
    hooks = [
        m.register_forward_hook(lambda _m, i, _o, name=name: count.update({name: i[0].numel() // i[0].shape[1]}))
        for name, m in norms.items()
    ]
    for stage, spot in case.stages.items():
        name, then = (spot, None) if isinstance(spot, str) else spot
        hooks.append(
            net.get_submodule(name).register_forward_hook(lambda _m, _i, y, stage=stage, then=then: out.update({stage: _array(y, then)}))
        )
    batch = case.batch(train)
    if case.double and train:
        net, batch = net.double(), {k: a.astype(np.float64) if a.dtype == np.float32 else a for k, a in batch.items()}
    net.train(train)
    before = {name: (m.running_mean.clone(), m.running_var.clone()) for name, m in norms.items()}
    with torch.no_grad():
        result = case.call(net, batch) if case.call else net(torch.from_numpy(np.ascontiguousarray(batch["x"].transpose(0, 3, 1, 2))))
    for hook in hooks:
        hook.remove()
    result = getattr(result, "logits", result)
    named = {f"logits/{k}": v for k, v in result.items()} if isinstance(result, dict) else {"logits": result}
    out |= {name: _array(value) for name, value in named.items()}
    statistics: Arrays = {}
    for name, m in norms.items() if train else ():
        mean, var = (
            (new - (1 - m.momentum) * old) / m.momentum for new, old in zip((m.running_mean, m.running_var), before[name], strict=True)
        )
        statistics |= {f"{name}|mean": mean.numpy(), f"{name}|var": (var * (count[name] - 1) / count[name]).numpy()}
    return out, statistics


def _array(value: Any, then: Any = None) -> np.ndarray:
    value = getattr(value, "last_hidden_state", value)
    value = value[0] if isinstance(value, tuple) else value
    value = then(value) if then else value
    if isinstance(value, np.ndarray):
        return value
    return (value.permute(0, 2, 3, 1) if value.ndim == 4 else value).detach().contiguous().numpy()


def _keras(case: Case, net: Any, train: bool) -> tuple[Arrays, Arrays]:
    import keras

    spots = {stage: (spot, None) if isinstance(spot, str) else spot for stage, spot in case.stages.items()}
    ends = {stage: net.get_layer(layer).output for stage, (layer, _) in spots.items()}
    staged = keras.Model(net.input, ends | {"logits": net.output})
    norms = {layer.name: layer for layer in net.layers if isinstance(layer, keras.layers.BatchNormalization)}
    before = {name: [np.array(v) for v in (m.moving_mean, m.moving_variance)] for name, m in norms.items()}
    values = {k: np.asarray(v) for k, v in staged(case.batch(train)["x"], training=train).items()}
    out = {k: (spots[k][1](v) if k in spots and spots[k][1] else v) for k, v in values.items()}
    statistics: Arrays = {}
    for name, m in norms.items() if train else ():
        for leaf, new, old in zip(("mean", "var"), (m.moving_mean, m.moving_variance), before[name], strict=True):
            statistics[f"{name}|{leaf}"] = (np.array(new) - m.momentum * old) / (1 - m.momentum)
    return out, statistics
