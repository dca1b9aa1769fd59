"""A pickle machine that builds plain data: no import, no call but to builders from a table, no attribute ever set.

Python's own unpickler imports what a file names and calls it. This one interprets the opcodes (Lib/pickletools.py documents each) and knows
four kinds of values: plain scalars, plain containers, values from the caller's table, and what the table's builders return.
"""

import io
import pickletools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_STEPS = 5_000_000
"""Opcodes (and elements copied by builders) after which a pickle is refused: a tensor takes about 30, so 150,000 tensors pass."""


@dataclass(frozen=True, eq=False)
class Builder:
    """An admitted callable: `build(args)` makes the value that the pickle asks for from its tuple of arguments."""

    name: str
    build: Callable[[tuple[Any, ...]], Any]


class Opaque:
    """Stands for an admitted value that no tensor needs (a device, a NumPy scalar); it holds nothing."""


@dataclass(eq=False)
class _Machine:
    admitted: Mapping[str, Any]
    persistent: Callable[[Any], Any]
    stack: list[Any] = field(default_factory=list)
    outer: list[list[Any]] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack:
            raise ValueError("a pickle opcode finds nothing on the stack")
        return self.stack.pop()

    def top(self, kind: type | tuple[type, ...]) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise ValueError("a pickle opcode fills something that is no container of its kind")
        return self.stack[-1]

    def since_mark(self) -> list[Any]:
        if not self.outer:
            raise ValueError("a pickle opcode looks for a mark that was never set")
        items, self.stack = self.stack, self.outer.pop()
        return items


def load(data: bytes, start: int, admitted: Mapping[str, Any], persistent: Callable[[Any], Any]) -> tuple[Any, int]:
    """Interpret the pickle that begins at `data[start]`; returns its value and the position after it.

    Args:
      data: the file's bytes.
      start: where the pickle begins.
      admitted: ``"module.name"`` -> a `Builder`, or a value that is put in the name's place. Everything else is refused by its name.
      persistent: maps a persistent id (plain data) to a value.

    Raises:
      ValueError: a name that is not admitted, an opcode that is unknown or finds the wrong operands, too many steps, a pickle cut short.
    """
    machine = _Machine(admitted, persistent)
    stream = io.BytesIO(data)
    stream.seek(start)
    for step, (opcode, argument) in enumerate(_opcodes(stream)):
        if step > MAX_STEPS:
            raise ValueError(f"the pickle has more than {MAX_STEPS} steps, too many for weights")
        if opcode.name == "STOP":
            return machine.pop(), stream.tell()
        if opcode.name in _SCALARS:
            machine.push(argument)
        elif opcode.name in _ACTIONS:
            _ACTIONS[opcode.name](machine, argument)
        else:
            raise ValueError(f"refused: the pickle opcode {opcode.name}")
    raise ValueError("the pickle is cut short")


def _opcodes(stream: io.BytesIO) -> Iterator[tuple[Any, Any]]:
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            yield opcode, argument
    except ValueError as e:
        raise ValueError(f"the pickle is damaged or cut short ({ascii(str(e)[:160])[1:-1]})") from e


def _find(m: _Machine, module: Any, name: Any) -> Any:
    full = f"{module}.{name}" if isinstance(module, str) and isinstance(name, str) else "a name that is no text"
    if full not in m.admitted:
        raise ValueError(f"refused: the pickle asks for {ascii(full[:120])[1:-1]}, which is neither a tensor nor a plain container")
    return m.admitted[full]


def _call(m: _Machine, function: Any, arguments: Any) -> None:
    if not isinstance(function, Builder) or not isinstance(arguments, tuple):
        raise ValueError("refused: the pickle calls something that is not callable")
    m.push(function.build(arguments))


def _fill(m: _Machine, items: list[Any]) -> None:
    target = m.top(dict)
    if len(items) % 2:
        raise ValueError("a pickled dictionary has a key without a value")
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[plain_key(key)] = value


def plain_key(key: Any) -> Any:
    """`key` if it is a scalar or a short tuple of scalars, whose hash is cheap to take. Raises ValueError otherwise."""
    parts = key if isinstance(key, tuple) and len(key) <= 16 else (key,)
    for part in parts:
        if not (part is None or isinstance(part, str | bytes | float) or (isinstance(part, int) and part.bit_length() <= 64)):
            raise ValueError(f"refused: a pickled dictionary has a {type(part).__name__} as key")
    return key


