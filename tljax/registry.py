"""Named factories, chosen by a call expression such as ``freeze_first(2)`` or ``mlp(widths=(64, 64))``.

A room that users extend (backbones, heads, strategies, objectives, sources, key tables) owns one `Registry`. A new entry is one new
file in that room with a decorated function: the room imports all its files, so nothing else is edited.
"""

import ast
import difflib
import importlib
import inspect
import pkgutil
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any


class Registry:
    """Factories of one kind by name; `create` calls one from its expression."""

    def __init__(self, kind: str):
        self.kind = kind
        self._factories: dict[str, Callable[..., Any]] = {}

    def register(self, name: str | Callable[..., Any] | None = None) -> Callable[..., Any]:
        """Decorate a factory: ``@register`` takes the function's own name, ``@register("other_name")`` the given one.

        Raises:
          ValueError: if the name is taken.
        """
        if callable(name):
            return self.register(None)(name)

        def decorate(factory: Callable[..., Any]) -> Callable[..., Any]:
            key = name or factory.__name__
            if key in self._factories:
                raise ValueError(f"two {self.kind} factories are called {key!r}")
            self._factories[key] = factory
            return factory

        return decorate

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._factories))

    def __contains__(self, name: object) -> bool:
        return name in self._factories

    def __getitem__(self, name: str) -> Callable[..., Any]:
        """The factory called `name`. Raises KeyError with the nearest names where there is none."""
        if name not in self._factories:
            near = difflib.get_close_matches(name, self._factories, n=3, cutoff=0.5)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise KeyError(f"no {self.kind} is called {name!r}{hint} Known: {', '.join(self)}")
        return self._factories[name]

    def create(self, expression: str, **defaults: Any) -> Any:
        """Call the factory named by `expression` with the literal arguments written in it.

        Keyword-only parameters without a default are the caller's to fill (a strategy's `stages`), not the expression's.

        Args:
          expression: ``"name"`` or ``"name(arg, key=value)"``; arguments are Python literals.
          **defaults: passed on where the factory takes them; what the expression says wins.

        Raises:
          KeyError: unknown name. ValueError: not a call of literals, or arguments that the factory does not take.
        """
        name, args, kwargs = parse(expression)
        factory = self[name]
        signature = inspect.signature(factory)
        filled = [p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
        shown = signature.replace(
            parameters=[p for p in signature.parameters.values() if p not in filled], return_annotation=inspect.Signature.empty
        )
        bound = tuple(signature.parameters)[: len(args)]
        taken = {k: v for k, v in defaults.items() if k in signature.parameters and k not in bound}
        try:
            shown.bind(*args, **{k: v for k, v in {**taken, **kwargs}.items() if k in kwargs or k in shown.parameters})
            call = signature.bind(*args, **{**taken, **kwargs})
            _check_types(signature, call.arguments)
            return factory(*call.args, **call.kwargs)
        except TypeError as e:  # too many, unknown or missing arguments, or one of a wrong type
            raise ValueError(f"{self.kind} {expression!r}: {e}; it is called as {name}{shown}") from e


def _check_types(signature: inspect.Signature, arguments: Mapping[str, Any]) -> None:
    for name, value in arguments.items():
        wanted = signature.parameters[name].annotation
        if not _fits(value, wanted):
            raise TypeError(f"{name}={value!r} is {type(value).__name__}, wanted {getattr(wanted, '__name__', None) or wanted}")


def _fits(value: Any, wanted: Any) -> bool:
    """Whether a value is of an annotated kind, as far as one look at it tells: the elements of a tuple are not looked at."""
    origin = typing.get_origin(wanted)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, one) for one in typing.get_args(wanted))
    kind = origin or wanted
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return value is None if kind is None else not isinstance(kind, type) or kind is inspect.Parameter.empty or isinstance(value, kind)


def parse(expression: str) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Take ``"name(1, k=2)"`` apart into ``("name", (1,), {"k": 2})``; nothing is evaluated but literals.

    Raises:
      ValueError: if the text is no name and no call whose arguments are literals.
    """
    try:
        node = ast.parse(expression.strip(), mode="eval").body
        if isinstance(node, ast.Name):
            return node.id, (), {}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and all(k.arg for k in node.keywords):
            args = tuple(ast.literal_eval(a) for a in node.args)
            return node.func.id, args, {str(k.arg): ast.literal_eval(k.value) for k in node.keywords}
    except (SyntaxError, ValueError):
        pass
    raise ValueError(f"{expression!r} is neither a name nor a call with literal arguments, such as freeze_first(2)")


def import_all(package: str, path: list[str]) -> None:
    """Import every module of `package` (its `__path__` is `path`), so that what they register is known."""
    for module in sorted(m.name for m in pkgutil.iter_modules(path)):
        importlib.import_module(f"{package}.{module}")
