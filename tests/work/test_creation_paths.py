"""Collections that the express lane creates, compared with those of the general path: answers, snapshots, restarts, threads, failures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, Int64

from secantus_server.server import SecantusDBServer
from secantus_server.storage import CATALOG, WriteConflict
from secantus_server.work._creation import begin_creation
from tests.work.test_express import LSID, Document, Side, batch, create, drop, message, plain, sides

__all__ = ["sides"]

# Values that differ between two servers, besides the times.
IDS = {"uuid", "uri", "creationString", "collectionUUID", "host", "serverInfo", "fsUsedSize", "fsTotalSize"}


def insert(name: str, *documents: Document, **fields: Any) -> bytes:
    return message({"insert": name, "lsid": LSID, **fields}, {"documents": list(documents)})


def without_ids(value: Any) -> Any:
    """Return a reply without values that differ between servers."""
    if isinstance(value, dict):
        return {name: name if name in IDS else without_ids(one) for name, one in value.items()}
    return [without_ids(one) for one in value] if isinstance(value, list) else value


def shown(side: Side, name: str) -> list[Document]:
    """Return what the commands that describe a collection answer, without ids and times."""
    commands: list[Document] = [
        {"listCollections": 1, "filter": {"name": name}},
        {"listIndexes": name},
        {"collStats": name},
        {"validate": name, "full": True},
        {"count": name},
        {"aggregate": name, "pipeline": [{"$collStats": {"count": {}, "storageStats": {}}}, {"$unset": "localTime"}], "cursor": {}},
        {"find": name, "filter": {}},
        {"dbStats": 1},
        {"explain": {"find": name, "filter": {"_id": 1}}, "verbosity": "queryPlanner"},
    ]
    replies = [side.run(message(one)) for one in commands]
    return [without_ids(plain(reply)) for reply in replies]


def uuid_of(side: Side, name: str) -> Any:
    (found,) = batch(side.run(message({"listCollections": 1, "filter": {"name": name}})))
    return found["info"]["uuid"]


def creations(side: Side, name: str) -> list[Any]:
    """Return the UUIDs of the oplog's entries for creations of a collection."""
    found = side.run(message({"find": "oplog.rs", "filter": {"ns": "shop.$cmd", "o.create": name}, "$db": "local", "batchSize": 1000}))
    return [entry["ui"] for entry in batch(found)]


def check_same(sides: tuple[Side, Side], name: str) -> None:
    own, other = (shown(side, name) for side in sides)
    for one, two in zip(own, other, strict=True):
        assert repr(one) == repr(two)


#: Commands that create `fresh`, each in the form for the lane.
CREATING: list[Callable[..., bytes]] = [
    lambda **fields: create("fresh", **fields),
    lambda **fields: insert("fresh", {"_id": 1, "a": "x"}, {"_id": 2}, **fields),
    lambda **fields: message({"createIndexes": "fresh", "indexes": [{"name": "a", "key": {"a": 1}}], "lsid": LSID, **fields}),
]


@pytest.mark.parametrize("command", CREATING, ids=["create", "insert", "createIndexes"])
def test_both_paths_create_what_is_described_the_same(sides: tuple[Side, Side], command: Callable[..., bytes]) -> None:
    for _ in range(3):
        uuids = set()
        for side, fields in zip(sides, ({}, {"comment": "leaves the lane"}), strict=True):
            assert side.run(command(**fields))["ok"] == 1
            assert side.answered is (side is sides[0])
            uuids.add(bytes(uuid_of(side, "fresh")))
        assert len(uuids) == 2
        check_same(sides, "fresh")
        for side in sides:
            assert side.run(insert("fresh", {"_id": 3, "a": [1, 2]}))["n"] == 1
        check_same(sides, "fresh")
        assert [side.run(drop("fresh"))["ok"] for side in sides] == [1, 1]
        check_same(sides, "fresh")
    for side in sides:
        assert len(set(map(bytes, creations(side, "fresh")))) == 3


@pytest.mark.parametrize("fields", [{"comment": 1}, {"maxTimeMS": 60_000}, {"writeConcern": {"w": 1}}])
def test_a_command_with_further_fields_leaves_the_lane(sides: tuple[Side, Side], fields: Document) -> None:
    lane = sides[0]
    for quick, name in ((create("quick"), "quick"), (create("slow", **fields), "slow")):
        assert lane.run(quick)["ok"] == 1
        assert lane.answered is (name == "quick")
    described = [repr(shown(lane, name)[:6]).replace(name, "") for name in ("quick", "slow")]
    assert described[0] == described[1]


