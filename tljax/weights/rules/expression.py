"""Call expressions of models, as short as the factories' defaults allow."""

import inspect
from typing import Any

from tljax import registry
from tljax.models.create import backbones


def of(name: str, **arguments: Any) -> str:
    """``of("vgg16", width=8, sliding=False)`` is ``"vgg16(width=8)"``: arguments that equal the factory's defaults are left out."""
    defaults = inspect.signature(backbones[name]).parameters
    said = ", ".join(f"{key}={value!r}" for key, value in arguments.items() if defaults[key].default != value)
    return f"{name}({said})" if said else name


def arguments(text: str) -> dict[str, Any]:
    """The arguments of a call of a backbone, those that it leaves out by their defaults; without what `models.create` says as well."""
    name, args, kwargs = registry.parse(text)
    bound = inspect.signature(backbones[name]).bind_partial(*args, **kwargs)
    bound.apply_defaults()
    return {key: value for key, value in bound.arguments.items() if key not in ("in_channels", "input_size", "dtype")}
