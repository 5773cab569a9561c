"""Field paths, variables, `$let`, `$literal`, objects and arrays of expressions, unknown operators."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Timestamp

from secantus_server.bson.values import MISSING, Date
from secantus_server.mql.context import Cell, ParseContext
from secantus_server.mql.expressions import Constant, FieldPath, parse_expression
from tests.mql.expressions.evaluation import evaluate, parse_error_of

DOC = {
    "_id": 1,
    "a": {"b": {"c": 7}, "0": "zero"},
    "list": [{"b": 1}, {"c": 2}, {"b": [3, 4]}, 5, [{"b": 6}]],
    "numbers": [1, 2],
    "null": None,
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$_id", 1),
        ("$a.b.c", 7),
        ("$a.b", {"c": 7}),
        ("$a.0", "zero"),
        ("$list.b", [1, [3, 4]]),
        ("$numbers.0", []),
        ("$numbers.b", []),
        ("$null", None),
        ("$null.b", MISSING),
        ("$_id.b", MISSING),
        ("$missing", MISSING),
        ("$$ROOT", DOC),
        ("$$CURRENT.a.b.c", 7),
        ("$$ROOT.list.b", [1, [3, 4]]),
        ("$$REMOVE", MISSING),
        ("$$USER_ROLES", []),
    ],
)
def test_paths(path: str, expected: Any) -> None:
    assert evaluate(path, DOC) == expected


@pytest.mark.parametrize("path", ["_id", "a.b.c", "a.b", "a.0", "list.b", "numbers.0", "null.b", "_id.b", "missing"])
def test_a_path_into_a_variable_finds_what_a_path_into_the_document_finds(path: str) -> None:
    assert evaluate({"$let": {"vars": {"x": "$$ROOT"}, "in": f"$$x.{path}"}}, DOC) == evaluate(f"${path}", DOC)


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("$", 16872, "'$' by itself is not a valid FieldPath"),
        ("$$", 9, "empty variable names are not allowed"),
        ("$$.a", 9, "empty variable names are not allowed"),
        ("$a.", 40353, "FieldPath must not end with a '.'."),
        ("$$ROOT.", 40353, "FieldPath must not end with a '.'."),
        ("$a..b", 15998, "FieldPath field names may not be empty strings."),
        ("$.a", 15998, "FieldPath field names may not be empty strings."),
        ("$$nobody", 17276, "Use of undefined variable: nobody"),
        ("$$_x", 9, "'_x' starts with an invalid character for a variable name"),
        ("$$a-b", 9, "'a-b' contains an invalid character for a variable name: '-'"),
        ("$" + ".".join("a" * 201), 15, "FieldPath is too long"),
    ],
)
def test_malformed_paths(path: str, code: int, message: str) -> None:
    assert parse_error_of(path) == (code, message)


def test_a_dollar_inside_a_path() -> None:
    assert parse_error_of("$a.$b")[0] == 16410
    assert evaluate(["$a.$ref", "$a.$id", "$$ROOT.$db"], {"a": {"$ref": "c", "$id": 1}, "$db": "d"}) == ["c", 1, "d"]
    assert parse_error_of("$a.b\0c")[0] == 16411


def test_the_commands_time_is_a_constant() -> None:
    ctx = ParseContext(now=Date(5), cluster_time=Timestamp(7, 1))
    assert evaluate(["$$NOW", "$$CLUSTER_TIME", "$$NOW.x"], {}, ctx) == [Date(5), Timestamp(7, 1), None]
    assert parse_expression("$$NOW", ctx).is_constant
    assert parse_error_of("$$CLUSTER_TIME") == (51144, "Builtin variable '$$CLUSTER_TIME' is not available")


def test_let() -> None:
    spec = {"$let": {"vars": {"x": "$a.b.c", "y": 1}, "in": {"$add": ["$$x", "$$y", "$_id"]}}}
    assert evaluate(spec, DOC) == 9


def test_let_may_rebind_current() -> None:
    assert evaluate({"$let": {"vars": {"CURRENT": "$a.b"}, "in": ["$c", "$$CURRENT.c", "$$ROOT._id"]}}, DOC) == [7, 7, 1]


def test_an_inner_variable_hides_the_outer_one() -> None:
    inner = {"$let": {"vars": {"x": {"$add": ["$$x", 1]}}, "in": "$$x"}}
    assert evaluate({"$let": {"vars": {"x": "$_id"}, "in": [inner, "$$x"]}}, DOC) == [2, 1]


def test_variables_of_the_context() -> None:
    cell = Cell()
    expression = parse_expression({"$add": ["$$x", 1]}, ParseContext().child(x=cell))
    cell.value = 4
    assert expression.evaluate(b"\x05\0\0\0\0") == 5


@pytest.mark.parametrize(
    ("argument", "code"),
    [
        (1, 16874),
        ({"vars": {}, "in": 1, "x": 1}, 16875),
        ({"in": 1}, 16876),
        ({"vars": {}}, 16877),
        ({"vars": 1, "in": 1}, 10065),
        ({"vars": [1], "in": 1}, 9),
        ({"vars": {"Upper": 1}, "in": 1}, 9),
        ({"vars": {"a": 1, "b": "$$a"}, "in": 1}, 17276),
    ],
)
def test_malformed_let(argument: Any, code: int) -> None:
    assert parse_error_of({"$let": argument})[0] == code


@pytest.mark.parametrize("name", ["$literal", "$const"])
def test_literals_are_not_parsed(name: str) -> None:
    value = {"$add": ["$a", {"b..c": "$$x"}]}
    assert evaluate({name: value}) == value


def test_objects_leave_out_what_is_missing_and_arrays_do_not() -> None:
    assert evaluate({"x": "$missing", "y": "$_id", "z": ["$missing", "$_id"]}, DOC) == {"y": 1, "z": [None, 1]}


@pytest.mark.parametrize(("name", "code"), [("a.b", 16412), ("", 15998), ("a\0", 16411)])
def test_names_no_field_may_have(name: str, code: int) -> None:
    assert parse_error_of({name: 1})[0] == code


def test_an_operator_after_a_field() -> None:
    assert parse_error_of({"a": 1, "$add": [1]})[0] == 16410


def test_two_operators() -> None:
    message = "an expression specification must contain exactly one field, the name of the expression. Found 2 fields in "
    assert parse_error_of({"$abs": 1, "$ceil": 2}) == (15983, message + "{$abs: 1, $ceil: 2}")


def test_unknown_operators() -> None:
    assert parse_error_of({"$nobody": 1}) == (168, "Unrecognized expression '$nobody'")
    code, message = parse_error_of({"$createUUID": {}})
    assert code == 238
    assert message.startswith("The expression operator $createUUID is not supported by Secantus yet")


def test_constants_are_folded_and_paths_are_not() -> None:
    folded = parse_expression({"$concat": ["a", {"$toUpper": "b"}]}, ParseContext())
    assert isinstance(folded, Constant)
    assert folded.value == "aB"
    path = parse_expression("$a.b", ParseContext())
    assert isinstance(path, FieldPath)
    assert (path.path, path.is_constant) == ("a.b", False)
    assert not parse_expression({"$rand": {}}, ParseContext()).is_constant


@pytest.mark.parametrize("operator", ["$not", "$abs", "$toString"])
def test_expressions_as_deep_as_documents_may_be(operator: str) -> None:
    spec: Any = "$missing"
    for _ in range(195):
        spec = {operator: spec}
    parse_expression(spec, ParseContext())