#: Names, valid and not: dotted, foreign, too long, reserved.
NAMES = ["a.b", "größe", "x" * 250, "x" * 251, "a$b", "", ".a", "a\0b", "system.foo", "system.buckets.a", "system.js", "$cmd", "a..b", "a."]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("db", ["shop", "SHOP", "admin", "config", "local", "d" * 63, "d" * 64, "new"])
def test_both_paths_check_names_alike(sides: tuple[Side, Side], db: str, name: str) -> None:
    for raw in (create(name, **{"$db": db}), insert(name, {"_id": 1}, **{"$db": db})):
        own, other = (plain(side.run(raw)) for side in sides)
        assert repr(own) == repr(other)
    own, other = (plain(side.run(message({"listCollections": 1, "nameOnly": True, "$db": db}))) for side in sides)
    assert repr(own) == repr(other)


def test_both_paths_restore_the_same(sides: tuple[Side, Side]) -> None:
    for side in sides:
        server = side.server
        before = [side.run(create("kept"))["ok"], uuid_of(side, "kept")]
        snapshot = server.snapshot()
        for _ in range(3):
            # A creation, a drop with a new creation, and documents, all undone.
            assert side.run(insert("fresh", {"_id": 1}))["n"] == 1
            assert side.run(drop("kept"))["ok"] == 1
            assert side.run(insert("kept", {"_id": 1}))["n"] == 1
            assert uuid_of(side, "kept") != before[1]
            server.restore(snapshot)
            assert uuid_of(side, "kept") == before[1]
            assert side.services.catalog.find("shop", "fresh") is None
            assert side.run(message({"count": "kept"}))["n"] == 0
        assert side.run(insert("kept", {"_id": 1}))["n"] == 1
        assert side.run(create("fresh"))["ok"] == 1
    check_same(sides, "kept")
    check_same(sides, "fresh")


def test_definitions_that_a_restore_keeps_come_back_in_both_paths(sides: tuple[Side, Side]) -> None:
    for side in sides:
        side.server.keep_definitions()
        snapshot = side.server.snapshot()
        assert side.run(create("fresh"))["ok"] == 1
        kept = uuid_of(side, "fresh")
        side.server.restore(snapshot)
        assert side.run(insert("fresh", {"_id": 1}))["n"] == 1
        assert uuid_of(side, "fresh") == kept
        assert len(creations(side, "fresh")) == 0
    check_same(sides, "fresh")


@pytest.fixture
def reopened(tmp_path: Path) -> Iterator[Callable[[bool], Side]]:
    """A function that opens a server on disk, and closes the last one. It takes whether the server uses the lane."""
    servers: list[SecantusDBServer] = []

    def reopen(is_express: bool) -> Side:
        while servers:
            servers.pop().stop()
        servers.append(SecantusDBServer(port=0, storage_path=str(tmp_path / f"store-{is_express}"), log_level="error").start())
        return Side(servers[-1], is_express)

    yield reopen
    while servers:
        servers.pop().stop()


def test_both_paths_leave_the_same_on_disk(reopened: Callable[[bool], Side]) -> None:
    found = []
    for is_express in (True, False):
        side = reopened(is_express)
        # More idents than one reservation holds.
        for number in range(150):
            raw = create(f"c{number}") if number % 2 else insert(f"c{number}", {"_id": number})
            assert side.run(raw)["ok"] == 1
            assert side.answered is is_express
        assert side.run(drop("c1"))["ok"] == 1
        uuids = [bytes(uuid_of(side, f"c{number}")) for number in range(2, 150)]
        side = reopened(is_express)
        assert [bytes(uuid_of(side, f"c{number}")) for number in range(2, 150)] == uuids
        assert side.run(create("c1"))["ok"] == 1
        assert side.run(insert("c2", {"_id": "new"}))["n"] == 1
        collections = side.services.catalog.collections("shop")
        idents = [ident for one in collections for ident in (one.ident, one.indexes[0].ident)]
        assert len(set(idents)) == len(idents) == 300
        found.append([repr(shown(side, name)) for name in ("c0", "c1", "c2", "c149")])
    assert found[0] == found[1]