def _extend(m: _Machine, items: list[Any]) -> None:
    m.top(list).extend(items)


def _reduce(m: _Machine, _: Any) -> None:
    arguments = m.pop()
    _call(m, m.pop(), arguments)


def _new_with_keywords(m: _Machine, _: Any) -> None:
    if m.pop() != {}:
        raise ValueError("refused: the pickle calls with keyword arguments")
    _reduce(m, _)


def _inst(m: _Machine, argument: str) -> None:
    arguments = tuple(m.since_mark())
    _call(m, _find(m, *argument.split(" ", 1)), arguments)


def _obj(m: _Machine, _: Any) -> None:
    function, *arguments = m.since_mark() or [None]
    _call(m, function, tuple(arguments))


def _build(m: _Machine, _: Any) -> None:
    # A state would be set as attributes or handed to __setstate__; here it is dropped: no value of ours has a state.
    m.pop()
    if not m.stack or isinstance(m.stack[-1], Builder | list | tuple | str | bytes | int | float | None):
        raise ValueError("refused: the pickle sets a state on something that has none")


def _stack_global(m: _Machine, _: Any) -> None:
    name = m.pop()
    m.push(_find(m, m.pop(), name))


def _setitem(m: _Machine, _: Any) -> None:
    value, key = m.pop(), m.pop()
    _fill(m, [key, value])


def _dict(m: _Machine, _: Any) -> None:
    items = m.since_mark()
    m.push({})
    _fill(m, items)


def _append(m: _Machine, _: Any) -> None:
    _extend(m, [m.pop()])


def _tuple(count: int) -> Callable[[_Machine, Any], None]:
    def action(m: _Machine, _: Any) -> None:
        items = [m.pop() for _ in range(count)]
        m.push(tuple(reversed(items)))

    return action


def _mark(m: _Machine, _: Any) -> None:
    m.outer.append(m.stack)
    m.stack = []


def _pop(m: _Machine, _: Any) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.since_mark()


def _pop_mark(m: _Machine, _: Any) -> None:
    m.since_mark()


def _put(m: _Machine, index: Any) -> None:
    m.memo[int(index)] = m.top(object)


def _get(m: _Machine, index: Any) -> None:
    if int(index) not in m.memo:
        raise ValueError("the pickle refers to something it has not stored")
    m.push(m.memo[int(index)])


_CONSTANTS = ("NONE", "NEWTRUE", "NEWFALSE")
_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT")
_TEXTS = ("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8")
_BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
_SCALARS = frozenset(_CONSTANTS + _NUMBERS + _TEXTS + _BYTES)

# Sets are kept as lists: nothing here needs them, and an element's hash could take for ever.
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda m, a: None,
    "FRAME": lambda m, a: None,
    "EMPTY_LIST": lambda m, a: m.push([]),
    "EMPTY_SET": lambda m, a: m.push([]),
    "EMPTY_TUPLE": lambda m, a: m.push(()),
    "EMPTY_DICT": lambda m, a: m.push({}),
    "LIST": lambda m, a: m.push(m.since_mark()),
    "FROZENSET": lambda m, a: m.push(m.since_mark()),
    "TUPLE": lambda m, a: m.push(tuple(m.since_mark())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "DICT": _dict,
    "APPEND": _append,
    "APPENDS": lambda m, a: _extend(m, m.since_mark()),
    "ADDITEMS": lambda m, a: _extend(m, m.since_mark()),
    "SETITEM": _setitem,
    "SETITEMS": lambda m, a: _fill(m, m.since_mark()),
    "MARK": _mark,
    "POP": _pop,
    "POP_MARK": _pop_mark,
    "DUP": lambda m, a: m.push(m.top(object)),
    "GET": _get,
    "BINGET": _get,
    "LONG_BINGET": _get,
    "PUT": _put,
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "MEMOIZE": lambda m, a: _put(m, len(m.memo)),
    "GLOBAL": lambda m, a: m.push(_find(m, *a.split(" ", 1))),
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _new_with_keywords,
    "INST": _inst,
    "OBJ": _obj,
    "BUILD": _build,
    "BINPERSID": lambda m, a: m.push(m.persistent(m.pop())),
}
