"""Sums of objectives: ``cross_entropy + 0.1 * l2_sp``."""

import ast
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from tljax import registry
from tljax.objectives.objective import Aux, Context, Forward, Objective, objectives

Terms = tuple[tuple[str, float, Objective], ...]


def create(expression: Any, **facts: Any) -> Objective:
    """The objective of an expression, such as ``cross_entropy(label_smoothing=0.1)`` or ``cross_entropy + 0.1 * l2_sp``.

    Args:
      expression: a call, a sum of calls with a number before any of them, or an `Objective`, which is returned as it is.
      **facts: facts of the data and the run that a factory may take (`class_counts`, `classes`, `steps`).

    Raises:
      KeyError: unknown name. ValueError: arguments that it does not take, an expression of another form.
    """
    if not isinstance(expression, str):
        built: Objective = objectives.create(expression, **facts)
        return built
    terms = _parsed(expression)
    if len(terms) == 1 and terms[0][1] == 1:
        single: Objective = objectives.create(terms[0][0], **facts)
        return single
    return add(*((create(call, **facts), strength) for call, strength in terms))


def add(*terms: Objective | tuple[Objective, float]) -> Objective:
    """The weighted sum of objectives, ``sum_i strength_i * loss_i``; each term keeps its own parameters, state and streams.

    The strengths are `hyper` by the terms' names. Micro-batches are averaged by the weight of the first term. Terms that run the model on
    the same batch share one pass.

    Args:
      *terms: objectives, each alone (strength 1) or with its strength.

    Raises:
      ValueError: no term; terms that read different forms of label; two terms with views of one name.
    """
    if not terms:
        raise ValueError("objectives.add: no term is given")
    pairs = [term if isinstance(term, tuple) else (term, 1.0) for term in terms]
    named: Terms = tuple((name, strength, term) for name, (term, strength) in zip(_names([p[0] for p in pairs]), pairs, strict=True))
    parts = [term for _, _, term in named]
    made = Objective(
        loss=_loss(named),
        init=_init(named),
        prepare=_prepare(named) if any(p.prepare for p in parts) else None,
        after=_after(named) if any(p.after for p in parts) else None,
        views=_views(named) if any(p.views for p in parts) else None,
        streams=tuple(dict.fromkeys(stream for p in parts for stream in p.streams)),
        rules=tuple((f"{name}/{regex}", group) for name, _, term in named for regex, group in term.rules),
        forms=_common_forms(parts),
        metric=next((p.metric for p in parts if p.metric), ""),
        hyper={name: strength for name, strength, _ in named} | {f"{n}.{k}": v for n, _, term in named for k, v in term.hyper.items()},
        couples_examples="; ".join(p.couples_examples for p in parts if p.couples_examples),
    )
    return registry.remember(made, _call(named))


def _call(terms: Terms) -> str:
    """The expression of the sum; empty where a term has none, so that nobody takes it for a description."""
    if not all(term.call for _, _, term in terms):
        return ""
    return " + ".join(_shown(term.call, strength) for _, strength, term in terms)


def _shown(call: str, strength: float) -> str:
    inner = f"({call})" if " + " in call else call
    return inner if strength == 1 else f"{strength!r} * {inner}"


def _parsed(expression: str) -> list[tuple[str, float]]:
    """``"a + 0.1 * b"`` -> ``[("a", 1.0), ("b", 0.1)]``."""
    try:
        node = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        raise ValueError(f"objective {expression[:100]!r}: not an expression such as cross_entropy + 0.1 * l2_sp") from None
    terms: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        terms.insert(0, node.right)
        node = node.left
    return [_term(term, expression) for term in [node, *terms]]


def _term(node: ast.expr, expression: str) -> tuple[str, float]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        number = node.left
        if not isinstance(number, ast.Constant) or not isinstance(number.value, int | float) or isinstance(number.value, bool):
            raise ValueError(f"objective {expression[:100]!r}: a strength is a number before its term, such as 0.1 * l2_sp")
        return ast.unparse(node.right), float(number.value)
    return ast.unparse(node), 1.0


