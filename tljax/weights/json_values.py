"""Values of someone else's JSON object, their types checked."""

import math
from collections.abc import Mapping
from typing import Any


class Values:
    """Access by key. Every method raises ValueError naming the key and the value that is not what is wanted."""

    def __init__(self, content: Mapping[str, Any]):
        self.content = content

    def get(self, key: str, *kinds: type) -> Any:
        """The value, or None where it is absent or null."""
        value = self.content.get(key)
        if value is None or (isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))):
            return value
        raise ValueError(f"{key} is {value!r}, wanted {' or '.join(kind.__name__ for kind in kinds)}")

    def number(self, key: str, default: float) -> float:
        """A finite number."""
        value = self.get(key, int, float)
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{key} is {value!r}, wanted a finite number")
        return default if value is None else float(value)

    def share(self, key: str, default: float) -> float:
        """A number above 0, at most 1."""
        value = self.number(key, default)
        if not 0 < value <= 1:
            raise ValueError(f"{key} is {value!r}, wanted a number above 0, at most 1")
        return value

    def numbers(self, key: str, channels: int) -> tuple[float, ...]:
        """One number per channel (a single one stands for all); () where absent."""
        value = self.get(key, list, int, float)
        if value is None:
            return ()
        values = value if isinstance(value, list) else [value] * channels
        if len(values) != channels or not all(type(v) in (int, float) and math.isfinite(v) for v in values):
            raise ValueError(f"{key} is {value!r}, wanted {channels} numbers, one for each of the weights' input channels")
        return tuple(float(v) for v in values)

    def size(self, key: str) -> tuple[int, ...]:
        """``{"height", "width"}`` or a number as (H, W), ``{"shortest_edge"}`` as (n,), () where absent or of another kind."""
        value = self.get(key, int, dict)
        sizes: list[Any] = [value, value] if isinstance(value, int) else [(value or {}).get(k) for k in ("height", "width")]
        if sizes[0] is None and (value or {}).get("shortest_edge") is not None:
            sizes = [value["shortest_edge"]]
        if sizes[0] is None:
            return ()
        if not all(type(n) is int and n > 0 for n in sizes):
            raise ValueError(f"{key} is {value!r}, wanted positive whole numbers")
        return tuple(sizes)
