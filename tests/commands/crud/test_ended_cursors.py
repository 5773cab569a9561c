"""getMore after a change of the collection: 175 QueryPlanKilled, 136 CappedPositionLost, or no error."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from tests.failing import code, failure

KILLED = 175
LOST = 136
NOT_FOUND = 43


def begun(db: Database, command: dict[str, Any], collection: str = "items") -> dict[str, Any]:
    """Open a cursor, read its first batch, and return its getMore."""
    cursor = db.command(command)["cursor"]
    assert cursor["id"] != 0
    return {"getMore": Int64(cursor["id"]), "collection": collection}


def filled(db: Database, name: str = "items", number: int = 300, **options: Any) -> Any:
    collection = db.create_collection(name, **options)
    collection.insert_many([{"_id": n, "k": n % 7} for n in range(number)])
    return collection


def identity(db: Database, name: str = "items") -> str:
    [info] = db.command({"listCollections": 1, "filter": {"name": name}})["cursor"]["firstBatch"]
    return str(info["info"]["uuid"].as_uuid())


def convert(db: Database) -> None:
    db.command({"convertToCapped": "items", "size": 100_000})


def rename_over(db: Database) -> None:
    db.other.insert_one({})
    db.other.rename("items", dropTarget=True)


DROPPED: dict[str, Callable[[Database], Any]] = {
    "drop": lambda db: db.items.drop(),
    "drop and insert": lambda db: (db.items.drop(), db.items.insert_one({"_id": "new"})),
    "dropDatabase": lambda db: db.client.drop_database(db.name),
    "convertToCapped": convert,
    "another collection renamed over it": rename_over,
    "$out": lambda db: list(db.items.aggregate([{"$limit": 1}, {"$out": "items"}])),
}
READS: dict[str, dict[str, Any]] = {
    "find": {"find": "items", "batchSize": 10},
    "find with a sort": {"find": "items", "sort": {"k": 1}, "batchSize": 10},
    "find by an index": {"find": "items", "filter": {"_id": {"$gte": 0}}, "batchSize": 10},
    "find with a limit": {"find": "items", "batchSize": 10, "limit": 200},
    "find with a projection": {"find": "items", "batchSize": 10, "projection": {"_id": 1}},
    "find that has begun nothing": {"find": "items", "batchSize": 0},
    "aggregate": {"aggregate": "items", "pipeline": [{"$match": {"k": {"$gte": 0}}}], "cursor": {"batchSize": 10}},
    "aggregate with a sort": {"aggregate": "items", "pipeline": [{"$sort": {"k": 1}}], "cursor": {"batchSize": 10}},
}


@pytest.mark.parametrize("happening", DROPPED)
@pytest.mark.parametrize("read", READS)
def test_a_collection_that_is_dropped(db: Database, read: str, happening: str) -> None:
    filled(db)
    uuid = identity(db)
    get_more = begun(db, READS[read])
    DROPPED[happening](db)
    details = failure(db, get_more)
    assert (details["code"], details["errmsg"]) == (KILLED, f"collection dropped. UUID {uuid}")
    assert code(db, get_more) == NOT_FOUND, "the cursor has ended"


@pytest.mark.parametrize("read", READS)
def test_a_collection_that_is_renamed(db: Database, read: str) -> None:
    filled(db)
    uuid = identity(db)
    get_more = begun(db, READS[read])
    db.items.rename("moved")
    details = failure(db, get_more)
    assert details["code"] == KILLED
    assert details["errmsg"] == f"collection renamed from '{db.name}.items' to '{db.name}.moved'. UUID {uuid}"


def test_a_collection_that_moves_to_another_database(db: Database) -> None:
    filled(db)
    get_more = begun(db, READS["find"])
    other = f"{db.name}_other"
    db.client.admin.command({"renameCollection": f"{db.name}.items", "to": f"{other}.items"})
    assert failure(db, get_more)["errmsg"].startswith("collection dropped.")
    db.client.drop_database(other)


def test_an_index_that_is_dropped(db: Database) -> None:
    filled(db).create_index("k")
    get_more = begun(db, {"find": "items", "filter": {"k": {"$gte": 0}}, "batchSize": 10})
    db.items.drop_index("k_1")
    details = failure(db, get_more)
    assert (details["code"], details["errmsg"]) == (KILLED, "query plan killed :: index 'k_1' dropped")


def test_a_pipeline_that_has_read_everything_outlives_its_collection(db: Database) -> None:
    filled(db)
    pipeline = [{"$group": {"_id": "$_id"}}]
    get_more = begun(db, {"aggregate": "items", "pipeline": pipeline, "cursor": {"batchSize": 10}})
    db.items.drop()
    assert len(db.command(get_more)["cursor"]["nextBatch"]) == 290


def test_the_other_collection_of_a_union(db: Database) -> None:
    filled(db, number=1)
    filled(db, "others")
    uuid = identity(db, "others")
    get_more = begun(db, {"aggregate": "items", "pipeline": [{"$unionWith": "others"}], "cursor": {"batchSize": 10}})
    db.others.drop()
    assert failure(db, get_more)["errmsg"] == f"collection dropped. UUID {uuid}"


@pytest.mark.parametrize("foreign", ["_id", "k"])
def test_the_other_collection_of_a_lookup_by_an_index(db: Database, foreign: str) -> None:
    filled(db)
    filled(db, "others").create_index("k")
    uuid = identity(db, "others")
    lookup = {"$lookup": {"from": "others", "localField": "_id", "foreignField": foreign, "as": "found"}}
    get_more = begun(db, {"aggregate": "items", "pipeline": [lookup], "cursor": {"batchSize": 10}})
    assert len(db.command({**get_more, "batchSize": 5})["cursor"]["nextBatch"]) == 5
    db.others.drop()
    assert failure(db, get_more)["errmsg"] == f"collection dropped. UUID {uuid}"


def test_a_view(db: Database) -> None:
    filled(db)
    db.create_collection("shown", viewOn="items", pipeline=[])
    get_more = begun(db, {"find": "shown", "batchSize": 10}, "shown")
    db.shown.drop()
    assert len(db.command({**get_more, "batchSize": 5})["cursor"]["nextBatch"]) == 5, "the documents are still there"
    db.items.drop()
    assert code(db, get_more) == KILLED


def test_lists_outlive_their_collection(db: Database) -> None:
    filled(db).create_index("k")
    get_more = begun(db, {"listIndexes": "items", "cursor": {"batchSize": 1}})
    db.items.drop()
    assert [index["name"] for index in db.command(get_more)["cursor"]["nextBatch"]] == ["k_1"]


def test_a_cursor_that_is_over_is_not_found(db: Database) -> None:
    filled(db)
    read, killed = begun(db, READS["find"]), begun(db, READS["find"])
    assert db.command(read)["cursor"]["id"] == 0
    db.command({"killCursors": "items", "cursors": [killed["getMore"]]})
    db.items.drop()
    assert code(db, read) == code(db, killed) == NOT_FOUND


def test_a_restore_ends_the_cursors_opened_since_and_no_others(server: SecantusDBServer, db: Database) -> None:
    filled(db)
    older = begun(db, READS["find"])
    with server.checkpoint():
        younger = begun(db, READS["find"])
        db.items.drop()
        filled(db, number=1)
    assert code(db, younger) == NOT_FOUND
    assert len(db.command(older)["cursor"]["nextBatch"]) == 290, "its collection is there again"


@pytest.mark.parametrize("options", [{}, {"sort": {"$natural": -1}}, {"filter": {"k": {"$gte": 0}}}], ids=str)
def test_a_reader_of_a_capped_collection_that_the_writer_overtakes(db: Database, options: dict[str, Any]) -> None:
    capped = filled(db, number=100, capped=True, size=1_000_000, max=100)
    get_more = begun(db, {"find": "items", "batchSize": 10, **options})
    capped.insert_many([{"_id": n} for n in range(100, 195)])
    details = failure(db, get_more)
    assert details["code"] == LOST
    assert details["errmsg"].startswith(
        "CollectionScan died due to position in capped collection being deleted. Last seen record id: RecordId("
    )
    assert code(db, get_more) == NOT_FOUND


def test_a_pipeline_over_a_capped_collection_that_the_writer_overtakes(db: Database) -> None:
    capped = filled(db, number=100, capped=True, size=1_000_000, max=100)
    get_more = begun(db, {"aggregate": "items", "pipeline": [{"$project": {"_id": 1}}], "cursor": {"batchSize": 10}})
    capped.insert_many([{"_id": n} for n in range(100, 195)])
    assert code(db, get_more) == LOST


@pytest.mark.parametrize("await_data", [False, True])
def test_a_tailable_cursor_that_the_writer_overtakes(db: Database, await_data: bool) -> None:
    capped = filled(db, number=100, capped=True, size=1_000_000, max=100)
    get_more = begun(db, {"find": "items", "tailable": True, "awaitData": await_data})
    assert db.command({**get_more, "maxTimeMS": 1} if await_data else get_more)["cursor"]["nextBatch"] == []
    capped.insert_many([{"_id": n} for n in range(100, 250)])
    assert code(db, get_more) == LOST


def test_a_reader_that_the_writer_does_not_reach(db: Database) -> None:
    capped = filled(db, number=100, capped=True, size=1_000_000, max=100)
    get_more = begun(db, {"find": "items", "batchSize": 50})
    capped.insert_many([{"_id": n} for n in range(100, 120)])
    assert [document["_id"] for document in db.command(get_more)["cursor"]["nextBatch"]] == list(range(50, 120))


@pytest.mark.parametrize("await_data", [False, True])
def test_a_tailable_cursor_whose_collection_is_dropped(db: Database, await_data: bool) -> None:
    filled(db, number=3, capped=True, size=1_000_000)
    get_more = begun(db, {"find": "items", "tailable": True, "awaitData": await_data})
    db.items.drop()
    assert code(db, get_more) == KILLED


def test_a_cursor_that_waits_for_data_while_its_collection_is_dropped(db: Database) -> None:
    filled(db, number=3, capped=True, size=1_000_000)
    get_more = begun(db, {"find": "items", "tailable": True, "awaitData": True})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(code, db, {**get_more, "maxTimeMS": 60_000})
        db.items.drop()
        assert waiting.result() == KILLED


def test_a_batch_that_reaches_the_limit_leaves_the_cursor_open(db: Database) -> None:
    filled(db, number=10)
    for options in ({}, {"sort": {"k": 1}}):
        get_more = begun(db, {"find": "items", "batchSize": 3, "limit": 4, **options})
        reply = db.command({**get_more, "batchSize": 1})["cursor"]
        assert (len(reply["nextBatch"]), reply["id"]) == (1, get_more["getMore"])
        reply = db.command(get_more)["cursor"]
        assert (reply["nextBatch"], reply["id"]) == ([], 0)
        # Drivers request one document more than the limit, so that the first batch closes the cursor.
        for size, is_open in ((4, True), (5, False)):
            assert bool(db.command({"find": "items", "batchSize": size, "limit": 4, **options})["cursor"]["id"]) == is_open


def test_max_time_of_a_cursor_that_awaits_no_data(db: Database) -> None:
    filled(db, capped=True, size=1_000_000)
    for command in (READS["find"], {"find": "items", "tailable": True}, READS["aggregate"]):
        get_more = begun(db, command)
        details = failure(db, {**get_more, "maxTimeMS": 100})
        assert db.command({**get_more, "maxTimeMS": None})["ok"] == 1, "the cursor is still open"
        assert (details["code"], details["errmsg"]) == (2, "cannot set maxTimeMS on getMore command for a non-awaitData cursor")


def test_pymongo_raises_what_ended_a_cursor(db: Database) -> None:
    filled(db)
    cursor = db.items.find(batch_size=10)
    next(cursor)
    db.items.drop()
    with pytest.raises(OperationFailure, match="collection dropped"):
        list(cursor)
    assert not cursor.alive
