"""Features of a model's stages: what its backbone's pooling gives at each of them, for every example of a source."""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from tljax import data, weights
from tljax.evaluate import measure
from tljax.train import forward, sharding

RESERVED = ("y", "class", "classes", "names", "made_from")
"""The arrays of a file of features that are no stage."""


def stages_of(model: Any, text: str) -> tuple[str, ...]:
    """The stages that ``"all"`` or ``"stem,stage4"`` names, from input to output.

    Raises:
      ValueError: a stage that the model has not (it lists them), or none.
    """
    wanted = model.stages if text.strip() == "all" else tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in wanted if name not in model.stages]
    if unknown or not wanted:
        said = f"no stage is called {', '.join(map(repr, unknown))}" if unknown else "no stage is named"
        raise ValueError(f"stages={text!r}: {said}; there are {', '.join(model.stages)}, or all")
    return tuple(name for name in model.stages if name in wanted)


def compile_features(model: Any, transform: forward.DeviceTransform, stages: Sequence[str], mesh: Mesh) -> measure.Compiled:
    """A compiled ``(variables, batch) -> {stage: [B, D] float32}``: one pass, which ends behind the last of `stages`.

    Args:
      model: a `TransferModel`; its head does not run.
      transform: the device half of preprocessing.
      stages: of the backbone.
      mesh: of the devices.
    """
    bounds = (*model.stages, "head")
    stop = bounds[1 + max(bounds.index(stage) for stage in stages)]

    def pooled(variables: Mapping[str, Any], batch: Mapping[str, Any]) -> dict[str, jax.Array]:
        outputs = forward.for_evaluation(model, transform, variables)(batch, stop=stop, taps=tuple(stages))
        return {stage: model.backbone.pool(outputs.batch | {"x": outputs.taps[stage]}) for stage in stages}

    return jax.jit(pooled, out_shardings=sharding.replicated(mesh))


def pretrained(
    opened: weights.Pretrained, source: data.Source, stages: Sequence[str], *, batch_size: int, workers: int = 0, title: str = ""
) -> dict[str, np.ndarray]:
    """``{stage: [N, D] float32}`` of an opened model on the N examples of `source`, prepared as its config says, on all devices."""
    mesh = sharding.make_mesh()
    variables = sharding.to_devices(opened.variables, sharding.shardings(opened.variables, mesh))
    run = compile_features(opened.model, data.on_device(opened.config), stages, mesh)
    host = data.on_host(opened.config, kinds=source.fields)
    features = measure.gather(run, variables, source, batch_size=batch_size, host=host, mesh=mesh, workers=workers, title=title)
    return {stage: features[stage] for stage in stages}


def pixels(config: weights.PretrainedConfig, source: data.Source, side: int, *, batch_size: int, workers: int = 0) -> dict[str, np.ndarray]:
    """``{"pixels SIDE": [N, D] float32}``: what a model of `config` sees, images shrunk to `side x side` pixels and in [0, 1]."""
    mesh, bare = sharding.make_mesh(), dataclasses.replace(config, mean=(), std=(), crop_fraction=1.0)
    small = dataclasses.replace(bare, input_size=(side, side)) if config.input_size else bare
    first, shrink = data.on_host(config, kinds=source.fields), data.on_host(small, kinds=source.fields)
    transform = data.on_device(small)

    def host(example: dict[str, Any]) -> dict[str, Any]:
        return shrink(first(example))

    def flat(_: Mapping[str, Any], batch: Mapping[str, Any]) -> jax.Array:
        return transform(batch)["x"].reshape(batch["x"].shape[0], -1)

    run = jax.jit(flat, out_shardings=sharding.replicated(mesh))
    values = measure.gather(run, {}, source, batch_size=batch_size, host=host, mesh=mesh, workers=workers, title="pixels")
    return {f"pixels {side}": values}


def write(path: pathlib.Path, features: Mapping[str, np.ndarray], source: data.Source, made_from: str) -> None:
    """An ``.npz`` file that the source ``npz(path, x=STAGE, label='y')`` reads: one array per stage, and what `RESERVED` names.

    ``y`` [N] or [N, K] are the labels, where the source has any; of one class each, ``class`` [N] holds their names; ``classes`` are all
    class names, ``names`` [N] the examples' places and ``made_from`` a text. Written beside, then renamed.

    Raises:
      ValueError: a stage with a reserved name. OSError: the file cannot be written.
    """
    if taken := [name for name in features if name in RESERVED]:
        raise ValueError(f"{path}: a stage called {taken[0]!r} cannot be stored; reserved are {', '.join(RESERVED)}")
    classes = np.array(source.classes, dtype=np.str_)
    extra = {"classes": classes, "names": np.array([data.name_of(source, i) for i in range(len(source))], dtype=np.str_)}
    if source.labels is not None:
        extra["y"] = np.asarray(source.labels)
    if source.fields.get("label") == "class":
        extra["class"] = classes[data.class_ids(source)]
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(beside, "wb") as stream:
            np.savez(stream, allow_pickle=False, **features, **extra, made_from=np.array(made_from))
        os.replace(beside, path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