def _names(terms: Sequence[Objective]) -> list[str]:
    """A name for each term: that of its factory, numbered where one stands twice."""
    names: list[str] = []
    for i, term in enumerate(terms):
        base = term.call.partition("(")[0] or f"term{i}"
        names.append(base if base not in names else f"{base}_{i}")
    return names


def _common_forms(parts: Sequence[Objective]) -> tuple[str, ...]:
    stated = [set(p.forms) for p in parts if p.forms]
    common = set.intersection(*stated) if stated else set()
    if stated and not common:
        raise ValueError(f"objectives {', '.join(p.call for p in parts)} read different forms of label: {[p.forms for p in parts]}")
    return tuple(sorted(common))


def _part(context: Context, name: str, place: int) -> Context:
    """The context of one term: its own parameters, state, key and strengths."""
    own = context.params.get("objective", {}).get(name, {})
    return dataclasses.replace(
        context,
        params={**context.params, "objective": own},
        state=context.state[name],
        key=jax.random.fold_in(context.key, place),
        hyper={key.partition(".")[2]: value for key, value in context.hyper.items() if key.startswith(f"{name}.")},
    )


def _shared(forward: Forward) -> Forward:
    """`forward`, run once for the same arguments: terms that look at one batch share a pass, its dropout and its batch statistics."""
    passes: dict[Any, Any] = {}
    alive = []  # an id is unique only while its object lives

    def run(
        batch: Mapping[str, Any],
        variables: Any = None,
        train: Any = None,
        start: str | None = None,
        stop: str | None = None,
        taps: Any = (),
    ) -> Any:
        parts = train if train is None or isinstance(train, bool) else tuple(train)
        place = (id(batch), id(variables), parts, start, stop, tuple(taps))
        if place not in passes:
            alive.append((batch, variables))
            passes[place] = forward(batch, variables=variables, train=train, start=start, stop=stop, taps=taps)
        return passes[place]

    return run


def _loss(terms: Terms) -> Callable[..., Any]:
    def loss(forward: Forward, batch: Mapping[str, Any], context: Context) -> tuple[jax.Array, Aux]:
        run, total, weight = _shared(forward), jnp.zeros(()), jnp.zeros(())
        metrics: dict[str, jax.Array] = {}
        losses: dict[str, jax.Array] = {}
        kept: dict[str, Any] = {}
        for i, (name, _, term) in enumerate(terms):
            value, aux = term.loss(run, batch, _part(context, name, i))
            total = total + context.hyper[name] * value
            metrics |= dict(aux.metrics) if i == 0 else {f"{name}/{key}": v for key, v in aux.metrics.items()}
            losses |= {name: value} | {f"{name}/{key}": v for key, v in aux.losses.items()}
            kept[name] = aux.kept
            weight = aux.weight if i == 0 else weight
        return total, Aux(weight, metrics, kept, losses)

    return loss


def _init(terms: Terms) -> Callable[..., Any]:
    def init(key: jax.Array, model: Any, variables: Any, batch: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        made = {name: term.init(jax.random.fold_in(key, i), model, variables, batch) for i, (name, _, term) in enumerate(terms)}
        return {name: params for name, (params, _) in made.items() if params}, {name: state for name, (_, state) in made.items()}

    return init


def _prepare(terms: Terms) -> Callable[..., Any]:
    def prepare(params: Any, state: Any, model: Any, variables: Any, one_pass: Any) -> tuple[Any, Any]:
        params, state = dict(params), dict(state)
        for name, _, term in terms:
            if term.prepare is not None:
                own, state[name] = term.prepare(params.get(name, {}), state[name], model, variables, one_pass)
                params |= {name: own} if own else {}
        return params, state

    return prepare


def _after(terms: Terms) -> Callable[..., Any]:
    def after(variables: Any, state: Any, kept: Any, step: Any) -> Any:
        return {name: term.after(variables, state[name], kept[name], step) if term.after else state[name] for name, _, term in terms}

    return after


def _views(terms: Terms) -> Callable[..., Any]:
    def views(batch: Any, key: jax.Array) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for i, (name, _, term) in enumerate(terms):
            own = term.views(batch, jax.random.fold_in(key, i)) if term.views else {}
            if twice := sorted(made.keys() & own.keys()):
                raise ValueError(f"objective {name}: the view {twice[0]!r} is made by another term, too")
            made |= own
        return made

    return views
