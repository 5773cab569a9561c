"""What a collection keeps when convertToCapped and cloneCollectionAsCapped make it capped."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

VALIDATION: dict[str, Any] = {"validator": {"n": {"$gt": 0}}, "validationLevel": "moderate", "validationAction": "error"}


@pytest.mark.parametrize(
    ("command", "name"), [({"convertToCapped": "c"}, "c"), ({"cloneCollectionAsCapped": "c", "toCollection": "copy"}, "copy")]
)
def test_the_validator_and_the_collation_are_kept(db: Database, command: dict[str, str], name: str) -> None:
    db.create_collection("c", collation={"locale": "en", "strength": 2}, **VALIDATION)
    db.c.insert_one({"_id": "A", "n": 1})
    db.command({**command, "size": 4096})
    options = next(db.list_collections(filter={"name": name}))["options"]
    assert options["capped"]
    assert {option: options[option] for option in VALIDATION} == VALIDATION
    assert options["collation"]["strength"] == 2
    assert db.command({"insert": name, "documents": [{"n": 0}]})["writeErrors"][0]["code"] == 121
    assert db[name].find_one({"_id": "a"}) == {"_id": "A", "n": 1}
