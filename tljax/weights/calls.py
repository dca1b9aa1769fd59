"""Call expressions of models, as short as the factories' defaults allow."""

import inspect
from typing import Any

from tljax import registry
from tljax.models.create import backbones


def format_call(name: str, **arguments: Any) -> str:
    """Writes a call of a backbone without the arguments that equal the factory's defaults.

    ``format_call("vgg16", width=8, sliding=False)`` is ``"vgg16(width=8)"``.
    """
    defaults = inspect.signature(backbones[name]).parameters
    arguments_text = ", ".join(f"{key}={value!r}" for key, value in arguments.items() if defaults[key].default != value)
    return f"{name}({arguments_text})" if arguments_text else name


def call_arguments(text: str) -> dict[str, Any]:
    """Returns the arguments of a backbone's call by name, with its defaults and without those of `models.create`.

    ``call_arguments("vgg16(width=8)")`` is ``{"width": 8, "fc": (4096, 4096), "sliding": False, ...}``.
    """
    name, args, kwargs = registry.parse(text)
    bound = inspect.signature(backbones[name]).bind_partial(*args, **kwargs)
    bound.apply_defaults()
    return {key: value for key, value in bound.arguments.items() if key not in ("in_channels", "vocab_size", "input_size", "dtype")}
