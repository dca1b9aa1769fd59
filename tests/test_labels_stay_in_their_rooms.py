"""Only tasks, metrics and sources look at what kind of array a label is; the rest asks the task."""

import ast
import pathlib
from collections.abc import Callable

import pytest

ROOT = pathlib.Path(__file__).parents[1]
ROOMS = ("tljax/tasks/", "tljax/metrics/", "tljax/data/sources/")
LABELS = frozenset({"label", "labels", "target", "targets"})
KINDS = frozenset({"dtype", "ndim"})
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def branches_on_labels(text: str, labels: frozenset[str] = LABELS) -> list[int]:
    """The lines of conditions that look at `dtype` or `ndim` of labels.

    A condition is what an ``if``, ``while``, ``assert``, ``match``, conditional expression, comprehension or boolean operator tests.
    Labels are names, attributes and keys among `labels`, and, within a function, variables assigned from them.
    """
    tree = ast.parse(text)
    return sorted({line for scope in _scopes(tree) for line in _in_scope(scope, labels)})


def _scopes(tree: ast.Module) -> list[list[ast.AST]]:
    """The nodes of each function (with those inside it), and those outside all functions."""
    functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    return [[node for node in ast.walk(tree) if id(node) not in inside], *(list(ast.walk(function)) for function in functions)]


def _in_scope(nodes: list[ast.AST], labels: frozenset[str]) -> list[int]:
    labels = _closure(nodes, labels, lambda value, names: _speaks(value, names))
    kinds = _closure(nodes, frozenset(), lambda value, names: _looks(value, labels) or bool(_names(value) & names))
    return [c.lineno for c in _conditions(nodes) if _looks(c, labels) or _names(c) & kinds]


def _closure(nodes: list[ast.AST], start: frozenset[str], counts: Callable[[ast.expr, frozenset[str]], bool]) -> frozenset[str]:
    """`start` and the variables assigned from values that count, over as many assignments as lie between."""
    names, before = start, None
    while names != before:
        before = names
        for node in nodes:
            for target, value in _assignments(node):
                if counts(value, names):
                    names |= _names(target) if isinstance(target, ast.Name | ast.Tuple | ast.List) else frozenset()
    return names


def _assignments(node: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        return [pair for target in node.targets for pair in _paired(target, node.value)]
    if isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
        return [(node.target, node.value)]
    return [(node.target, node.iter)] if isinstance(node, ast.For | ast.comprehension) else []


def _paired(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """``a, b = x, y`` as two assignments."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def _conditions(nodes: list[ast.AST]) -> list[ast.expr]:
    conditions: list[ast.expr] = []
    for node in nodes:
        if isinstance(node, ast.If | ast.While | ast.Assert | ast.IfExp):
            conditions.append(node.test)
        elif isinstance(node, ast.comprehension):
            conditions += node.ifs
        elif isinstance(node, ast.BoolOp):
            conditions += node.values
        elif isinstance(node, ast.Match):
            conditions.append(node.subject)
    return conditions


def _looks(condition: ast.AST, labels: frozenset[str]) -> bool:
    """Whether an expression holds ``LABELS.dtype``, ``LABELS.ndim`` or another way to say so."""
    return any(_is_kind(node, labels) for node in ast.walk(condition))


def _is_kind(node: ast.AST, labels: frozenset[str]) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in KINDS and _speaks(node.value, labels)
    if not isinstance(node, ast.Call) or not node.args:
        return False
    function, first = ast.unparse(node.func).rpartition(".")[2], node.args[0]
    if function == "len":
        return isinstance(first, ast.Attribute) and first.attr == "shape" and _speaks(first.value, labels)
    looks = function in ("ndim", "iscomplexobj", "isrealobj") or (function == "getattr" and bool(KINDS & _words(node)))
    return looks and _speaks(first, labels)


def _speaks(value: ast.AST, labels: frozenset[str]) -> bool:
    """Whether an expression reads labels: a name, an attribute or a string key among them."""
    return bool(_names(value) & labels or _words(value) & labels & LABELS)  # a variable's name may be an attribute elsewhere


def _names(value: ast.AST) -> frozenset[str]:
    return frozenset(node.id for node in ast.walk(value) if isinstance(node, ast.Name))


def _words(value: ast.AST) -> set[str]:
    words = set(_names(value))
    words |= {node.attr for node in ast.walk(value) if isinstance(node, ast.Attribute)}
    return words | {node.value for node in ast.walk(value) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_no_other_room_branches_on_the_kind_of_labels():
    paths = [path for room in ("tljax", "experiments") for path in sorted((ROOT / room).rglob("*.py"))]
    outside = [path for path in paths if not path.relative_to(ROOT).as_posix().startswith(ROOMS)]
    assert len(outside) > 50
    lines = []
    for path in outside:
        name = path.relative_to(ROOT).as_posix()
        labels = LABELS - {"target", "targets"} if name.startswith("tljax/weights/") else LABELS  # there, targets are parameters
        lines += [f"{name}:{line}" for line in branches_on_labels(path.read_text(encoding="utf-8"), labels)]
    assert not lines, f"conditions on the kind of labels belong into tasks, metrics or sources: {', '.join(lines)}"


PLANTED = [
    "if labels.ndim == 2:\n    pass",
    "x = 1 if batch['label'].dtype == int else 2",
    "def f(batch):\n    y = batch['label']\n    if y.ndim == 1:\n        return y",
    "def f(source):\n    values = np.asarray(source.labels)\n    flat = values\n    while flat.ndim > 1:\n        flat = flat[0]",
    "def f(source):\n    kind = source.labels.dtype\n    return 1 if kind.kind == 'f' else 2",
    "assert np.issubdtype(targets.dtype, np.floating)",
    "rows = [row for row in rows if row.target.ndim]",
    "soft = labels.ndim == 2 and wide",
    "f = lambda label: 1 if len(label.shape) == 2 else 0",
    "if np.ndim(labels) == 2:\n    pass",
    "def f(a):\n    x, y = a['x'], a['label']\n    if y.dtype.kind == 'i':\n        pass",
    "match labels.ndim:\n    case 1:\n        pass",
    "def f(batch):\n    if (y := batch['label']).ndim == 2:\n        return y",
    "def f(batch):\n    def inner():\n        return 1 if batch['label'].ndim else 2\n    return inner",
    "if getattr(labels, 'ndim', 0) == 2:\n    pass",
]
SOUND = [
    "labels = labels.astype(logits.dtype)",
    "if image.ndim == 3 and labels is not None:\n    pass",
    "if labels.shape != logits.shape:\n    raise ValueError",
    "def f(batch):\n    x, y = batch['x'], batch['label']\n    if x.ndim == 3:\n        return y",
    "def f(labels):\n    return labels.ndim\n\ndef g(y):\n    if y.ndim == 2:\n        return y",
    "kinds = {name: value.dtype for name, value in arrays.items() if name}",
]


@pytest.mark.parametrize("text", PLANTED)
def test_a_planted_branch_is_seen(text):
    assert len(branches_on_labels(text)) == 1


@pytest.mark.parametrize("text", SOUND)
def test_other_conditions_are_not(text):
    assert branches_on_labels(text) == []
