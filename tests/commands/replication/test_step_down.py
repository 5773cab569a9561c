"""replSetStepDown, replSetFreeze and replSetStepUp: what clients see, and how the node is elected again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.dispatch.topology import ELECTION_S
from secantus_server.server import SecantusDBServer
from tests.failing import code
from tests.net.raw_client import EXHAUST_ALLOWED, RawClient, connected
from tests.waiting import wait_until
from tests.wire.messages import command as message

DOWN = {"replSetStepDown": 3600, "force": True}


@pytest.fixture(autouse=True)
def _primary(admin: Database, db: Database) -> Iterator[None]:
    yield
    admin.command({"replSetStepUp": 1})


@pytest.fixture
def raw(server: SecantusDBServer) -> Iterator[RawClient]:
    with connected(server) as client:
        yield client


def run(raw: RawClient, command: dict[str, Any], db: str = "admin") -> dict[str, Any]:
    return raw.run({**command, "$db": db})


def step_down(raw: RawClient) -> None:
    """Step down for longer than the test takes."""
    assert run(raw, DOWN)["ok"]
    assert run(raw, {"replSetFreeze": 3600})["ok"]


def test_hello_tells_the_role(raw: RawClient) -> None:
    before = run(raw, {"hello": 1})
    assert (before["isWritablePrimary"], before["secondary"]) == (True, False)
    step_down(raw)
    down = run(raw, {"hello": 1})
    assert (down["isWritablePrimary"], down["secondary"]) == (False, True)
    assert "primary" not in down
    assert "electionId" not in down
    assert run(raw, {"isMaster": 1})["ismaster"] is False
    status = run(raw, {"replSetGetStatus": 1})
    assert (status["myState"], status["members"][0]["stateStr"]) == (2, "SECONDARY")
    run(raw, {"replSetFreeze": 0})
    after = run(raw, {"hello": 1})
    assert (after["isWritablePrimary"], after["primary"]) == (True, after["me"])
    assert after["electionId"] > before["electionId"]
    versions = [reply["topologyVersion"]["counter"] for reply in (before, down, after)]
    assert versions == [versions[0], versions[0] + 1, versions[0] + 2]
    assert run(raw, {"replSetGetStatus": 1})["term"] == status["term"] + 1
    assert run(raw, {"replSetGetConfig": 1})["config"]["term"] == status["term"] + 1


COMMANDS = [
    ({"insert": "c", "documents": [{}]}, 10107),
    ({"update": "c", "updates": [{"q": {}, "u": {"$set": {"a": 1}}}]}, 10107),
    ({"delete": "c", "deletes": [{"q": {}, "limit": 0}]}, 10107),
    ({"findAndModify": "c", "remove": True}, 10107),
    ({"create": "new"}, 10107),
    ({"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}]}, 10107),
    ({"drop": "c"}, 10107),
    ({"aggregate": "c", "pipeline": [{"$out": "d"}], "cursor": {}, "$readPreference": {"mode": "secondary"}}, 10107),
    ({"find": "c"}, 13435),
    ({"find": "c", "$readPreference": {"mode": "primary"}}, 13435),
    ({"aggregate": "c", "pipeline": [], "cursor": {}}, 13435),
    ({"count": "c"}, 13435),
    ({"distinct": "c", "key": "a"}, 13435),
    ({"listCollections": 1}, 13435),
    ({"listIndexes": "c"}, 13435),
    ({"find": "c", "$readPreference": {"mode": "secondary"}}, None),
    ({"find": "c", "$readPreference": {"mode": "primaryPreferred"}}, None),
    ({"aggregate": "c", "pipeline": [], "cursor": {}, "$readPreference": {"mode": "nearest"}}, None),
    ({"listCollections": 1, "$readPreference": {"mode": "secondaryPreferred"}}, None),
    ({"ping": 1}, None),
    ({"buildInfo": 1}, None),
    ({"killCursors": "c", "cursors": [Int64(1)]}, None),
    ({"endSessions": []}, None),
]


@pytest.mark.parametrize(("command", "expected"), COMMANDS, ids=lambda value: next(iter(value)) if type(value) is dict else str(value))
def test_what_a_secondary_runs(raw: RawClient, db: Database, command: dict[str, Any], expected: int | None) -> None:
    db.c.insert_one({"_id": 1})
    step_down(raw)
    version = run(raw, {"hello": 1})["topologyVersion"]
    reply = run(raw, command, db.name)
    run(raw, {"replSetStepUp": 1})
    assert reply.get("code") == expected
    if expected is not None:
        assert reply["topologyVersion"] == version
    assert list(db.c.find()) == [{"_id": 1}]


def test_a_retryable_write_may_be_retried(raw: RawClient, db: Database) -> None:
    step_down(raw)
    insert = {"insert": "c", "documents": [{"_id": 1}], "lsid": {"id": Binary(uuid.uuid4().bytes, 4)}, "txnNumber": Int64(1)}
    reply = run(raw, insert, db.name)
    assert (reply["code"], reply["errorLabels"]) == (10107, ["RetryableWriteError"])
    run(raw, {"replSetStepUp": 1})
    assert run(raw, insert, db.name)["n"] == 1


def test_a_waiting_hello_wakes_at_once(server: SecantusDBServer, raw: RawClient) -> None:
    version = run(raw, {"hello": 1})["topologyVersion"]
    with connected(server) as waiting:
        waiting.send(message({"hello": 1, "topologyVersion": version, "maxAwaitTimeMS": 3_600_000, "$db": "admin"}, EXHAUST_ALLOWED))
        # The three replies of the stream: a secondary, the primary again after the election, a secondary.
        wait_until(lambda: any("topologyVersion" in one.body for one in server.services.operations.all()), "it waits")
        run(raw, DOWN)
        assert waiting.receive()[2]["isWritablePrimary"] is False
        assert waiting.receive()[2]["isWritablePrimary"] is True
        step_down(raw)
        assert waiting.receive()[2]["secondary"] is True


def test_a_waiting_hello_holds_the_election_that_a_freeze_put_off(server: SecantusDBServer, raw: RawClient) -> None:
    step_down(raw)
    version = run(raw, {"hello": 1})["topologyVersion"]
    with connected(server) as waiting:
        waiting.send(message({"hello": 1, "topologyVersion": version, "maxAwaitTimeMS": 3_600_000, "$db": "admin"}))
        wait_until(lambda: any("topologyVersion" in one.body for one in server.services.operations.all()), "it waits")
        run(raw, {"replSetFreeze": 1})
        assert waiting.receive()[2]["isWritablePrimary"] is True


def test_it_is_elected_again_soon(server: SecantusDBServer, raw: RawClient, db: Database) -> None:
    clock = server.services.clock
    before = clock.monotonic()
    run(raw, DOWN)
    wait_until(lambda: run(raw, {"insert": "c", "documents": [{}]}, db.name)["ok"], "a new primary")
    assert clock.monotonic() - before >= ELECTION_S


def test_a_driver_goes_on(server: SecantusDBServer, raw: RawClient, db: Database) -> None:
    uri = server.uri.replace("directConnection=true", f"replicaSet={server.settings.replica_set}")
    with MongoClient(uri) as client:
        coll = client[db.name].c
        coll.insert_many([{"_id": number} for number in range(10)])
        cursor = coll.find(batch_size=2)
        assert next(cursor)["_id"] == 0
        run(raw, DOWN)
        assert [document["_id"] for document in cursor] == list(range(1, 10))
        coll.insert_one({"_id": 10})
        assert coll.count_documents({}) == 11


def test_open_transactions_end(raw: RawClient, db: Database) -> None:
    inside = {"lsid": {"id": Binary(uuid.uuid4().bytes, 4)}, "txnNumber": Int64(1), "autocommit": False}
    assert run(raw, {"insert": "c", "documents": [{}], **inside, "startTransaction": True}, db.name)["ok"]
    step_down(raw)
    assert run(raw, {"commitTransaction": 1, **inside})["code"] == 10107
    run(raw, {"replSetStepUp": 1})
    reply = run(raw, {"commitTransaction": 1, **inside})
    assert (reply["code"], reply["errorLabels"]) == (251, ["TransientTransactionError"])
    assert db.c.count_documents({}) == 0


def test_running_writes_are_interrupted_and_reads_are_not(server: SecantusDBServer, raw: RawClient, admin: Database, db: Database) -> None:
    block = {"failCommands": ["insert", "find"], "blockConnection": True, "blockTimeMS": 3_600_000}
    admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": block})
    replies: dict[str, dict[str, Any]] = {}

    def send(command: dict[str, Any]) -> Thread:
        def call() -> None:
            with connected(server) as other:
                replies[next(iter(command))] = run(other, command, db.name)

        thread = Thread(target=call)
        thread.start()
        name = next(iter(command))
        wait_until(lambda: any(name in one.body for one in server.services.operations.all()), f"{name} runs")
        return thread

    reader, writer = send({"find": "c", "maxTimeMS": 600}), send({"insert": "c", "documents": [{}]})
    step_down(raw)
    writer.join()
    reader.join()
    admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    assert (replies["insert"]["code"], replies["find"]["code"]) == (11602, 50)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"replSetStepDown": -1}, 2),
        ({"replSetStepDown": "x"}, 2),
        ({"replSetStepDown": 5}, 2),  # the default secondaryCatchUpPeriodSecs is 10
        ({"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 6}, 2),
        ({"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": -1}, 2),
        ({"replSetStepDown": 5, "more": 1}, 40415),
        ({"replSetFreeze": -1}, 2),
        ({"replSetFreeze": 5}, 95),
    ],
)
def test_invalid_arguments(raw: RawClient, command: dict[str, Any], expected: int) -> None:
    assert run(raw, command)["code"] == expected
    assert run(raw, {"hello": 1})["isWritablePrimary"] is True


def test_what_a_primary_and_a_secondary_take(raw: RawClient, db: Database) -> None:
    assert run(raw, {"replSetFreeze": 0})["info"] == "unfreezing"
    assert run(raw, {"replSetStepUp": 1})["ok"]
    assert run(raw, {"replSetStepDown": 30, "secondaryCatchUpPeriodSecs": 30, "force": False})["ok"]
    assert run(raw, {"replSetFreeze": 3600})["ok"]
    assert run(raw, DOWN)["code"] == 10107
    assert code(db, {"replSetStepDown": 60}) == 13


def test_a_standalone_server_has_no_role() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", replica_set="") as server, connected(server) as raw:
        for name in ("replSetStepDown", "replSetFreeze", "replSetStepUp"):
            assert run(raw, {name: 60})["code"] == 76


def test_a_secondary_stops() -> None:
    server = SecantusDBServer(port=0, storage_path=":memory:", log_level="error").start()
    with connected(server) as raw, connected(server) as waiting:
        step_down(raw)
        version = run(raw, {"hello": 1})["topologyVersion"]
        waiting.send(message({"hello": 1, "topologyVersion": version, "maxAwaitTimeMS": 3_600_000, "$db": "admin"}))
        wait_until(lambda: any("topologyVersion" in one.body for one in server.services.operations.all()), "it waits")
        server.stop()


def test_the_checks_cost_a_primary_nothing(server: SecantusDBServer, raw: RawClient) -> None:
    assert not server.services.interceptors.before
    step_down(raw)
    assert server.services.interceptors.before
    run(raw, {"replSetStepUp": 1})
    assert not server.services.interceptors.before


def test_a_waiting_change_stream_ends_at_once_under_9_0(server: SecantusDBServer, raw: RawClient, db: Database) -> None:
    """https://www.mongodb.com/docs/manual/release-notes/9.0-compatibility/"""
    server.present("9.0")
    replies: list[dict[str, Any]] = []
    try:
        with connected(server) as other:
            opened = run(other, {"aggregate": "c", "pipeline": [{"$changeStream": {}}], "cursor": {}}, db.name)
            more = {"getMore": opened["cursor"]["id"], "collection": "c", "maxTimeMS": 3_600_000}
            thread = Thread(target=lambda: replies.append(run(other, more, db.name)))
            thread.start()
            wait_until(lambda: any("getMore" in one.body and one.wake for one in server.services.operations.all()), "getMore waits")
            step_down(raw)
            thread.join()
    finally:
        server.present("8.2")
    assert (replies[0]["code"], replies[0]["errorLabels"]) == (11602, ["ResumableChangeStreamError"])
