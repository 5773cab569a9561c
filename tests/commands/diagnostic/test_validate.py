"""The command validate."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from secantus_server.storage import INDEX_ENTRIES, RECORDS, pack_ident
from tests.failing import code

INDEXES: list[tuple[str, dict[str, Any]]] = [
    ("a", {}),
    ("b", {"unique": True, "sparse": True}),
    ("c", {"partialFilterExpression": {"a": {"$gt": 1}}}),
    ("d.e", {}),
]


def fill(db: Database) -> None:
    for path, options in INDEXES:
        db.c.create_index(path, **options)
    db.c.insert_many(
        [
            {"_id": 1, "a": 1, "b": "x", "c": 1},
            {"_id": 2, "a": [1, 2, 2], "c": 2, "d": [{"e": 1}, {"e": 2}]},
            {"_id": 3, "a": 5.5, "b": None, "c": {"x": 1}, "d": {"e": []}},
            {"_id": 4},
        ]
    )
    db.c.update_one({"_id": 1}, {"$set": {"a": [7, 8]}})
    db.c.update_one({"_id": 3}, {"$unset": {"a": 1}})
    db.c.delete_one({"_id": 4})


def test_a_sound_collection(db: Database) -> None:
    fill(db)
    reply = db.command({"validate": "c", "full": True})
    assert (reply["valid"], reply["errors"], reply["nrecords"], reply["nIndexes"]) == (True, [], 3, 5)
    assert reply["keysPerIndex"] == {"_id_": 3, "a_1": 5, "b_1": 2, "c_1": 2, "d.e_1": 4}
    assert reply["indexDetails"] == {
        spec["name"]: {"valid": True, "spec": spec} for spec in db.command("listIndexes", "c")["cursor"]["firstBatch"]
    }


@pytest.mark.parametrize("name", ["_id_", "a_1", "b_1"])
def test_a_lost_entry_is_found(server: SecantusDBServer, db: Database, name: str) -> None:
    fill(db)
    index = _index(server, db, name)
    with server.services.engine.transaction() as unit:
        key, _ = next(iter(unit.scan(INDEX_ENTRIES, pack_ident(index.ident), pack_ident(index.ident + 1))))
        unit.remove(INDEX_ENTRIES, key)
    reply = db.command({"validate": "c", "full": True})
    assert not reply["valid"]
    assert [entry["indexName"] for entry in reply["missingIndexEntries"]] == [name]
    assert reply["indexDetails"][name]["valid"] is False


@pytest.mark.parametrize("name", ["_id_", "a_1", "b_1"])
def test_a_left_over_entry_is_found(server: SecantusDBServer, db: Database, name: str) -> None:
    fill(db)
    index = _index(server, db, name)
    collection = server.services.catalog.find(db.name, "c")
    assert collection is not None
    with server.services.engine.transaction() as unit:
        key, value = next(iter(unit.scan(INDEX_ENTRIES, pack_ident(index.ident), pack_ident(index.ident + 1))))
        unit.remove(RECORDS, pack_ident(collection.ident) + index.owner(key, value).to_bytes(8, "big"))
    reply = db.command({"validate": "c", "full": True})
    assert not reply["valid"]
    assert name in [entry["indexName"] for entry in reply["extraIndexEntries"]]
    collection.documents_changed(-1)


def _index(server: SecantusDBServer, db: Database, name: str) -> Any:
    collection = server.services.catalog.find(db.name, "c")
    assert collection is not None
    return collection.index_named(name)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"validate": "none"}, 26),
        ({"validate": "$x"}, 26),
        ({"validate": ""}, 73),
        ({"validate": 1}, 73),
        ({"validate": "v"}, 166),
        ({"validate": "c", "metadata": True, "full": True}, 72),
        ({"validate": "c", "background": True, "full": True}, 72),
        ({"validate": "c", "checkBSONConformance": True, "repair": True}, 72),
        ({"validate": "c", "repair": True}, 238),
    ],
)
def test_errors(db: Database, command: dict[str, Any], expected: int) -> None:
    db.create_collection("c")
    db.create_collection("v", viewOn="c")
    assert code(db, command) == expected


def test_metadata_only_counts_no_documents(db: Database) -> None:
    fill(db)
    reply = db.command({"validate": "c", "metadata": True})
    assert (reply["valid"], reply["nIndexes"]) == (True, 5)
    assert not {"nrecords", "nInvalidDocuments", "nNonCompliantDocuments"} & reply.keys()
    with pytest.raises(OperationFailure) as caught:
        db.command({"validate": "c", "metadata": True, "checkBSONConformance": True})
    assert caught.value.code == 72
