"""Collections with encrypted fields: the definition is checked, listed, and enforced on what clients store."""

from __future__ import annotations

from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
from pymongo.database import Database

from tests.failing import code

KEY = Binary(bytes(16), 4)
TEXT = {"queryType": "suffixPreview", "strMinQueryLength": 1, "strMaxQueryLength": 9, "caseSensitive": True, "diacriticSensitive": False}


def create(*fields: dict[str, Any], **options: Any) -> dict[str, Any]:
    given = [{"keyId": Binary(bytes([n] * 16), 4), **field} for n, field in enumerate(fields)]
    return {"create": "c", "encryptedFields": {"fields": given}, **options}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (create({"path": ""}), 6316402),
        (create({"path": "a\0b"}), 9867600),
        (create({"path": "_id.x"}), 6316403),
        (create({"path": "a"}, {"path": "a"}), 6338402),
        (create({"path": "a"}, {"path": "a.b"}), 6338403),
        (create({"path": "a", "keyId": KEY}, {"path": "b", "keyId": KEY}), 6338401),
        (create({"path": "a", "keyId": Binary(b"short", 4)}), 207),
        (create({"path": "a", "keyId": Binary(bytes(16), 0)}), 14),
        (create({"path": "a", "keyId": 1}), 14),
        (create({"path": "a", "bsonType": "minKey"}), 6338406),
        (create({"path": "a", "bsonType": "text"}), 2),
        (create({"path": "a", "queries": None}), 14),
        (create({"path": "a", "queries": [1]}), 14),
        (create({"path": "a", "queries": {"queryType": "x"}}), 2),
        (create({"path": "a", "queries": [{"queryType": "equality"}] * 3}), 9783413),
        (create({"path": "a", "queries": [{"queryType": "equality"}] * 2}), 9783414),
        (create({"path": "a", "bsonType": "int", "queries": TEXT}), 9783400),
        (create({"path": "a", "bsonType": "string", "queries": {**TEXT, "strMinQueryLength": 10}}), 9783406),
        (create({"path": "a", "bsonType": "int", "queries": {"queryType": "range", "min": Int64(1)}}), 7018200),
        (create({"path": "a", "bsonType": "int", "queries": {"queryType": "range", "min": 2, "max": 1}}), 6720005),
        (create({"path": "a", "bsonType": "int", "queries": {"queryType": "range", "sparsity": 1.5}}), 9),
        (create({"path": "a", "bsonType": "int", "queries": {"queryType": "range", "trimFactor": 32}}), 8574000),
        (create({"path": "a"}, viewOn="d"), 6346401),
        ({"create": "c", "encryptedFields": {}}, 40414),
        ({"create": "c", "encryptedFields": {"fields": "a"}}, 14),
    ],
)
def test_definitions_that_cannot_be(db: Database, command: dict[str, Any], expected: int) -> None:
    assert code(db, command) == expected


@pytest.mark.parametrize("name", ["strMinQueryLength", "strMaxQueryLength", "caseSensitive", "diacriticSensitive"])
def test_settings_of_a_search_in_texts(db: Database, name: str) -> None:
    given = {key: value for key, value in TEXT.items() if key != name}
    assert code(db, create({"path": "a", "bsonType": "string", "queries": given})) in range(9783402, 9783406)


def test_fields_hold_encrypted_values(db: Database) -> None:
    command = create({"path": "a.b", "bsonType": "string", "queries": [TEXT, {**TEXT, "queryType": "prefixPreview"}]}, {"path": "c"})
    db.command({**command, "validator": {"d": {"$ne": 1}}})
    [listed] = db.list_collections()
    assert listed["options"]["encryptedFields"] == command["encryptedFields"]
    encrypted = Binary(bytes([16]) + bytes(40), 6)
    db.c.insert_many([{"_id": 1}, {"_id": 2, "a": {"b": encrypted}, "c": encrypted}])
    for document in ({"c": "plain"}, {"a": {"b": 1}}, {"a": [{"b": encrypted}]}, {"c": Binary(bytes([4]) + bytes(40), 6)}, {"d": 1}):
        assert db.command({"insert": "c", "documents": [document]})["writeErrors"][0]["code"] == 121
    assert db.command({"update": "c", "updates": [{"q": {}, "u": {"$set": {"c": 1}}}]})["writeErrors"][0]["code"] == 121


def test_compacting(db: Database) -> None:
    db.command(create({"path": "a"}))
    assert (
        db.command({"compactStructuredEncryptionData": "c", "compactionTokens": {"a": Binary(bytes(32), 0)}})["stats"]["esc"]["read"] == 0
    )
    assert code(db, {"compactStructuredEncryptionData": "c", "compactionTokens": {}}) == 7294900
    assert code(db, {"cleanupStructuredEncryptionData": "c", "cleanupTokens": {"b": 1}}) == 7294900
