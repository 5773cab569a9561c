"""getMore and killCursors: the arguments that they refuse, and those that they ignore."""

from __future__ import annotations

from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from pymongo.database import Database
from pymongo.errors import OperationFailure

from tests.failing import code


def opened(db: Database[Any], **options: Any) -> Int64:
    """Return the id of a cursor with documents left."""
    db.c.insert_many({"_id": number} for number in range(10))
    return Int64(db.command("find", "c", batchSize=2, **options)["cursor"]["id"])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"getMore": None}, 40414),
        ({"getMore": 1}, 14),
        ({"maxTimeMS": 0.5}, 9),
        ({"maxTimeMS": Decimal128("NaN")}, 9),
        ({"maxTimeMS": -1}, 2),
        ({"term": 1}, 14),
        ({}, 43),
    ],
)
def test_what_it_refuses(db: Database[Any], changes: dict[str, Any], expected: int) -> None:
    assert code(db, {"getMore": Int64(1), "collection": "c", **changes}) == expected


def test_the_limit_ends_the_cursor(db: Database[Any]) -> None:
    reply = db.command("getMore", opened(db, limit=5), collection="c", batchSize=10)
    assert (len(reply["cursor"]["nextBatch"]), reply["cursor"]["id"]) == (3, 0)


@pytest.mark.parametrize("size", [3, 4, None])
def test_the_limit_of_a_sort_leaves_the_cursor_open(db: Database[Any], size: int | None) -> None:
    more = {"getMore": opened(db, limit=5, sort={"x": 1}), "collection": "c", **({} if size is None else {"batchSize": size})}
    cursor = db.command(more)["cursor"]
    assert (len(cursor["nextBatch"]), cursor["id"]) == (3, more["getMore"])
    cursor = db.command(more)["cursor"]
    assert (cursor["nextBatch"], cursor["id"]) == ([], 0)


@pytest.mark.parametrize("options", [{"limit": 4, "batchSize": 5}, {"limit": 4}, {"limit": 20, "batchSize": 11}])
def test_the_limit_or_the_end_of_a_sort_in_the_first_batch_ends_the_cursor(db: Database[Any], options: dict[str, Any]) -> None:
    db.c.insert_many({"_id": number} for number in range(10))
    assert db.command({"find": "c", "sort": {"x": 1}, **options})["cursor"]["id"] == 0


def test_another_session(db: Database[Any]) -> None:
    db.c.insert_many({"_id": number} for number in range(10))
    with db.client.start_session() as first, db.client.start_session() as second:
        cursor_id = Int64(db.command("find", "c", batchSize=2, session=first)["cursor"]["id"])
        with pytest.raises(OperationFailure) as caught:
            db.command("getMore", cursor_id, collection="c", session=second)
        assert caught.value.code == 50738
        assert len(db.command("getMore", cursor_id, collection="c", session=first)["cursor"]["nextBatch"]) == 8


def test_the_name_of_the_collection_does_not_matter_to_kill_cursors(db: Database[Any]) -> None:
    cursor_id = opened(db)
    assert db.command("killCursors", "other", cursors=[cursor_id])["cursorsKilled"] == [cursor_id]


def test_a_killed_cursor_with_the_id_zero(db: Database[Any]) -> None:
    assert db.command("killCursors", "c", cursors=[Int64(0), None])["cursorsNotFound"] == [0]


def test_a_reference_as_an_id(db: Database[Any]) -> None:
    assert db.command({"insert": "c", "documents": [{"_id": {"$ref": "c", "$id": 1}}]})["n"] == 1
    assert db.command({"insert": "c", "documents": [{"_id": {"$a": 1}}]})["writeErrors"][0]["code"] == 52


def test_a_tailable_cursor_on_a_view(db: Database[Any]) -> None:
    db.create_collection("c", capped=True, size=4096)
    db.create_collection("v", viewOn="c")
    assert code(db, {"find": "v", "tailable": True}) == 168
