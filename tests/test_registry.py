import dataclasses
import sys
import types

import pytest

from tljax.registry import Call, Registry, parse, publish


def test_calls_are_read_and_nothing_is_evaluated():
    assert parse("full") == ("full", (), {})
    assert parse("mlp((1, 2), dropout=-.5, name='ü')") == ("mlp", ((1, 2),), {"dropout": -0.5, "name": "ü"})
    for text in ("", "a.b()", "f(g())", "f(x)", "f(**{})", "1", "f(", "__import__('os').system('x')"):
        with pytest.raises(ValueError, match="neither a name nor a call"):
            parse(text)


def test_arguments_defaults_and_errors():
    registry = Registry("thing")

    @registry.register
    def thing(a: int, b: int = 2, *, c: int = 3) -> tuple[int, int, int]:
        return a, b, c

    @registry.register
    def adding(a: int) -> int:
        return a + 1

    @registry.register
    def widths(widths: tuple[int, ...], rate: float | None = None) -> tuple[tuple[int, ...], float | None]:
        return widths, rate

    @registry.register
    def needing(a: int, *, filled: int) -> tuple[int, int]:
        return a, filled

    assert registry.create("thing(1)", b=5, unknown=7) == (1, 5, 3)
    assert registry.create("thing(1, 9)", b=5, c=4) == (1, 9, 4)
    assert registry.create("thing(1, b=9)", b=5) == (1, 9, 3)
    with pytest.raises(ValueError, match=r"thing\(d=1\)'.*it is called as thing\(a"):
        registry.create("thing(d=1)")
    for bad in ("adding('x')", "adding(1.5)", "adding(True)", "adding(None)"):
        with pytest.raises(ValueError, match=r"a=.* is \w+, expected int; it is called as adding\(a"):
            registry.create(bad)
    assert registry.create("widths((1, 2), None)") == ((1, 2), None) and registry.create("widths((1,), 3)") == ((1,), 3.0)
    with pytest.raises(ValueError, match="widths=3 is int"):
        registry.create("widths(3)")
    with pytest.raises(ValueError, match=r"filled.*it is called as needing\(a: int\)"):
        registry.create("needing(1, filled=2)", filled=1)
    assert registry.create("needing(1)", filled=2) == (1, 2)
    with pytest.raises(KeyError, match="did you mean thing"):
        registry.create("thin")
    with pytest.raises(ValueError, match="two thing factories"):
        registry.register(thing)


@dataclasses.dataclass(frozen=True)
class Thing:
    size: int
    call: str = ""


def things():
    registry = Registry("thing")

    @registry.register
    def thing(size: int = 1, factor: float = 1.0, facts: tuple[int, ...] = (), *, stages: tuple[str, ...]) -> Thing:
        return Thing(int(size * factor) + sum(facts) + len(stages))

    @registry.register("plain")
    def _plain(size: int = 1, facts: tuple[int, ...] = ()) -> Thing:
        return Thing(size + sum(facts))

    @registry.register
    def number(*values: int) -> int:
        return sum(values)

    return registry


def test_a_missing_keyword_only_argument_gives_a_call_that_create_completes():
    registry = things()
    call = registry["thing"](3, factor=2.0)
    assert call == Call("thing", (3,), (("factor", 2.0),)) and str(call) == "thing(3, factor=2.0)"
    assert {call: 1}[registry["thing"](3, factor=2.0)] == 1
    made = registry.create(call, stages=("a", "b"))
    assert (
        made == registry["thing"](3, factor=2.0, stages=("a", "b")) == registry.create(str(call), stages=("a", "b")) == Thing(8, str(call))
    )
    assert str(registry["thing"]()) == "thing"
    with pytest.raises(ValueError, match="missing a required"):
        registry.create(call)


def test_a_result_remembers_its_call_without_the_facts_that_were_filled_in():
    registry = things()
    assert registry.create("plain(4)", facts=(1, 2), other=9) == Thing(7, "plain(4)")
    assert registry.create("plain( size = 4 )") == registry["plain"](size=4) == Thing(4, "plain(size=4)")
    assert registry.create("plain(facts=(5,))", facts=(1,)) == Thing(6, "plain(facts=(5,))")
    assert registry.create("number(1, 2)") == registry["number"](1, 2) == 3  # no field for a call


def test_a_changed_copy_does_not_claim_the_call_of_the_first():
    @dataclasses.dataclass(frozen=True)
    class Closed:
        size: int
        call: str = dataclasses.field(default="", init=False)

    registry = Registry("closed")
    registry.register("closed")(lambda size=1: Closed(size))
    made = registry.create("closed(3)")
    assert made.call == "closed(3)" and dataclasses.replace(made, size=4).call == ""


def test_an_object_passes_through():
    registry, thing = things(), Thing(1)
    assert registry.create(thing, facts=(1,)) is thing and registry.create(len) is len and registry.create(None) is None


def test_each_of_many_positional_arguments_has_its_type():
    with pytest.raises(ValueError, match=r"values='x' is str, expected int; it is called as number\(\*values: int\)"):
        things().create("number(1, 'x')")


def test_published_factories_are_attributes_of_their_room():
    room, registry = {"plain": "a module of this name"}, things()
    publish(room, registry)
    assert room == {name: registry[name] for name in ("number", "plain", "thing")} and room["plain"](2).call == "plain(2)"


def zoo(tmp_path, monkeypatch):
    """A package of three folders, of which two register entries, and a registry of them."""
    package = tmp_path / "animals"
    for folder, names in {"cat": ["cat_small", "tiger"], "catfish": ["catfish"], "empty": []}.items():
        (package / folder).mkdir(parents=True)
        (package / folder / "__init__.py").touch()
        lines = ["import tests_registry_of_animals as r", *(f"r.registry.register({name!r})(lambda: {name!r})" for name in names)]
        if names:
            (package / folder / "model.py").write_text("\n".join(lines))
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry("animal", package="animals", module="model")
    monkeypatch.setitem(sys.modules, "tests_registry_of_animals", types.SimpleNamespace(registry=registry))
    yield registry
    for name in [name for name in sys.modules if name.startswith("animals")]:
        del sys.modules[name]


lazy = pytest.fixture(zoo, name="lazy")


def test_a_folder_is_imported_when_one_of_its_names_is_looked_up(lazy):
    assert lazy.create("catfish") == "catfish" and "animals.cat.model" not in sys.modules
    assert "tiger" in lazy and "animals.cat.model" in sys.modules  # of another name than its folder
    assert list(lazy) == ["cat_small", "catfish", "tiger"]


def test_an_unknown_name_is_searched_in_all_folders(lazy):
    assert "dog" not in lazy
    with pytest.raises(KeyError, match=r"no animal is called 'tigre'; did you mean tiger[^;]*; known: cat_small, catfish, tiger"):
        lazy.create("tigre")


def test_a_folder_without_init_is_named(lazy, tmp_path):
    (tmp_path / "animals" / "dog").mkdir()
    (tmp_path / "animals" / "dog" / "model.py").touch()
    (tmp_path / "animals" / "pictures").mkdir()
    with pytest.raises(KeyError, match=r"no animal is called 'dog'; animals/dog/ exists but has no __init__\.py: add an empty one; known"):
        lazy.create("dog")
