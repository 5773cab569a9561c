"""Collation documents: validation, and their stored form."""

from __future__ import annotations

from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.errors import CommandError
from secantus_server.mql.collation import parse_collation

COMPLETE = {
    "locale": "en",
    "caseLevel": False,
    "caseFirst": "off",
    "strength": 3,
    "numericOrdering": False,
    "alternate": "non-ignorable",
    "maxVariable": "punct",
    "normalization": False,
    "backwards": False,
    "version": "57.1",
}


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({"locale": "en"}, {}),
        ({"locale": "en", "strength": 2, "caseLevel": True}, {"strength": 2, "caseLevel": True}),
        ({"locale": "en", "strength": Int64(1)}, {"strength": 1}),
        ({"locale": "en", "strength": 4.9}, {"strength": 4}),
        ({"locale": "en", "strength": Decimal128("2.5")}, {"strength": 2}),
        ({"locale": "en", "caseFirst": "upper", "numericOrdering": True}, {"caseFirst": "upper", "numericOrdering": True}),
        ({"locale": "en", "alternate": "shifted", "maxVariable": "space"}, {"alternate": "shifted", "maxVariable": "space"}),
        ({"locale": "en", "caseLevel": None, "strength": None, "alternate": None, "version": None}, {}),
        ({"locale": "en", "version": "57.1"}, {}),
        ({"locale": "fr_CA"}, {"locale": "fr_CA", "backwards": True}),
        ({"locale": "fr_CA", "backwards": False}, {"locale": "fr_CA"}),
        ({"locale": "da", "strength": 1}, {"locale": "da", "strength": 1, "caseFirst": "upper"}),
        ({"locale": "el"}, {"locale": "el", "normalization": True}),
    ],
)
def test_completed(given: dict[str, Any], changed: dict[str, Any]) -> None:
    collation = parse_collation(given)
    assert collation is not None
    document = collation.document()
    assert document == {**COMPLETE, **changed}
    assert list(document) == list(COMPLETE)
    assert parse_collation(document) == collation


@pytest.mark.parametrize("given", [None, {}, {"locale": "simple"}, {"locale": "simple", "strength": 1, "backwards": True}])
def test_simple(given: dict[str, Any] | None) -> None:
    assert parse_collation(given) is None


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ({"strength": 1}, 40414, "BSON field 'collation.locale' is missing but a required field"),
        ({"locale": None}, 40414, "BSON field 'collation.locale' is missing but a required field"),
        ({"locale": "en", "other": 1}, 40415, "BSON field 'collation.other' is an unknown field."),
        ({"locale": 5}, 14, "BSON field 'collation.locale' is the wrong type 'int', expected type 'string'"),
        ({"locale": "en", "backwards": None}, 14, "BSON field 'collation.backwards' is the wrong type 'null', expected type 'bool'"),
        ({"locale": "en", "caseLevel": 1}, 14, "BSON field 'collation.caseLevel' is the wrong type 'int', expected type 'bool'"),
        ({"locale": "en", "alternate": True}, 14, "BSON field 'collation.alternate' is the wrong type 'bool', expected type 'string'"),
        (
            {"locale": "en", "strength": "3"},
            14,
            "BSON field 'collation.strength' is the wrong type 'string', expected types '[long, int, decimal, double]'",
        ),
        ({"locale": "en", "version": 57}, 14, "BSON field 'collation.version' is the wrong type 'int', expected type 'string'"),
        ({"locale": "en", "strength": 0}, 2, "Enumeration value '0' for field 'collation.strength' is not a valid value."),
        ({"locale": "en", "strength": 6.0}, 2, "Enumeration value '6.0' for field 'collation.strength' is not a valid value."),
        ({"locale": "en", "strength": float("nan")}, 2, "Enumeration value 'nan' for field 'collation.strength' is not a valid value."),
        (
            {"locale": "en", "strength": Decimal128("5.5")},
            2,
            "Enumeration value '5.5' for field 'collation.strength' is not a valid value.",
        ),
        ({"locale": "en", "caseFirst": "x"}, 2, "Enumeration value 'x' for field 'collation.caseFirst' is not a valid value."),
        ({"locale": "xx"}, 2, "Field 'locale' is invalid in: { locale: \"xx\" }"),
        ({"locale": ""}, 2, "Field 'locale' is invalid in: { locale: \"\" }"),
        ({"locale": "en@x=y"}, 2, "Field 'locale' is invalid in: { locale: \"en@x=y\" }"),
        (
            {"locale": "en", "strength": 1, "backwards": True},
            2,
            "'backwards' is invalid with 'strength' of 1 in: { locale: \"en\", strength: 1, backwards: true }",
        ),
        (
            {"locale": "en", "strength": 2, "caseFirst": "lower"},
            2,
            "'caseFirst' is invalid unless 'caseLevel' is on or 'strength' is greater than 2"
            ' in: { locale: "en", strength: 2, caseFirst: "lower" }',
        ),
        ({"locale": "en_US_POSIX", "strength": 1, "caseFirst": "upper"}, 2, None),
        (
            {"locale": "en", "version": "1"},
            161,
            "Requested collation version 1 but the only available collator version was 57.1."
            ' Requested collation spec: { locale: "en", version: "1" }',
        ),
    ],
)
def test_errors(given: dict[str, Any], code: int, message: str | None) -> None:
    with pytest.raises(CommandError) as caught:
        parse_collation(given)
    assert caught.value.code == code
    assert message is None or caught.value.message == message
