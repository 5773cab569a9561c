"""The matcher, rule by rule: matches, mismatches with their locations, and invalid expectations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import secantus_conformance.unified.operators  # noqa: F401  (registers the operators)
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from secantus_conformance.failures import BadTest
from secantus_conformance.unified.matching import OPERATORS, Matcher, Mismatch
from secantus_conformance.unified.values import ABSENT, ALIASES

LSID = {"id": Binary(b"0123456789abcdef", 4)}
OID = ObjectId("0123456789abcdef01234567")


class Entities:
    """Two saved values and a session."""

    def value(self, name: str) -> Any:
        """Return the value with the given name."""
        if name not in ("seven", "document"):
            raise BadTest("undefined-entity", name)
        return {"seven": 7, "document": {"a": 1}}[name]

    def lsid(self, name: str) -> Any:
        """Return the session's id."""
        if name != "session0":
            raise BadTest("undefined-entity", name)
        return LSID


@pytest.fixture
def matcher() -> Matcher:
    return Matcher(Entities())


SCALARS: list[Any] = [
    1,
    Int64(2),
    1.5,
    "a",
    "",
    True,
    False,
    None,
    OID,
    datetime(2020, 1, 1),
    Decimal128("1"),
    Decimal128("1.0"),
    b"x",
    Binary(b"x", 5),
    Regex("a", "i"),
    Regex("a"),
    Timestamp(1, 2),
    MinKey(),
    MaxKey(),
    Code("f"),
    Code("f", {"x": 1}),
    {},
    [],
    {"a": 1},
    [1],
]


@pytest.mark.parametrize("left", range(len(SCALARS)))
def test_a_value_matches_itself_and_no_other(matcher: Matcher, left: int) -> None:
    for right, actual in enumerate(SCALARS):
        if left == right or (SCALARS[left] == {} and isinstance(actual, dict)):
            matcher.match(SCALARS[left], actual)
        else:
            with pytest.raises(Mismatch):
                matcher.match(SCALARS[left], actual)


