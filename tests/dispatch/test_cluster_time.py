"""Causal consistency: the times in replies, the cluster time that clients gossip, and reads after a time."""

from __future__ import annotations

from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer

SIGNATURE = {"hash": Binary(b"\0" * 20, 0), "keyId": Int64(0)}


def tell(db: Database, time: Timestamp) -> dict[str, Any]:
    """Send a cluster time as drivers do, and return the reply."""
    with db.client.start_session(causal_consistency=False) as session:
        session.advance_cluster_time({"clusterTime": time, "signature": SIGNATURE})
        return db.command("ping", session=session)


def later(time: Timestamp, seconds: int = 10, increments: int = 0) -> Timestamp:
    return Timestamp(time.time + seconds, time.inc + increments)


def now(db: Database) -> Timestamp:
    time: Timestamp = db.command("ping")["operationTime"]
    return time


def code(db: Database, command: dict[str, Any]) -> int:
    with pytest.raises(OperationFailure) as raised:
        db.command(command)
    assert raised.value.code is not None
    return raised.value.code


@pytest.mark.parametrize("ahead", [(10, 0), (0, 7)], ids=["seconds", "increments"])
def test_the_cluster_time_of_a_client_advances_the_clock(server: SecantusDBServer, ahead: tuple[int, int]) -> None:
    # Use a separate client, because drivers send the newest time of all replies that they have received.
    with MongoClient(server.uri) as client:
        db = client.gossip
        wanted = later(now(db), *ahead)
        reply = tell(db, wanted)
        assert (reply["$clusterTime"]["clusterTime"], reply["operationTime"] < wanted) == (wanted, True)
        reply = db.command({"insert": "c", "documents": [{}]})
        assert reply["operationTime"] > wanted
        assert reply["$clusterTime"]["clusterTime"] == reply["operationTime"]


def test_the_largest_increment_leaves_room_for_the_next_entry(server: SecantusDBServer) -> None:
    with MongoClient(server.uri) as client:
        wanted = Timestamp(now(client.gossip).time + 1, 2**32 - 1)
        assert tell(client.gossip, wanted)["$clusterTime"]["clusterTime"] >= wanted
        assert client.gossip.command("insert", "c", documents=[{}, {}])["operationTime"] > wanted


def test_a_cluster_time_far_ahead_is_refused(db: Database) -> None:
    with pytest.raises(OperationFailure) as raised:
        tell(db, later(now(db), 366 * 24 * 3600))
    assert raised.value.code == 205


@pytest.mark.parametrize(
    "command",
    [
        {"find": "c"},
        {"aggregate": "c", "pipeline": [], "cursor": {}},
        {"count": "c"},
        {"distinct": "c", "key": "a"},
        {"insert": "c", "documents": [{}]},
        {"update": "c", "updates": [{"q": {}, "u": {"$set": {"a": 1}}}]},
        {"find": "c", "level": "majority"},
        {"find": "c", "level": "snapshot"},
    ],
    ids=str,
)
def test_a_read_after_a_time_that_only_clients_know(db: Database, command: dict[str, Any]) -> None:
    concern = {"level": command["level"]} if "level" in command else {}
    command = {key: value for key, value in command.items() if key != "level"}
    wanted = later(now(db))
    assert code(db, {**command, "readConcern": {**concern, "afterClusterTime": later(wanted, 100_000)}}) == 72
    tell(db, wanted)
    reply = db.command({**command, "readConcern": {**concern, "afterClusterTime": wanted}})
    assert reply["operationTime"] >= wanted
    newest = db.client.local["oplog.rs"].find_one(sort=[("$natural", -1)])
    assert newest is not None
    assert newest["ts"] >= wanted
    assert newest["op"] == ("i" if "insert" in command else "n")


def test_a_transaction_after_a_time(client: MongoClient, db: Database) -> None:
    db.c.insert_one({})
    wanted = later(now(db))
    tell(db, wanted)
    with client.start_session() as session:
        session.advance_operation_time(wanted)
        with session.start_transaction():
            assert db.c.find_one({}, session=session) is not None
        assert session.operation_time >= wanted


def test_a_transaction_at_a_time(client: MongoClient, db: Database) -> None:
    at = db.command("insert", "c", documents=[{"_id": 1}])["operationTime"]

    def read(at: Timestamp) -> list[Any]:
        with client.start_session(causal_consistency=False) as session, session.start_transaction():
            concern = {"level": "snapshot", "atClusterTime": at}
            return list(db.command({"find": "c", "readConcern": concern}, session=session)["cursor"]["firstBatch"])

    assert read(at) == [{"_id": 1}]
    db.c.insert_one({"_id": 2})
    for time, expected in ((at, 238), (later(now(db), 100_000), 72)):
        with pytest.raises(OperationFailure) as raised:
            read(time)
        assert raised.value.code == expected


@pytest.mark.parametrize(
    "concern",
    [
        {"afterClusterTime": Timestamp(0, 0)},
        {"level": "linearizable", "afterClusterTime": Timestamp(1, 1)},
        {"level": "available", "afterClusterTime": Timestamp(1, 1)},
        {"level": "snapshot", "afterClusterTime": Timestamp(1, 1), "atClusterTime": Timestamp(1, 1)},
    ],
    ids=str,
)
def test_wrong_combinations(db: Database, concern: dict[str, Any]) -> None:
    assert code(db, {"find": "c", "readConcern": concern}) == 72


def test_every_reply_has_both_times(db: Database) -> None:
    db.c.insert_many([{}, {}, {}])
    cursor = db.command({"find": "c", "batchSize": 1})["cursor"]["id"]
    replies = [
        db.command("hello"),
        db.command({"getMore": cursor, "collection": "c"}),
        db.command({"nonsense": 1}, check=False),
        db.command({"find": "c", "filter": {"$nonsense": 1}}, check=False),
        db.command({"find": "c", "readConcern": 1}, check=False),
    ]
    for reply in replies:
        assert reply["$clusterTime"]["clusterTime"] >= reply["operationTime"]
    assert [reply["ok"] for reply in replies] == [1, 1, 0, 0, 0]


def test_a_restore_does_not_turn_the_time_back(db: Database, server: SecantusDBServer) -> None:
    snapshot = server.snapshot()
    wanted = later(now(db))
    tell(db, wanted)
    db.c.insert_one({})
    server.restore(snapshot)
    after = now(db)
    assert after > wanted
    server.release(snapshot)
    assert db.command({"insert": "c", "documents": [{}]})["operationTime"] > after


def test_a_standalone_server_has_no_cluster_time() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", replica_set="", log_level="error") as server, MongoClient(server.uri) as client:
        reply = tell(client.db, Timestamp(1, 1))
        assert reply == {"ok": 1.0}
        assert code(client.db, {"find": "c", "readConcern": {"afterClusterTime": Timestamp(1, 1)}}) == 123
