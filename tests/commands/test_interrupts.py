"""Every loop over documents ends when the operation exceeds its time limit or is killed, and keeps the writes that MongoDB keeps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.clock import Clock
from secantus_server.errors import CommandError
from secantus_server.server import SecantusDBServer
from secantus_server.work.ttl import delete_expired

_numbers = itertools.count()
COUNT = 3000
# The amount written within the limit depends on how often a command reads the clock. Ten reads interrupt every command.
LIMIT_MS = 10
# After this many reads of the clock, the scan is complete, and some but not all documents are written.
SOME_LOOKS = 50


class TickingClock(Clock):
    """A clock that advances by a millisecond with each read, so that a time limit is a number of reads."""

    def __init__(self) -> None:
        super().__init__(seed=1)
        self._ticks = itertools.count()
        self.on_look: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        """Return the time in seconds: a millisecond per read."""
        self.on_look()
        return next(self._ticks) / 1000

    def advance(self) -> None:
        """Advance the time by a millisecond."""
        next(self._ticks)


@pytest.fixture(scope="module")
def clock() -> TickingClock:
    return TickingClock()


@pytest.fixture(scope="module")
def server(clock: TickingClock) -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", clock=clock, ttl_interval_s=10**9) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: SecantusDBServer) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient(server.uri, retryWrites=False) as connected:
        yield connected


@pytest.fixture
def db(client: MongoClient[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    database = client[f"interrupts_{next(_numbers)}"]
    database.c.insert_many([{"_id": number, "n": number, "a": [number, -number]} for number in range(COUNT)])
    yield database
    client.drop_database(database.name)


def interrupted(db: Database[dict[str, Any]], command: dict[str, Any]) -> None:
    """Run a command that exceeds its time limit."""
    with pytest.raises(OperationFailure) as caught:
        db.command({**command, "maxTimeMS": LIMIT_MS})
    assert caught.value.code == 50, caught.value


@pytest.mark.parametrize(
    "command",
    [
        {"find": "one", "filter": {"$expr": {"$gte": ["$n", 0]}}},
        {"aggregate": "one", "pipeline": [{"$set": {"m": {"$add": ["$n", 1]}}}], "cursor": {}},
        {"count": "one", "query": {"n": 1}},
        {"distinct": "one", "key": "n"},
    ],
)
def test_a_read_whose_last_document_is_slow(
    db: Database[dict[str, Any]], clock: TickingClock, monkeypatch: pytest.MonkeyPatch, command: dict[str, Any]
) -> None:
    db.one.insert_one({"n": 1})
    monkeypatch.setattr(clock, "on_look", clock.advance)
    with pytest.raises(OperationFailure) as caught:
        db.command({**command, "maxTimeMS": 1})
    assert caught.value.code == 50


UPDATE = [{"$set": {"n": {"$multiply": ["$n", 2]}, "done": True}}]


@pytest.mark.parametrize(
    "statement",
    [
        {"q": {}, "u": UPDATE, "multi": True},
        {"q": {}, "u": {"$set": {"done": True}}, "multi": True},
        {"q": {"n": {"$gte": 0}}, "u": {"$set": {"done": True}}, "multi": True, "hint": {"_id": 1}},
    ],
)
def test_an_update_keeps_what_it_has_changed(db: Database[dict[str, Any]], statement: dict[str, Any]) -> None:
    with pytest.raises(OperationFailure) as caught:
        db.command({"update": "c", "updates": [statement], "maxTimeMS": SOME_LOOKS})
    assert caught.value.code == 50
    changed = [document["_id"] for document in db.c.find({"done": True}, sort=[("_id", 1)])]
    assert changed == list(range(len(changed)))
    assert 0 < len(changed) < COUNT


def test_a_delete_keeps_what_it_has_deleted(db: Database[dict[str, Any]]) -> None:
    with pytest.raises(OperationFailure) as caught:
        db.command({"delete": "c", "deletes": [{"q": {}, "limit": 0}], "maxTimeMS": SOME_LOOKS})
    assert caught.value.code == 50
    left = [document["_id"] for document in db.c.find(sort=[("_id", 1)])]
    assert left == list(range(COUNT - len(left), COUNT))
    assert 0 < len(left) < COUNT
    assert db.c.count_documents({}) == len(left)


@pytest.mark.parametrize(
    "operation",
    [
        {"update": 0, "filter": {}, "updateMods": UPDATE, "multi": True},
        {"delete": 0, "filter": {"n": {"$gte": 0}}, "multi": True},
    ],
)
def test_a_bulk_write(db: Database[dict[str, Any]], operation: dict[str, Any]) -> None:
    interrupted(db.client.admin, {"bulkWrite": 1, "ops": [operation], "nsInfo": [{"ns": db.c.full_name}]})
    assert db.c.count_documents({"done": None}) > COUNT // 2


@pytest.mark.parametrize("options", [{}, {"validator": {"n": {"$exists": True}}}])
def test_an_insert(db: Database[dict[str, Any]], options: dict[str, Any]) -> None:
    db.create_collection("d", **options)
    interrupted(db, {"insert": "d", "documents": [{"_id": number, "n": 1} for number in range(COUNT)]})
    assert db.d.count_documents({}) < COUNT // 2
    assert db.d.count_documents({}) == len(list(db.d.find({}, {"_id": 1})))


def test_a_merge_keeps_what_it_has_written(db: Database[dict[str, Any]]) -> None:
    with pytest.raises(OperationFailure) as caught:
        db.command({"aggregate": "c", "pipeline": [{"$merge": "d"}], "cursor": {}, "maxTimeMS": COUNT // 2})
    assert caught.value.code == 50
    assert COUNT // 4 < db.d.count_documents({}) < COUNT


def test_an_out_leaves_the_collection_as_it_was(db: Database[dict[str, Any]]) -> None:
    db.d.insert_one({"_id": "old"})
    with pytest.raises(OperationFailure) as caught:
        db.command({"aggregate": "c", "pipeline": [{"$out": "d"}], "cursor": {}, "maxTimeMS": COUNT // 2})
    assert caught.value.code == 50
    assert list(db.d.find()) == [{"_id": "old"}]


# A scan of 400 documents reads the clock five times; the stages do the other reads.
PIPELINES: dict[str, list[dict[str, Any]]] = {
    "group": [{"$group": {"_id": "$n"}}],
    "group, then more": [{"$limit": 400}, {"$group": {"_id": "$n"}}, {"$unwind": "$_id"}, {"$match": {"_id": -1}}],
    "sort": [{"$sort": {"n": -1}}],
    "a sort of what was made": [{"$limit": 400}, {"$set": {"b": {"$range": [0, 10]}}}, {"$unwind": "$b"}, {"$sort": {"b": 1, "n": -1}}],
    "lookup": [{"$lookup": {"from": "c", "localField": "n", "foreignField": "n", "as": "found"}}],
    "correlated lookup": [
        {"$limit": 100},
        {"$lookup": {"from": "c", "let": {"n": "$n"}, "pipeline": [{"$match": {"$expr": {"$lt": ["$n", "$$n"]}}}], "as": "found"}},
    ],
    "graphLookup": [
        {"$limit": 20},
        {"$graphLookup": {"from": "c", "startWith": "$n", "connectFromField": "n", "connectToField": "n", "as": "found"}},
    ],
    "setWindowFields": [
        {"$limit": 400},
        {"$setWindowFields": {"sortBy": {"n": 1}, "output": {"s": {"$sum": "$n", "window": {"documents": [-5, 5]}}}}},
    ],
    "facet": [{"$limit": 400}, {"$facet": {"a": [{"$match": {"n": -1}}], "b": [{"$count": "n"}], "c": [{"$group": {"_id": "$n"}}]}}],
    "unwind": [{"$limit": 1}, {"$set": {"b": {"$range": [0, 1000]}}}, {"$unwind": "$b"}, {"$match": {"b": -1}}],
    "densify": [{"$limit": 2}, {"$densify": {"field": "n", "range": {"step": 0.001, "bounds": "full"}}}, {"$match": {"n": -1}}],
    "fill": [{"$limit": 400}, {"$fill": {"sortBy": {"n": 1}, "output": {"x": {"method": "locf"}}}}, {"$match": {"n": -1}}],
    "bucketAuto": [{"$bucketAuto": {"groupBy": "$n", "buckets": 5}}],
    "unionWith": [{"$limit": 1}, {"$unionWith": "c"}, {"$match": {"n": -1}}],
    "documents": [
        {"$limit": 1},
        {"$unionWith": {"pipeline": [{"$documents": {"$map": {"input": {"$range": [0, 1000]}, "in": {"a": 1}}}}]}},
        {"$match": {"a": 2}},
    ],
    "sample": [{"$sample": {"size": 5}}],
}  # fmt: skip


@pytest.mark.parametrize("name", PIPELINES)
def test_a_stage(db: Database[dict[str, Any]], name: str) -> None:
    interrupted(db, {"aggregate": "c", "pipeline": PIPELINES[name], "cursor": {}})


COMMANDS: dict[str, dict[str, Any]] = {
    "find": {"find": "c", "filter": {"n": -1}},
    "sorted find": {"find": "c", "sort": {"n": -1}},
    "count": {"count": "c", "query": {"n": {"$gte": 0}}},
    "distinct": {"distinct": "c", "key": "n"},
    "findAndModify": {"findAndModify": "c", "query": {"n": -1}, "update": {"$set": {"n": 1}}},
    "findAndModify with a sort": {"findAndModify": "c", "query": {}, "sort": {"n": -1}, "remove": True},
    "update of one": {"update": "c", "updates": [{"q": {"n": -1}, "u": {"$set": {"n": 1}}}]},
    "many statements": {"update": "c", "updates": [{"q": {"_id": number}, "u": {"$set": {"done": 1}}} for number in range(100)]},
    "delete of one": {"delete": "c", "deletes": [{"q": {"n": -1}, "limit": 1}]},
    "createIndexes": {"createIndexes": "c", "indexes": [{"key": {"n": 1}, "name": "n"}, {"key": {"a": 1}, "name": "a"}]},
    "validate": {"validate": "c"},
    "dbHash": {"dbHash": 1},
    "collStats": {"collStats": "c"},
    "dbStats": {"dbStats": 1},
    "dataSize": {"dataSize": "PLACEHOLDER"},
    "convertToCapped": {"convertToCapped": "c", "size": 10**6},
    "cloneCollectionAsCapped": {"cloneCollectionAsCapped": "c", "toCollection": "d", "size": 10**6},
    "explain": {"explain": {"find": "c", "filter": {"n": -1}}, "verbosity": "executionStats"},
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_changes_nothing(db: Database[dict[str, Any]], name: str) -> None:
    command = dict(COMMANDS[name])
    if name == "dataSize":
        command["dataSize"] = db.c.full_name
    interrupted(db, command)
    assert db.list_collection_names() == ["c"]
    assert list(db.c.index_information()) == ["_id_"]
    assert db.c.count_documents({}) == COUNT
    assert db.c.count_documents({"n": {"$gte": 0}}) == COUNT
    assert db.command({"validate": "c"})["valid"]


def test_the_conversion_of_an_index(db: Database[dict[str, Any]]) -> None:
    db.c.create_index("n")
    db.command({"collMod": "c", "index": {"name": "n_1", "prepareUnique": True}})
    interrupted(db, {"collMod": "c", "index": {"name": "n_1", "unique": True}})
    assert "unique" not in db.c.index_information()["n_1"]


def test_a_pass_of_the_ttl_monitor(db: Database[dict[str, Any]], server: SecantusDBServer) -> None:
    db.t.create_index("at", expireAfterSeconds=0)
    now_ms = server.services.clock.now_ms()
    db.t.insert_many([{"_id": number, "at": DatetimeMS(now_ms - 1000)} for number in range(1000)])
    looks = itertools.count()

    def check() -> None:
        if next(looks) > 20:
            raise CommandError(11600, "interrupted at shutdown")

    with pytest.raises(CommandError):
        delete_expired(server.services, check)
    assert 0 < db.t.count_documents({}) < 1000


def test_kill_op_ends_an_update(db: Database[dict[str, Any]], server: SecantusDBServer, clock: TickingClock) -> None:
    """The clock kills the operation after a number of reads, in place of another client."""
    operations = server.services.operations
    looks = itertools.count()

    def kill() -> None:
        if next(looks) == SOME_LOOKS:
            for operation in operations.all():
                operations.kill(operation.opid)

    clock.on_look = kill
    with pytest.raises(OperationFailure) as caught:
        db.command({"update": "c", "updates": [{"q": {}, "u": {"$set": {"done": True}}, "multi": True}], "maxTimeMS": 10**6})
    assert caught.value.code == 11601
    assert 0 < db.c.count_documents({"done": True}) < COUNT


@pytest.mark.parametrize("command", ["killSessions", "killAllSessions"])
def test_to_kill_a_session_ends_its_update(db: Database[dict[str, Any]], clock: TickingClock, command: str) -> None:
    """The clock sends the command over another connection after a number of reads."""
    looks = itertools.count()
    with db.client.start_session() as session, MongoClient[dict[str, Any]](*db.client.address) as other:
        other.admin.command("ping")
        sessions = [session.session_id] if command == "killSessions" else []

        def kill() -> None:
            if next(looks) == SOME_LOOKS:
                other.admin.command(command, sessions)

        clock.on_look = kill
        update = {"update": "c", "updates": [{"q": {}, "u": {"$set": {"done": True}}, "multi": True}], "maxTimeMS": 10**6}
        with pytest.raises(OperationFailure) as caught:
            db.command(update, session=session)
    assert caught.value.code == 11601
    assert 0 < db.c.count_documents({"done": True}) < COUNT
