"""applyOps: the arguments that it refuses, as MongoDB 8.2.4 does, and the entries that it counts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from bson import Decimal128
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from tests.failing import code


def entry(db: Database, **fields: Any) -> dict[str, Any]:
    return {"op": "i", "ns": f"{db.name}.c", "o": {"_id": 1}, **fields}


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if field != name}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"unknown": 1, "allowAtomic": "x", "alwaysUpsert": None}, None),
        ({"alwaysUpsert": True}, 6711601),
        ({"alwaysUpsert": Decimal128("0")}, 14),
        ({"preCondition": []}, 6711600),
        ({"prepare": False}, 2),
        ({"partialTxn": False}, 31056),
        ({"count": True}, 14),
        ({"oplogApplicationMode": 1}, 14),
    ],
)
def test_options(admin: Database, options: dict[str, Any], expected: int | None) -> None:
    if expected is None:
        assert admin.command("applyOps", [], **options)["applied"] == 0
    else:
        assert code(admin, {"applyOps": [], **options}) == expected


def test_malformed_entries(admin: Database, db: Database) -> None:
    db.c.insert_one({"_id": 1})
    good = entry(db)
    entries = [
        ({}, 4),
        (without(good, "op"), 4),
        ({**good, "op": None}, 14),
        ({**good, "op": ""}, 20),
        ({**good, "op": "x"}, 2),
        (without(good, "ns"), 20),
        ({**good, "ns": ""}, 20),
        ({**good, "ns": 1}, 20),
        (without(good, "o"), 40414),
        ({**good, "o": {}}, 4),
        ({**good, "op": "d", "o": {}}, 4),
        ({**good, "op": "u", "o2": {}}, 4),
    ]
    found = [code(admin, {"applyOps": [one]}) for one, _ in entries]
    assert found == [expected for _, expected in entries]


def test_an_update_without_its_document(admin: Database, db: Database) -> None:
    db.c.insert_one({"_id": 1})
    operations = [entry(db, o={"_id": 2}), entry(db, op="u", o={"_id": 9, "x": 1}, o2={"_id": 9})]
    with pytest.raises(OperationFailure) as caught:
        admin.command("applyOps", operations)
    details: Any = caught.value.details
    assert (details["code"], details["applied"], details["results"]) == (8, 2, [True, False])
    assert [one["_id"] for one in db.c.find()] == [1, 2]
    # A restore applies entries again, although a later entry may have removed their documents.
    assert admin.command("applyOps", operations, oplogApplicationMode="Recovering")["applied"] == 2


def test_entries_without_an_operation_are_not_counted(admin: Database, db: Database) -> None:
    db.c.insert_one({"_id": 0})
    reply = admin.command("applyOps", [{"op": "n", "ns": "", "o": {}}, entry(db)])
    assert (reply["applied"], reply["results"]) == (1, [True])


def test_the_entries_of_a_time_series(admin: Database, db: Database) -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", compat="9.0") as other, MongoClient(other.uri) as client:
        source = client.get_database(db.name)
        source.create_collection("first", timeseries={"timeField": "t", "metaField": "m"})
        source.first.insert_many([{"t": datetime(2026, 11, 29), "m": 1, "v": number} for number in range(5)])
        client.admin.command("renameCollection", f"{db.name}.first", to=f"{db.name}.series")
        log = list(client.local["oplog.rs"].find({"op": {"$ne": "n"}}))
        source.series.drop()
        dropped = list(client.local["oplog.rs"].find({"o.drop": {"$exists": True}}))
    admin.command("applyOps", log)
    db.series.insert_one({"t": datetime(2026, 11, 29), "m": 1, "v": 5})
    assert sorted(one["v"] for one in db.series.find()) == list(range(6))
    assert [index["key"] for index in db.series.list_indexes()] == [{"m": 1, "t": 1}]
    checked = db.command("validate", "series")
    assert (checked["valid"], checked["uuid"]) == (True, log[0]["ui"])
    admin.command("applyOps", dropped)
    assert db.list_collection_names() == []
