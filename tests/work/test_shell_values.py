"""Values in mongosh syntax."""

from __future__ import annotations

from typing import Any

import pytest
from bson.objectid import ObjectId

from secantus_server.bson.values import UNDEFINED, Date, DBPointer, JavaScript, Symbol
from secantus_server.work._shell_text import typed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Date(0), "ISODate('1970-01-01T00:00:00.000Z')"),
        (Date(-1), "ISODate('1969-12-31T23:59:59.999Z')"),
        (Date(-62135596800000), "ISODate('0001-01-01T00:00:00.000Z')"),
        (Date(253402300799999), "ISODate('9999-12-31T23:59:59.999Z')"),
        (Date(253402300800000), "new Date(253402300800000)"),
        (JavaScript("f()", {"a": 1}), 'Code("f()", { a: 1 })'),
        (Symbol("x"), 'BSONSymbol("x")'),
        (DBPointer("shop.c", ObjectId("0" * 24)), f"DBRef(\"shop.c\", ObjectId('{'0' * 24}'))"),
        (UNDEFINED, "undefined"),
    ],
)
def test_rare_values(value: Any, text: str) -> None:
    assert typed(value) == text
