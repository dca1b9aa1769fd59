"""Distillation: the outputs of a teacher are the target."""

import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tljax import data, weights
from tljax.objectives.objective import Aux, Context, Forward, Objective, register, weighted_mean
from tljax.objectives.objective import weights as example_weights
from tljax.strategies import FROZEN


@register
def distill(teacher: str, temperature: float = 4.0, classes: Sequence[str] = (), tokenizer: str = "") -> Objective:
    """``T^2 KL(softmax(t / T) || softmax(z / T))``, t the logits of a teacher, z those of the student (Hinton et al. 2015, section 2).

    Compose it with a loss on labels, ``cross_entropy + distill('runs/large')``, or take it alone: it reads no label. The teacher gets the
    student's augmented batch, prepared as its own config says (size, channels, mean and deviation), with stored statistics and without
    dropout. Its weights lie under ``params["objective"]``, frozen; classes are matched by name.

    Args:
      teacher: a checkpoint, folder or workdir.
      temperature: T.
      classes: of the student, filled in.
      tokenizer: of the student's texts, filled in.

    Raises:
      FileNotFoundError, ValueError: a teacher that cannot be opened, that lacks a class of the student's, whose texts are cut into other
        tokens; a temperature that is not positive.
    """
    if temperature <= 0:
        raise ValueError(f"distill(temperature={temperature}): must be positive")
    opened = _opened(str(teacher))
    columns = _columns(opened.config, classes, str(teacher))
    if opened.config.tokenizer or tokenizer:
        _check_tokenizers(opened.config.tokenizer, tokenizer, str(teacher))
    transform = data.on_device(opened.config, resize=True)

    def init(key: jax.Array, model: Any, variables: Mapping[str, Any], batch: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        stats = opened.variables["batch_stats"]
        return {"teacher": dict(opened.variables["params"])} | ({"statistics": stats} if stats else {}), {}

    def loss(forward: Forward, batch: Mapping[str, Any], context: Context) -> tuple[jax.Array, Aux]:
        own = context.params["objective"]
        inputs = {name: value for name, value in transform(batch).items() if name in opened.model.input_spec}
        outputs: Any = opened.model.apply({"params": own["teacher"], "batch_stats": own.get("statistics", {})}, inputs)
        target = jax.nn.log_softmax(jax.lax.stop_gradient(outputs.logits)[:, columns] / temperature)
        logits = forward(batch).logits
        if logits.shape != target.shape:
            raise ValueError(f"distill: the student gives {logits.shape}, the teacher {target.shape}")
        log_p = jax.nn.log_softmax(logits / temperature)
        divergence = temperature**2 * (jnp.exp(target) * (target - log_p)).sum(-1)
        w = example_weights(batch)
        agreed = weighted_mean((logits.argmax(-1) == target.argmax(-1)).astype(jnp.float32), w)
        return weighted_mean(divergence, w), Aux(w.sum(), {"agreement": agreed})

    return Objective(loss, init, rules=(("teacher/.*", FROZEN), *((("statistics/.*", FROZEN),) if opened.variables["batch_stats"] else ())))


@functools.lru_cache(maxsize=2)
def _opened(path: str) -> weights.Pretrained:
    """The teacher, read once for a run's trials."""
    return weights.open(path)


def _columns(config: weights.PretrainedConfig, classes: Sequence[str], path: str) -> np.ndarray:
    """The teacher's outputs in the order of the student's classes."""
    if not classes or not config.labels:
        return np.arange(config.num_classes)
    try:
        return data.class_positions(classes, config.labels, f"the teacher {path}")
    except ValueError as e:
        raise ValueError(f"distill: the student {e}") from None


def _check_tokenizers(teacher: str, student: str, path: str) -> None:
    contents = [pathlib.Path(file).read_bytes() if file else b"" for file in (teacher, student)]
    if contents[0] != contents[1]:
        raise ValueError(f"distill: the teacher {path} has another tokenizer ({teacher or 'none'}) than the student ({student or 'none'})")