@pytest.mark.parametrize("raw", [create("fresh"), insert("fresh", {"a": 1})], ids=["create", "insert"])
def test_of_threads_that_create_one_collection_one_wins(sides: tuple[Side, Side], raw: bytes) -> None:
    server = sides[0].server
    lanes = [Side(server, number % 4 != 3) for number in range(8)]
    for rounds in range(10):
        start = threading.Barrier(len(lanes))
        replies: list[Document] = []

        def run(side: Side, start: threading.Barrier = start, replies: list[Document] = replies) -> None:
            start.wait()
            replies.append(side.run(raw))

        threads = [threading.Thread(target=run, args=(side,)) for side in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [reply["ok"] for reply in replies] == [1] * len(lanes), replies
        made = creations(sides[0], "fresh")
        assert len(made) == rounds + 1
        assert made[-1] == uuid_of(sides[0], "fresh")
        assert sides[0].run(message({"validate": "fresh", "full": True}))["valid"]
        assert not server.services.catalog.change_lock.locked()
        assert sides[0].run(drop("fresh"))["ok"] == 1
    assert not server.services.sessions.transactions.namespaces._claims


def test_both_paths_create_during_a_transaction(sides: tuple[Side, Side]) -> None:
    session = {"lsid": {"id": Binary(bytes(16), 4)}, "txnNumber": Int64(1), "autocommit": False}
    steps = [
        message({"create": "used", "startTransaction": True, **session}),
        # The namespace is in use, so that these wait.
        create("used", maxTimeMS=30),
        insert("used", {"_id": 1}, maxTimeMS=30),
        create("elsewhere"),
        insert("elsewhere2", {"_id": 1}),
        message({"insert": "elsewhere", "documents": [{"_id": 2}], **session}),
        message({"commitTransaction": 1, "$db": "admin", **session}),
        create("used"),
        drop("used"),
        create("used"),
    ]
    for raw in steps:
        own, other = (plain(side.run(raw)) for side in sides)
        assert repr(own) == repr(other), raw
    assert sides[0].answered
    for name in ("used", "elsewhere", "elsewhere2"):
        check_same(sides, name)


@pytest.mark.parametrize("raw", [create("fresh"), insert("fresh", {"_id": 1})], ids=["create", "insert"])
def test_nothing_remains_of_a_creation_that_fails(sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    for side in sides:
        services = side.services
        attempts: list[int] = []
        oplog = services.oplog
        commit, rows = oplog.commit, stored(side)

        def refuse(*args: Any, attempts: list[int] = attempts, commit: Any = commit, **kwargs: Any) -> Any:
            attempts.append(len(attempts))
            if len(attempts) <= 2:
                raise WriteConflict()
            return commit(*args, **kwargs)

        with monkeypatch.context() as patched:
            patched.setattr(oplog, "commit", refuse)
            unit = services.engine.acquire()
            creation = begin_creation(services, unit, services.catalog.begin(unit), "shop", "fresh")
            assert creation is not None
            with pytest.raises(WriteConflict):
                creation.commit((), None, ())
            services.engine.release(unit)
            creation.end()
            assert stored(side) == rows
            assert services.catalog.find("shop", "fresh") is None
            assert creations(side, "fresh") == []
            assert not services.catalog.change_lock.locked()
            assert not services.sessions.transactions.namespaces._claims
            # The command's second attempt, in the general path, succeeds.
            assert side.run(raw)["ok"] == 1
        assert len(attempts) > 2
        assert len(stored(side)) == len(rows) + 1
    check_same(sides, "fresh")


def stored(side: Side) -> dict[bytes, bytes]:
    """Return the stored rows of the catalog."""
    with side.services.engine.transaction() as unit:
        return dict(unit.scan(CATALOG, b"", None))


def test_both_paths_show_the_same_events(sides: tuple[Side, Side]) -> None:
    watch = message({"aggregate": 1, "pipeline": [{"$changeStream": {"showExpandedEvents": True}}], "cursor": {}})
    cursors = [side.run(watch)["cursor"]["id"] for side in sides]
    for raw in (create("fresh"), insert("late", {"_id": 1}), drop("fresh"), create("fresh"), insert("fresh", {"_id": 1}), drop("late")):
        for side in sides:
            assert side.run(raw)["ok"] == 1
        assert sides[0].answered
    events = []
    for side, cursor in zip(sides, cursors, strict=True):
        found = side.run(message({"getMore": cursor, "collection": "$cmd.aggregate"}))["cursor"]["nextBatch"]
        varying = ("_id", "clusterTime", "wallTime", "collectionUUID")
        events.append([{name: one for name, one in event.items() if name not in varying} for event in found])
    assert repr(events[0]) == repr(events[1])
    assert [event["operationType"] for event in events[0]] == ["create", "create", "insert", "drop", "create", "insert", "drop"]


def test_both_paths_profile_creations_alike(sides: tuple[Side, Side]) -> None:
    records = []
    for side in sides:
        assert side.run(message({"profile": 2}))["ok"] == 1
        for raw in (create("fresh"), insert("late", {"_id": 1}), drop("fresh")):
            assert side.run(raw)["ok"] == 1
        assert side.run(message({"profile": 0}))["ok"] == 1
        found = batch(side.run(message({"find": "system.profile", "filter": {}})))
        records.append([(one["op"], one["ns"], sorted(one["command"]), one.get("ninserted")) for one in found])
    assert records[0] == records[1]
    assert len(records[0]) >= 3


def test_fail_points_stop_creations_in_both_paths(sides: tuple[Side, Side]) -> None:
    fail = {"configureFailPoint": "failCommand", "mode": {"times": 2}, "$db": "admin"}
    for side in sides:
        assert side.run(message({**fail, "data": {"failCommands": ["create", "insert"], "errorCode": 91}}))["ok"] == 1
        assert [side.run(raw)["code"] for raw in (create("fresh"), insert("fresh", {"_id": 1}))] == [91, 91]
        assert side.services.catalog.find("shop", "fresh") is None
        assert side.run(create("fresh"))["ok"] == 1
    assert sides[0].answered
    check_same(sides, "fresh")
