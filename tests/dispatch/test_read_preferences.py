"""Invalid read preferences are errors, in the express lane and in the general path."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from tests.failing import code


@pytest.mark.parametrize("further", [{}, {"comment": "general"}], ids=["express", "general"])
@pytest.mark.parametrize(
    ("preference", "expected"),
    [
        ({"mode": "primary"}, None),
        ({"mode": "nearest", "tags": [{"a": "b"}]}, None),
        ({"mode": "primary", "tags": [{}]}, None),
        ({"mode": "bogus"}, 9),
        ({}, 9),
        ({"mode": 1}, 14),
        ({"mode": "nearest", "tags": "a"}, 14),
        ({"mode": "primary", "tags": [{"a": "b"}]}, 2),
    ],
    ids=str,
)
def test_the_read_preference_is_checked(db: Database, further: dict[str, Any], preference: dict[str, Any], expected: int | None) -> None:
    command = {"insert": "c", "documents": [{}], "$readPreference": preference, **further}
    if expected is None:
        assert db.command(command)["n"] == 1
    else:
        assert code(db, command) == expected
        assert db.list_collection_names() == []
