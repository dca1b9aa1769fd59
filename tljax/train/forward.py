"""The `forward` that objectives, metrics and the certificate call: normalization on the device, then a slice of the model."""

from collections.abc import Callable, Mapping
from typing import Any

import jax

from tljax import trees
from tljax.objectives import model_params
from tljax.train.plan import Plan

DeviceTransform = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""``batch -> batch``, traced: the device half of preprocessing (`tljax.data.on_device`)."""

PASS = "pass"
"""The entry of ``outputs.batch`` that numbers the pass: a slice that continues from it draws the dropout that the whole would draw."""


def for_training(
    model: Any, transform: DeviceTransform, params: trees.Tree, *, stats: tuple[trees.Tree, trees.Tree], plan: Plan, key: jax.Array
) -> tuple[Callable[..., Any], Callable[[], trees.Tree]]:
    """The `forward` of a step, and a function that returns the trained batch statistics after its last call.

    Args:
      model: a `TransferModel`.
      transform: the device half of preprocessing, applied where a call begins at the input.
      params: all parameters.
      stats: ``(frozen, trained)`` batch statistics (`split_stats`); the trained ones are threaded from call to call.
      plan: of the phase.
      key: of the dropout.
    """
    passes, current = 0, stats[1]
    current_params = model_params(params)

    def forward(
        batch: Mapping[str, Any],
        variables: Any = None,
        train: Any = None,
        start: str | None = None,
        stop: str | None = None,
        taps: Any = (),
    ) -> Any:
        nonlocal passes, current
        start = plan.start if start is None else start
        inputs, number, is_new = _model_inputs(model, transform, batch, start=start, passes=passes)
        passes += is_new
        options = {"start": start, "stop": stop, "taps": taps, "rngs": {"dropout": jax.random.fold_in(key, number)}}
        if variables is not None:
            return _numbered(model.apply(variables, inputs, train=train or (), batch_stats_in=(), **options), number)
        outputs, updates = model.apply(
            {"params": current_params, "batch_stats": trees.merge(stats[0], current)},
            inputs,
            train=plan.train if train is None else train,
            batch_stats_in=plan.batch_stats_in,
            mutable=["batch_stats"],
            **options,
        )
        current = split_stats(updates.get("batch_stats", {}), plan.batch_stats_in)[1]
        return _numbered(outputs, number)

    return forward, lambda: current


def for_evaluation(model: Any, transform: DeviceTransform, variables: Mapping[str, Any]) -> Callable[..., Any]:
    """The `forward` of evaluation: dropout is off, BatchNorm uses its stored statistics.

    Args:
      model: a `TransferModel`.
      transform: the device half of preprocessing, applied where a call begins at the input.
      variables: ``{"params", "batch_stats"}``; parameters of an objective are left out.
    """
    current = {"params": model_params(variables["params"]), "batch_stats": variables["batch_stats"]}

    def forward(
        batch: Mapping[str, Any],
        variables: Any = None,
        train: Any = None,
        start: str | None = None,
        stop: str | None = None,
        taps: Any = (),
    ) -> Any:
        inputs, _, _ = _model_inputs(model, transform, batch, start=start, passes=0)
        return model.apply(current if variables is None else variables, inputs, start=start, stop=stop, taps=taps)

    return forward


def _model_inputs(
    model: Any, transform: DeviceTransform, batch: Mapping[str, Any], *, start: str | None, passes: int
) -> tuple[Any, Any, bool]:
    """``(the model's batch, number of the pass, the pass is a new one)``."""
    if start is None or start == model.stages[0]:
        if missing := [name for name in model.input_spec if name not in batch]:
            names = ", ".join(batch)
            raise ValueError(
                f"forward: the batch has no {missing[0]!r}, it holds {names}; of named streams, pass one: forward(batch['source'])"
            )
        return {name: value for name, value in transform(batch).items() if name in model.input_spec}, passes, True
    inputs = {name: value for name, value in batch.items() if name != PASS}
    return inputs, batch.get(PASS, passes), PASS not in batch


def _numbered(outputs: Any, number: Any) -> Any:
    return outputs.replace(batch=outputs.batch | {PASS: number})


def split_stats(stats: Mapping[str, Any], batch_stats_in: tuple[str, ...]) -> tuple[trees.Tree, trees.Tree]:
    """``(frozen, trained)`` batch statistics: those of the parts `batch_stats_in` are updated by the step, the others pass untouched."""
    prefixes = tuple("head/" if part == "head" else f"backbone/{part}/" for part in batch_stats_in)
    trained = frozenset(path for path in trees.flatten(stats) if path.startswith(prefixes))
    return trees.drop(stats, trained), trees.pick(stats, trained)
