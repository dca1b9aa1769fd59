"""Named factories, chosen by a call expression such as ``freeze_first(2)`` or ``mlp(widths=(64, 64))``.

Each package that users extend (backbones, heads, strategies, objectives, sources, key tables) owns one `Registry`. A new entry is a new
file in that package, or a new folder in the zoo, with a decorated function; nothing else is edited. A package imports all its files when it
is imported; the zoo's folders are imported when a name is first looked up.
"""

import ast
import copy
import dataclasses
import difflib
import functools
import importlib
import importlib.util
import inspect
import pathlib
import pkgutil
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Call:
    """A registered factory with arguments, not called yet; ``str(call)`` is the expression that makes it."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        shown = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwargs)]
        return f"{self.name}({', '.join(shown)})" if shown else self.name


class Registry:
    """Factories of one kind by name; `create` calls one from its expression.

    A factory that is called directly remembers its call: if the result is a dataclass with a field `call`, that field holds the
    expression. A keyword-only argument without a default (a strategy's `stages`) may be left out; the result is then a `Call`, which
    `create` completes.

    Args:
      kind: noun for error messages.
      package: name of a package of folders whose entries register themselves when they are looked up: `resnet50` imports the file `module`
        of the folder `resnet`, whose name it begins with, and of the others only where that one does not register it.
      module: the file of each folder that registers entries.
    """

    def __init__(self, kind: str, package: str = "", module: str = ""):
        self.kind = kind
        self._factories: dict[str, Callable[..., Any]] = {}
        self._package, self._module = package, module
        self._complete = not package

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
            self._factories[key] = factory if isinstance(factory, type) else _recording(factory, key)
            return self._factories[key]

        return decorate

    def __iter__(self) -> Iterator[str]:
        self._import_folders()
        return iter(sorted(self._factories))

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str):
            self._import_folders(name)
        return name in self._factories

    def _import_folders(self, name: str | None = None) -> None:
        """Import the folders of `package`, likeliest first, until `name` is registered (None: all of them)."""
        if self._complete or name in self._factories:
            return
        folders = subpackages(self._package)
        for folder in sorted(folders, key=lambda folder: (not (name or "").startswith(folder), -len(folder), folder)):
            if importlib.util.find_spec(file := f"{self._package}.{folder}.{self._module}"):
                importlib.import_module(file)
            if name in self._factories:
                return
        self._complete = True

    def __getitem__(self, name: str) -> Callable[..., Any]:
        """Return the factory called `name`. Raises KeyError with the nearest names where there is none."""
        if name not in self:
            near = difflib.get_close_matches(name, self._factories, n=3, cutoff=0.5)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise KeyError(f"no {self.kind} is called {name!r}{hint}{self._unimported()}; known: {', '.join(self)}")
        return self._factories[name]

    def _unimported(self) -> str:
        """A hint at the folders of `package` that are never imported, because they have no ``__init__.py``."""
        room = pathlib.Path(importlib.import_module(self._package).__path__[0]) if self._package else None
        files = sorted(room.glob(f"*/{self._module}.py")) if room else []
        folders = [file.parent.name for file in files if not (file.parent / "__init__.py").is_file()]
        where = self._package.replace(".", "/")
        return "".join(f"; {where}/{folder}/ exists but has no __init__.py: add an empty one" for folder in folders)

    def create(self, expression: Any, **defaults: Any) -> Any:
        """Call the factory that `expression` names, with the literal arguments written in it; any other object is returned as it is.

        Keyword-only parameters without a default are the caller's to fill (a strategy's `stages`), not the expression's.

        Args:
          expression: ``"name"`` or ``"name(arg, key=value)"`` with Python literals; or a `Call`; or the object itself.
          **defaults: arguments for factories that take them; the expression's own arguments win.

        Raises:
          KeyError: unknown name.
          ValueError: no call with literal arguments, or arguments that the factory does not take.
        """
        if not isinstance(expression, str | Call):
            return expression
        name, args, kwargs = (
            parse(expression) if isinstance(expression, str) else (expression.name, expression.args, dict(expression.kwargs))
        )
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
            result = getattr(factory, "__wrapped__", factory)(*call.args, **call.kwargs)
            return _marked(result, Call(name, args, tuple(kwargs.items())))
        except TypeError as e:  # too many, unknown or missing arguments, or one of a wrong type
            raise ValueError(f"{self.kind} {str(expression)!r}: {e}; it is called as {name}{shown}") from e


def _recording(factory: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Wrap a factory so that its results remember their call; without a keyword-only argument that it requires, the result is a `Call`."""
    required = {p.name for p in inspect.signature(factory).parameters.values() if p.kind is p.KEYWORD_ONLY and p.default is p.empty}

    @functools.wraps(factory)
    def call(*args: Any, **kwargs: Any) -> Any:
        recorded = Call(name, args, tuple((k, v) for k, v in kwargs.items() if k not in required))
        if required - kwargs.keys():
            return recorded
        return _marked(factory(*args, **kwargs), recorded)

    return call


def _marked(result: Any, call: Call) -> Any:
    """The result with the expression that makes it, where it has a field for that."""
    has_field = dataclasses.is_dataclass(result) and any(field.name == "call" for field in dataclasses.fields(result))
    return remember(result, str(call)) if has_field else result


def remember(result: T, expression: str) -> T:
    """Copy a result and write its expression into the field `call`. `dataclasses.replace` does not carry that field over."""
    copied = copy.copy(result)
    object.__setattr__(copied, "call", expression)
    return copied


def _check_types(signature: inspect.Signature, arguments: Mapping[str, Any]) -> None:
    for name, value in arguments.items():
        parameter = signature.parameters[name]
        kind = parameter.annotation
        for one in value if parameter.kind is parameter.VAR_POSITIONAL else (value,):
            if not _fits(one, kind):
                raise TypeError(f"{name}={one!r} is {type(one).__name__}, expected {getattr(kind, '__name__', None) or kind}")


def _fits(value: Any, annotation: Any) -> bool:
    """True if a value has the annotated type; elements of a tuple are not checked."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, one) for one in typing.get_args(annotation))
    kind = origin or annotation
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return value is None if kind is None else not isinstance(kind, type) or kind is inspect.Parameter.empty or isinstance(value, kind)


def parse(expression: str) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Parse ``"name(1, k=2)"`` into ``("name", (1,), {"k": 2})``. Only literals are evaluated.

    Raises:
      ValueError: the text is neither a name nor a call with literal arguments.
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


def publish(room: dict[str, Any], registry: Registry) -> None:
    """Make a registry's factories attributes of their package (its `globals()`), so that ``tljax.strategies.lp_ft()`` is a call.

    Where a file has the name of the factory in it, the attribute is the factory.
    """
    room.update({name: registry[name] for name in registry})


def subpackages(package: str) -> list[str]:
    """List the names of the folders of a package, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(importlib.import_module(package).__path__) if m.ispkg)


def import_all(package: str, path: list[str]) -> None:
    """Import every module of `package` (its `__path__` is `path`), so that what they register is known."""
    for module in sorted(m.name for m in pkgutil.iter_modules(path)):
        importlib.import_module(f"{package}.{module}")
