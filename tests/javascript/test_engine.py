"""Scripts of every form, their errors and their limits."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.bson import encode
from secantus_server.errors import CommandError
from secantus_server.javascript import Engine

pytest.importorskip("quickjs", reason="the extra [javascript] is not installed")

DOCUMENT = encode({"x": 5, "s": "a"})


def engine(megabytes: int = 32, seconds: float = 5.0) -> Engine:
    return Engine(megabytes << 20, lambda: seconds)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("this.x == 5", True),
        ("obj.x == 4", False),
        ("  this.x == 5;  ", True),
        ("function() { return this.x == 5; }", True),
        ("function named() { return obj.x == 4; }", False),
        ("function () { return true }; ", True),
        ("() => obj.x == 5", True),
        ("return this.x == 5", True),
        ("if (this.x == 5) { return true; } return false;", True),
        ("var y = this.x; y == 5", True),
        ("var y = this.x; y == 4", False),
        ("var y = obj.x; y", True),
        ("this.x == 5 // a comment", True),
        ("'a'", True),
        ("''", False),
        ("0", False),
        ("null", False),
        ("{a: 1}", True),
        ("(function() { return this.x })", True),
        ("(function() { return obj.x == 4 })()", False),
        ("(1, obj.x) == 5", True),
    ],
)
def test_forms(code: str, expected: bool) -> None:
    assert engine().function(code).matches(DOCUMENT) is expected


@pytest.mark.parametrize(
    "code",
    [
        "/* a comment */ function(x) { return x; }",
        "// a comment\nfunction(x) { return x; } // another",
        "(function(x) { return x; })",
        " ( /* a */ ( function named(x) { return x; } ) /* b */ ) ;",
        "((x) => x)",
        "({a, b}, c) => ({a: 1})",
    ],
)
def test_a_function_with_comments_or_in_parentheses_is_called(code: str) -> None:
    assert engine().function(code)({"a": 1}) == {"a": 1}


def test_a_called_function_may_use_the_document() -> None:
    assert engine().function("function() { return obj.x == 4; }()").matches(DOCUMENT) is False
    assert engine().function("(function() { return () => false; })()").matches(DOCUMENT) is True


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("nothing", "ReferenceError: nothing is not defined"),
        ("throw 'x'", "uncaught exception: x"),
        ("throw Object.create(null)", "uncaught exception: an object without a text"),
        ("throw Object.defineProperty(new Error(), 'name', {get() { throw 1; }})", "uncaught exception: an object without a text"),
        ("throw {a: 1}", "uncaught exception: [object Object]"),
        ("throw new TypeError('no')", "TypeError: no"),
        ("Symbol('a')", "TypeError: a symbol cannot be converted to BSON"),
        ("(function f() { return f() })()", "RangeError: Maximum call stack size exceeded"),
        ("ObjectId('x')", "Error: invalid object id: x"),
        ("emit(1, 2)", "ReferenceError: emit is not defined"),
        ("BinData(0, 'abc')", "Error: BinData data must be a base64 string"),
        ("var o = {}; o['a\\0b'] = 1; o", "Error: a field name cannot contain a null byte"),
    ],
)
def test_errors(code: str, text: str) -> None:
    with pytest.raises(CommandError) as caught:
        engine().function(code)()
    assert (caught.value.code, caught.value.message) == (139, text)


@pytest.mark.parametrize(
    "code",
    [
        "var id = ObjectId(); id.str = 5; id",
        "var t = Timestamp(1, 2); t.t = -1; t",
        "var b = BinData(0, 'YWJj'); b.type = 300; b",
        "Array.from = null; [1]",
        "Array.prototype.toJSON = function() { return 5; }; [1]",
        "Array.prototype.toJSON = function() { return [0, ['x']]; }; [1]",
        "Array.prototype.toJSON = function() { return []; }; [1]",
    ],
)
def test_a_script_cannot_break_the_server(code: str) -> None:
    with pytest.raises(CommandError) as caught:
        engine().function(code)()
    assert caught.value.code == 139


def test_a_cyclic_object_is_refused() -> None:
    with pytest.raises(CommandError, match=r"cyclic|stack") as caught:
        engine().function("var o = {}; o.o = o; o")()
    assert caught.value.code == 139


def test_syntax_errors_are_found_when_compiling() -> None:
    with pytest.raises(CommandError, match="SyntaxError") as caught:
        engine().function("this is no script")
    assert caught.value.code == 139


@pytest.mark.parametrize(
    "code", ["while (true) {}", "try { while (true) {} } catch (error) {}", "for (;;) { try { throw 1 } catch (e) {} }"]
)
def test_the_time_limit_ends_a_script(code: str) -> None:
    with pytest.raises(CommandError) as caught:
        engine(seconds=0.05).function(code)()
    assert caught.value.code == 50


def test_the_memory_limit_ends_a_script() -> None:
    with pytest.raises(CommandError) as caught:
        engine(megabytes=16).function("var all = []; while (true) all.push(new Array(100).fill(1));")()
    assert (caught.value.code, caught.value.message) == (139, "JavaScript ran out of memory")


def test_an_interrupted_command_runs_no_script() -> None:
    def interrupted() -> float:
        if functions:
            raise CommandError(11601, "operation was interrupted")
        return 5.0

    functions: list[Any] = []
    functions.append(Engine(32 << 20, interrupted).function("1"))
    with pytest.raises(CommandError) as caught:
        functions[0]()
    assert caught.value.code == 11601


def test_two_engines_share_nothing() -> None:
    first, second = engine(), engine()
    first.set_globals({"a": 1})
    first.function("Array.prototype.extra = 1; b = 2")()
    assert first.function("a + b + [].extra")() == 4.0
    assert second.function("typeof a + typeof b + typeof [].extra")() == "undefinedundefinedundefined"


def test_emitted_pairs() -> None:
    function = engine().function("function() { emit(this.s, this.x); emit('n', {}); }")
    assert function.emitted([DOCUMENT, DOCUMENT]) == [["a", 5.0], ["n", {}]] * 2


def test_a_fold() -> None:
    assert engine().function("function(s, a, b) { return s + a * b }").fold(1.0, [[2, 3], [4, 5.0]]) == 27.0