MATCHES: dict[str, tuple[Any, Any]] = {
    "int and long": (1, Int64(1)),
    "long and int": (Int64(1), 1),
    "int and double": (1, 1.0),
    "double and long": (2.0, Int64(2)),
    "large long": (2**40, Int64(2**40)),
    "double and int": (1.0, 1),
    "long and double": (Int64(3), 3.0),
    "negative zero": (0, -0.0),
    "infinity": (float("inf"), float("inf")),
    "largest long": (2**63 - 1, Int64(2**63 - 1)),
    "numbers deep inside": ({"a": [{"b": 1}]}, {"a": [{"b": Int64(1)}]}),
    "nan": (float("nan"), float("nan")),
    "bytes and generic binary": (b"ab", Binary(b"ab", 0)),
    "free order of keys": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "free order in code scope": (Code("f", {"a": 1, "b": 2}), Code("f", {"b": 2, "a": 1})),
    "root document with more keys": ({"a": 1}, {"a": 1, "b": 2}),
    "empty root document": ({}, {"a": 1}),
    "nested document": ({"a": {"b": 1}}, {"a": {"b": 1}}),
    "reference as document": ({"$ref": "c", "$id": 1}, DBRef("c", 1)),
    "nested array": ([[1, 2], [3]], [[1, 2], [3]]),
    "null that is there": ({"a": None}, {"a": None}),
    "array of documents": ([{"a": 1}, {}], [{"a": 1}, {}]),
    "operators at several depths": (
        {"a": {"b": [{"$$type": "int"}, {"c": {"$$exists": False}}], "d": {"$$unsetOrMatches": 1}}},
        {"a": {"b": [7, {}]}},
    ),
    "exists": ({"a": {"$$exists": True}}, {"a": 1}),
    "exists with a document": ({"a": {"$$exists": True}}, {"a": {}}),
    "exists in an array": ([{"a": {"$$exists": True}}], [{"a": 1}]),
    "exists with null": ({"a": {"$$exists": True}}, {"a": None}),
    "exists with false": ({"a": {"$$exists": True}}, {"a": False}),
    "does not exist": ({"a": {"$$exists": False}}, {"b": 1}),
    "does not exist, nested": ({"a": {"b": {"$$exists": False}, "c": 1}}, {"a": {"c": 1}}),
    "type": ({"a": {"$$type": "string"}}, {"a": "x"}),
    "one of types": ({"a": {"$$type": ["int", "long"]}}, {"a": Int64(1)}),
    "type at the top": ({"$$type": "objectId"}, OID),
    "type number int": ({"$$type": "number"}, 1),
    "type number decimal": ({"$$type": "number"}, Decimal128("1")),
    "type int out of 32 bits": ({"$$type": "long"}, 2**33),
    "type null": ({"a": {"$$type": "null"}}, {"a": None}),
    "type code": ({"$$type": "javascript"}, Code("f")),
    "type code with scope": ({"$$type": "javascriptWithScope"}, Code("f", {})),
    "type in an array": ([{"$$type": "int"}, 2], [1, 2]),
    "entity": ({"a": {"$$matchesEntity": "seven"}}, {"a": 7}),
    "entity with other width": ({"$$matchesEntity": "seven"}, Int64(7)),
    "entity document": ({"a": {"$$matchesEntity": "document"}}, {"a": {"a": 1}}),
    "entity document at the top, a root": ({"$$matchesEntity": "document"}, {"a": 1, "b": 2}),
    "entity in an array": ([{"$$matchesEntity": "seven"}], [7]),
    "hex bytes": ({"$$matchesHexBytes": "00ff"}, b"\x00\xff"),
    "hex bytes, upper case": ({"$$matchesHexBytes": "0AfF"}, Binary(b"\x0a\xff")),
    "hex bytes, empty": ({"$$matchesHexBytes": ""}, b""),
    "unset": ({"a": {"$$unsetOrMatches": 1}}, {}),
    "set and matches": ({"a": {"$$unsetOrMatches": 1}}, {"a": 1}),
    "unset, expected null": ({"a": {"$$unsetOrMatches": None}}, {}),
    "null, expected null": ({"a": {"$$unsetOrMatches": None}}, {"a": None}),
    "unset root inside": ({"a": {"$$unsetOrMatches": {"$$matchAsRoot": {"b": 1}}}}, {"a": {"b": 1, "c": 2}}),
    "unset beside other keys, nested": ({"a": {"b": 1, "c": {"$$unsetOrMatches": 2}}}, {"a": {"b": 1}}),
    "unset at the top": ({"$$unsetOrMatches": {"a": 1}}, ABSENT),
    "set at the top, root": ({"$$unsetOrMatches": {"a": 1}}, {"a": 1, "b": 2}),
    "operator inside unset": ({"a": {"$$unsetOrMatches": {"$$type": "int"}}}, {"a": 3}),
    "lsid": ({"lsid": {"$$sessionLsid": "session0"}}, {"lsid": dict(LSID)}),
    "lte equal": ({"$$lte": 5}, 5),
    "lte less": ({"a": {"$$lte": 5}}, {"a": Int64(4)}),
    "lte negative": ({"$$lte": -1}, -2),
    "lte of a long": ({"$$lte": Int64(2**40)}, 2**40),
    "lte double": ({"$$lte": 1}, 0.0),
    "document in text": ({"$$matchAsDocument": {"a": 1}}, '{"a": 1}'),
    "canonical document in text": ({"$$matchAsDocument": {"a": Int64(1)}}, '{"a": {"$numberLong": "1"}}'),
    "operator in text": ({"$$matchAsDocument": {"a": {"$$type": "int"}}}, '{"a": 1}'),
    "root in text": ({"$$matchAsDocument": {"$$matchAsRoot": {"a": 1}}}, '{"a": 1, "b": 2}'),
    "root in an array": ([{"$$matchAsRoot": {"a": 1}}], [{"a": 1, "b": 2}]),
    "root inside a root inside": (
        {"a": {"$$matchAsRoot": {"b": {"$$matchAsRoot": {"c": 1}}}}},
        {"a": {"b": {"c": 1, "d": 2}, "e": 3}},
    ),
    "root inside": ({"a": {"$$matchAsRoot": {"b": 1}}}, {"a": {"b": 1, "c": 2}}),
}


@pytest.mark.parametrize("name", MATCHES)
def test_matches(matcher: Matcher, name: str) -> None:
    expected, actual = MATCHES[name]
    matcher.match(expected, actual)


