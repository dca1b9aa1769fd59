"""Shapes of the stages' outputs."""

import functools

import jax
import numpy as np

from tljax import models


def stage_shapes(model, *size):
    """The shapes of the stages' outputs, without the batch axis, for images of a height and width; nothing is computed."""
    x = jax.ShapeDtypeStruct((1, *size, model.input_spec["x"].shape[-1]), np.float32)
    out = jax.eval_shape(functools.partial(model.apply, taps=model.stages), models.shapes(model), x)
    return [out.taps[stage].shape[1:] for stage in model.stages]
