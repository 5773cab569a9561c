"""Recorded cases: values, checks and expectations, without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from pymongo.errors import AutoReconnect, OperationFailure
from secantus_conformance.cases.checks import holds, walk
from secantus_conformance.cases.expectations import check
from secantus_conformance.cases.replay import find_cases
from secantus_conformance.cases.values import equal, parse, unordered
from secantus_conformance.failures import AssertionFailed, BadTest, UsageError
from secantus_conformance.unified.values import ABSENT

ERROR = OperationFailure("full", 26, {"code": 26, "errmsg": "ns not found"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"$numberInt": "1"}', 1),
        ('{"$numberLong": "1"}', Int64(1)),
        ('{"$numberDouble": "1.5"}', 1.5),
        ('{"$numberDecimal": "1.0"}', Decimal128("1.0")),
        ('{"$oid": "0123456789abcdef01234567"}', ObjectId("0123456789abcdef01234567")),
        ('{"$binary": {"base64": "eA==", "subType": "05"}}', Binary(b"x", 5)),
        ('{"$binary": {"base64": "eA==", "subType": "00"}}', b"x"),
        ('{"$timestamp": {"t": 1, "i": 2}}', Timestamp(1, 2)),
        ('{"$regularExpression": {"pattern": "a", "options": "i"}}', Regex("a", "i")),
        ('{"$minKey": 1}', MinKey()),
        ('{"$maxKey": 1}', MaxKey()),
        ('{"$code": "f"}', Code("f")),
        ('{"$code": "f", "$scope": {}}', Code("f", {})),
        ('{"$regex": "a", "$options": "i"}', {"$regex": "a", "$options": "i"}),
        ('{"$date": "2020"}', {"$date": "2020"}),
        ('{"$gt": {"$numberInt": "1"}}', {"$gt": 1}),
        ('{"$timestamp": "x"}', {"$timestamp": "x"}),
    ],
)
def test_parse(text: str, value: Any) -> None:
    assert equal(parse(text), value)


def test_parse_date() -> None:
    assert parse('{"$date": {"$numberLong": "0"}}').timestamp() == 0


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1, True),
        (1, Int64(1), False),
        (1, 1.0, False),
        (1, True, False),
        (0.0, -0.0, False),
        (float("nan"), float("nan"), True),
        (float("nan"), 1.0, False),
        (Decimal128("1"), Decimal128("1.0"), False),
        (Decimal128("NaN"), Decimal128("NaN"), True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ({"$ref": "c", "$id": 1}, DBRef("c", 1), True),
        (None, ABSENT, False),
    ],
)
def test_equal(left: Any, right: Any, same: bool) -> None:
    assert equal(left, right) is same


def test_unordered() -> None:
    assert unordered([3, 1, 2]) == unordered([2, 3, 1])
    assert unordered("text") == "text"


@pytest.mark.parametrize(
    ("path", "value"), [("a.b", 1), ("c.1", 3), ("c.1.x", ABSENT), ("c.9", ABSENT), ("c.x", ABSENT), ("z", ABSENT), ("a.b.c", ABSENT)]
)
def test_walk(path: str, value: Any) -> None:
    assert walk({"a": {"b": 1}, "c": [2, 3]}, path) == value


@pytest.mark.parametrize(
    ("name", "value", "arguments", "good"),
    [
        ("Exists", None, [], True),
        ("Exists", ABSENT, [], False),
        ("NotExists", ABSENT, [], True),
        ("NotExists", None, [], False),
        ("Ne", ABSENT, [1], True),
        ("Ne", 1, [1], False),
        ("Ne", Int64(1), [1], True),
        ("NotContains", [{"a": 1}], ["a", 2], True),
        ("NotContains", [{"a": 1}], ["a", 1], False),
        ("NotContains", ABSENT, ["a", 1], False),
        ("IsType", Int64(1), ["long"], True),
        ("IsType", 1, ["long"], False),
        ("Eq", 1, [1], True),
        ("Eq", ABSENT, [None], False),
        ("NonEmptyStr", "a", [], True),
        ("NonEmptyStr", "", [], False),
        ("NonEmptyStr", 1, [], False),
        ("OrderedKeys", {"a": 1, "b": 2}, [["a", "b"]], True),
        ("OrderedKeys", {"b": 1, "a": 2}, [["a", "b"]], False),
        ("Len", [1], [1], True),
        ("Len", 1, [1], False),
        ("LenGt", [1], [1], False),
        ("LenLte", [1], [1], True),
        ("Contains", [{"a": 1}], ["a", 1], True),
        ("Contains", [1], ["a", 1], False),
        ("Contains", 1, ["a", 1], False),
        ("HasKey", {"a": None}, ["a"], True),
        ("HasKey", [], ["a"], False),
        ("ContainsElement", [1], [1], True),
        ("ContainsElement", [1.0], [1], False),
        ("Gt", 2, [1], True),
        ("Gt", "2", [1], False),
        ("Gte", 1, [1], True),
        ("Lte", 2, [1], False),
    ],
)
def test_holds(name: str, value: Any, arguments: list[Any], good: bool) -> None:
    assert holds(name, value, arguments) is good


def test_an_unknown_check() -> None:
    with pytest.raises(BadTest, match="Unknown check 'Nope'"):
        holds("Nope", 1, [])


REPLY = {"cursor": {"firstBatch": [{"_id": 1, "a": [2, 1]}, {"_id": 2}]}, "n": 2, "ok": 1.0, "operationTime": Timestamp(1, 1)}


@pytest.mark.parametrize(
    "expected",
    [
        {"ok": True},
        {"docs": [{"_id": 1, "a": [2, 1]}, {"_id": 2}]},
        {"docs": [{"_id": 2}, {"_id": 1, "a": [2, 1]}], "unordered": True},
        {"docs": [{"_id": 1, "a": [1, 2]}, {"_id": 2}], "unordered_in": ["a"]},
        {"has": {"n": 2}},
        {"has": {"cursor": {"firstBatch": [{"_id": 1}]}}},
        {"reply": {"cursor": {"firstBatch": [{"_id": 1, "a": [2, 1]}, {"_id": 2}]}, "n": 2, "ok": 1.0}},
        {"checks": {"n": [["Eq", 2]], "m": [["NotExists"]]}, "of": "reply"},
        {"checks": [{"_id": [["Eq", 1]]}, {"_id": [["Gt", 1]]}], "of": "docs"},
    ],
)
def test_expectations_that_hold(expected: dict[str, Any]) -> None:
    check(expected, REPLY, None)


@pytest.mark.parametrize(
    ("expected", "kind"),
    [
        ({"docs": [{"_id": 1, "a": [2, 1]}]}, "result"),
        ({"docs": [{"_id": 2}, {"_id": 1, "a": [2, 1]}]}, "result"),
        ({"docs": [{"_id": Int64(1), "a": [2, 1]}, {"_id": 2}]}, "result"),
        ({"has": {"n": 3}}, "result"),
        ({"has": {"m": 1}}, "result"),
        ({"has": {"cursor": {"firstBatch": [{"_id": 1}, {"_id": 2}, {"_id": 3}]}}}, "result"),
        ({"reply": {"n": 2, "ok": 1.0}}, "result"),
        ({"checks": {"n": [["Eq", 3]]}, "of": "reply"}, "result"),
        ({"checks": [{"_id": [["Eq", 1]]}], "of": "docs"}, "result"),
        ({"code": 26}, "unexpected-success"),
    ],
)
def test_expectations_that_do_not(expected: dict[str, Any], kind: str) -> None:
    with pytest.raises(AssertionFailed) as caught:
        check(expected, REPLY, None)
    assert caught.value.kind == kind


def test_errors() -> None:
    check({"code": 26}, None, ERROR)
    check({"code": 26, "msg": "ns not found"}, None, ERROR)
    check({"code": 11000}, {"writeErrors": [{"code": 11000, "errmsg": "dup"}], "ok": 1.0}, None)
    for expected, error in (
        ({"code": 27}, ERROR),
        ({"code": 26, "msg": "other"}, ERROR),
        ({"code": 26}, AutoReconnect("gone")),
        ({"ok": True}, ERROR),
    ):
        with pytest.raises(AssertionFailed):
            check(expected, None, error)
    with pytest.raises(BadTest):
        check({"nope": 1}, REPLY, None)


def test_no_documents_are_no_reason_to_hold() -> None:
    with pytest.raises(AssertionFailed, match="The reply contains no documents"):
        check({"checks": {"a": [["NotExists"]]}, "of": "docs"}, {"cursor": {"firstBatch": []}}, None)


def test_finding_cases(tmp_path: Path) -> None:
    name = 'core/operator/expressions/x.py::test[a"b]'
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": name, "steps": []}) + "\n", encoding="utf-8")
    assert [(case.id, case.category) for case in find_cases(tmp_path)] == [(name, "core/operator/expressions")]
    with pytest.raises(UsageError, match="cannot be read"):
        find_cases(tmp_path / "nowhere")
    (tmp_path / "b.jsonl").write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(UsageError, match="line 1, is not a recorded case"):
        find_cases(tmp_path)