# name: expected, actual, path of the mismatch, words in the reason
MISMATCHES: dict[str, tuple[Any, Any, str, str]] = {
    "missing key": ({"a": 1}, {}, "a", "is missing"),
    "missing nested key": ({"a": {"b": 1}}, {"a": {}}, "a.b", "is missing"),
    "null is not missing": ({"a": None}, {}, "a", "is missing"),
    "missing empty document": ({"a": {}}, {}, "a", "is missing"),
    "missing empty array": ({"a": []}, {}, "a", "is missing"),
    "zero expected": (0, 1, "", "expected 0, got 1"),
    "false expected": (False, True, "", "expected False"),
    "null expected": (None, 0, "", "expected null"),
    "empty array expected": ([], [1], "", "expected 0 elements, got 1"),
    "empty nested document expected": ({"a": {}}, {"a": {"b": 1}}, "a", "unexpected keys 'b'"),
    "doubles that are near": (0.1, 0.1 + 1e-12, "", "expected 0.1"),
    "infinities of either sign": (float("inf"), float("-inf"), "", "expected inf"),
    "long and text": (Int64(1), "1", "", "got string"),
    "null and a missing key in an array": ([{"a": None}], [{}], "[0].a", "is missing"),
    "extra key deep inside": ({"a": [{"b": {"c": 1}}]}, {"a": [{"b": {"c": 1, "d": 1}}]}, "a[0].b", "unexpected keys 'd'"),
    "extra null": ({"a": {"b": 1}}, {"a": {"b": 1, "c": None}}, "a", "unexpected keys 'c'"),
    "true is not one": (1, True, "", "got bool True"),
    "one is not true": (True, 1, "", "expected bool"),
    "zero is not false": (False, 0, "", "expected bool"),
    "decimal is not flexible": (1, Decimal128("1"), "", "got decimal"),
    "decimals differ in exponent": (Decimal128("1"), Decimal128("1.0"), "", "expected"),
    "number and text": (1, "1", "", "got string"),
    "fraction": (1, 1.5, "", "got double 1.5"),
    "nan is no number": (1, float("nan"), "", "got double nan"),
    "other subtype": (Binary(b"x", 4), Binary(b"x", 5), "", "expected"),
    "other options of a regex": (Regex("a", "i"), Regex("a"), "", "expected"),
    "document for scalar": (1, {"a": 1}, "", "got object"),
    "scalar for document": ({"a": 1}, 1, "", "expected a document, got int"),
    "array for document": ({}, [], "", "expected a document, got array"),
    "document for array": ([], {}, "", "expected an array, got object"),
    "nested document with more keys": ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, "a", "unexpected keys 'c'"),
    "document in an array with more keys": ([{"a": 1}], [{"a": 1, "b": 1}], "[0]", "unexpected keys 'b'"),
    "shorter array": ([1, 2], [1], "", "expected 2 elements, got 1"),
    "longer array": ([1], [1, 2], "", "expected 1 elements, got 2"),
    "longer nested array": ({"a": [[1]]}, {"a": [[1, 2]]}, "a[0]", "expected 1 elements"),
    "order of an array": ([1, 2], [2, 1], "[0]", "expected 1, got 2"),
    "exists and is not there": ({"a": {"$$exists": True}}, {}, "a", "must exist"),
    "is there and must not": ({"a": {"$$exists": False}}, {"a": None}, "a", "must not exist"),
    "other type": ({"a": {"$$type": "int"}}, {"a": "1"}, "a", "expected type int, got string"),
    "type of nothing": ({"a": {"$$type": "int"}}, {}, "a", "got nothing"),
    "long is no int": ({"$$type": "int"}, Int64(1), "", "got long"),
    "bool is no int": ({"$$type": "int"}, True, "", "got bool"),
    "bool is no number": ({"$$type": "number"}, True, "", "got bool"),
    "text is no number": ({"$$type": ["number", "bool"]}, "1", "", "got string"),
    "other entity": ({"a": {"$$matchesEntity": "seven"}}, {"a": 8}, "a", "expected 7, got 8"),
    "entity document, nested with more keys": (
        {"a": {"$$matchesEntity": "document"}},
        {"a": {"a": 1, "b": 2}},
        "a",
        "unexpected keys 'b'",
    ),
    "entity and nothing": ({"a": {"$$matchesEntity": "seven"}}, {}, "a", "is missing"),
    "other bytes": ({"$$matchesHexBytes": "00"}, b"\x01", "", "expected bytes"),
    "bytes and text": ({"$$matchesHexBytes": "61"}, "a", "", "expected bytes"),
    "more bytes": ({"$$matchesHexBytes": "00"}, b"\x00\x00", "", "expected bytes"),
    "bytes and nothing": ({"a": {"$$matchesHexBytes": ""}}, {}, "a", "expected bytes"),
    "set and does not match": ({"a": {"$$unsetOrMatches": 1}}, {"a": 2}, "a", "expected 1, got 2"),
    "null is not unset": ({"a": {"$$unsetOrMatches": 1}}, {"a": None}, "a", "got null"),
    "null at the top is not unset": ({"$$unsetOrMatches": {"a": 1}}, None, "", "got null"),
    "empty is not unset": ({"$$unsetOrMatches": [1]}, [], "", "expected 1 elements"),
    "zero is not unset": ({"a": {"$$unsetOrMatches": 1}}, {"a": 0}, "a", "expected 1, got 0"),
    "unset and matches, nested with more keys": ({"a": {"$$unsetOrMatches": {"b": 1}}}, {"a": {"b": 1, "c": 1}}, "a", "unexpected keys"),
    "other lsid": ({"lsid": {"$$sessionLsid": "session0"}}, {"lsid": {"id": b"x"}}, "lsid.id", "expected"),
    "lsid with more keys": ({"lsid": {"$$sessionLsid": "session0"}}, {"lsid": {**LSID, "uid": b""}}, "lsid", "unexpected keys"),
    "lsid as bytes": ({"lsid": {"$$sessionLsid": "session0"}}, {"lsid": LSID["id"]}, "lsid", "expected a document"),
    "no lsid": ({"lsid": {"$$sessionLsid": "session0"}}, {}, "lsid", "is missing"),
    "lte greater": ({"$$lte": 5}, 6, "", "expected at most 5"),
    "lte and a little more": ({"$$lte": 1}, 1.1, "", "expected at most 1"),
    "lte and nothing": ({"a": {"$$lte": 5}}, {}, "a", "expected at most 5"),
    "lte and nan": ({"$$lte": 5}, float("nan"), "", "expected at most 5"),
    "lte and decimal": ({"$$lte": 5}, Decimal128("4"), "", "expected at most 5"),
    "lte and null": ({"a": {"$$lte": 5}}, {"a": None}, "a", "expected at most 5"),
    "lte and text": ({"$$lte": 5}, "4", "", "expected at most 5"),
    "lte and bool": ({"$$lte": 5}, True, "", "expected at most 5"),
    "document in text, other value": ({"$$matchAsDocument": {"a": 1}}, '{"a": 2}', "a", "expected 1, got 2"),
    "document in text, nested with more keys": ({"$$matchAsDocument": {"a": {}}}, '{"a": {"b": 1}}', "a", "unexpected keys"),
    "root in text, nested with more keys": (
        {"$$matchAsDocument": {"$$matchAsRoot": {"a": {}}}},
        '{"a": {"b": 1}, "c": 1}',
        "a",
        "unexpected keys",
    ),
    "document in text with more keys": ({"$$matchAsDocument": {"a": 1}}, '{"a": 1, "b": 2}', "", "unexpected keys"),
    "no document in text": ({"$$matchAsDocument": {"a": 1}}, "1", "", "expected a document"),
    "array in text": ({"$$matchAsDocument": {"a": 1}}, "[1]", "", "expected a document"),
    "broken text": ({"$$matchAsDocument": {"a": 1}}, "{", "", "is not Extended JSON"),
    "document where text is wanted": ({"$$matchAsDocument": {"a": 1}}, {"a": 1}, "", "expected Extended JSON text, got object"),
    "nothing where text is wanted": ({"a": {"$$matchAsDocument": {}}}, {}, "a", "got nothing"),
    "root inside, missing key": ({"a": {"$$matchAsRoot": {"b": 1}}}, {"a": {"c": 2}}, "a.b", "is missing"),
    "root inside does not reach further": ({"a": {"$$matchAsRoot": {"b": {}}}}, {"a": {"b": {"c": 1}}}, "a.b", "unexpected keys"),
    "root inside and a scalar": ({"a": {"$$matchAsRoot": {}}}, {"a": 1}, "a", "expected a document, got int"),
    "root inside and nothing": ({"a": {"$$matchAsRoot": {}}}, {}, "a", "is missing"),
    "operator unmatched in an array": ([{"$$type": "int"}], ["x"], "[0]", "got string"),
}


