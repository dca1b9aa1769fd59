import pytest

from tljax.registry import Registry, parse


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
        with pytest.raises(ValueError, match=r"a=.* is \w+, wanted int; it is called as adding\(a"):
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