@pytest.mark.parametrize("name", MISMATCHES)
def test_mismatches(matcher: Matcher, name: str) -> None:
    expected, actual, path, words = MISMATCHES[name]
    with pytest.raises(Mismatch) as caught:
        matcher.match(expected, actual)
    assert caught.value.path == path
    assert words in str(caught.value)


WRONG: dict[str, tuple[Any, Any, str]] = {
    "unknown operator": ({"$$nope": 1}, 1, "Unknown matching operator $$nope"),
    "unknown operator inside": ({"a": {"$$nope": 1}}, {"a": 1}, "Unknown matching operator $$nope"),
    "operator beside another key": ({"$$exists": True, "a": 1}, {}, "only key"),
    "operator after another key": ({"a": 1, "$$exists": True}, {}, "only key"),
    "exists with a number": ({"a": {"$$exists": 1}}, {"a": 1}, "true or false"),
    "exists with null": ({"a": {"$$exists": None}}, {"a": 1}, "true or false"),
    "unknown type": ({"$$type": "integer"}, 1, "'integer'"),
    "unknown type among others": ({"$$type": ["int", "integer"]}, 1, "'integer'"),
    "undefined entity": ({"$$matchesEntity": "nobody"}, 1, "nobody"),
    "undefined session": ({"$$sessionLsid": "nobody"}, 1, "nobody"),
    "odd number of digits": ({"$$matchesHexBytes": "0"}, b"", "hexadecimal"),
    "no digits": ({"$$matchesHexBytes": "zz"}, b"", "hexadecimal"),
    "bytes as number": ({"$$matchesHexBytes": 0}, b"", "must be a string"),
    "lte of a decimal": ({"$$lte": Decimal128("5")}, 5, "takes a number"),
    "an operator beside another": ({"$$exists": True, "$$type": "int"}, 1, "only key"),
    "unset in an array of rows": ([[{"$$unsetOrMatches": 1}]], [[1]], "cannot be an element"),
    "lte of text": ({"$$lte": "5"}, 5, "takes a number"),
    "lte of a bool": ({"$$lte": True}, 5, "takes a number"),
    "root of a scalar": ({"$$matchAsRoot": 1}, {}, "takes a document"),
    "unset in an array": ([{"$$unsetOrMatches": 1}], [1], "cannot be an element"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_expectations(matcher: Matcher, name: str) -> None:
    expected, actual, words = WRONG[name]
    with pytest.raises(BadTest, match=words.replace("$", r"\$")):
        matcher.match(expected, actual)


OF_TYPE: dict[str, Any] = {
    "int": 1,
    "long": Int64(1),
    "double": 1.0,
    "decimal": Decimal128("1"),
    "string": "",
    "bool": False,
    "null": None,
    "object": {},
    "array": [],
    "objectId": OID,
    "date": datetime(2020, 1, 1),
    "binData": b"",
    "regex": Regex("a"),
    "timestamp": Timestamp(0, 0),
    "minKey": MinKey(),
    "maxKey": MaxKey(),
    "javascript": Code("f"),
    "javascriptWithScope": Code("f", {}),
}


@pytest.mark.parametrize("alias", OF_TYPE)
def test_type_takes_the_values_of_its_type_and_no_others(matcher: Matcher, alias: str) -> None:
    for name, value in OF_TYPE.items():
        if name == alias:
            matcher.match({"a": {"$$type": alias}}, {"a": value})
        else:
            with pytest.raises(Mismatch, match=f"expected type {alias}, got {name}"):
                matcher.match({"a": {"$$type": alias}}, {"a": value})


def test_every_type_is_in_the_table() -> None:
    no_value_of_the_driver = {"symbol", "dbPointer", "undefined", "number"}
    assert OF_TYPE.keys() == ALIASES - no_value_of_the_driver


def test_every_operator_is_in_the_tables() -> None:
    tables = repr([*MATCHES.values(), *MISMATCHES.values()])
    assert [name for name in OPERATORS if name not in tables] == []


ROWS: dict[str, tuple[Any, Any, bool]] = {
    "rows may have more keys": ([{"a": 1}], [{"a": 1, "b": 2}], True),
    "nested documents of rows may not": ([{"a": {"b": 1}}], [{"a": {"b": 1, "c": 2}}], False),
    "fewer rows": ([{"a": 1}, {"a": 2}], [{"a": 1}], False),
    "more rows": ([{"a": 1}], [{"a": 1}, {"a": 2}], False),
    "no rows wanted": ([], [{"a": 1}], False),
    "no rows at all": ([], [], True),
    "no array": ([], None, False),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_are_root_documents(matcher: Matcher, name: str) -> None:
    expected, actual, good = ROWS[name]
    check: Callable[[], None] = lambda: matcher.match_array(expected, actual, roots=True)  # noqa: E731
    if good:
        check()
    else:
        with pytest.raises(Mismatch):
            check()
