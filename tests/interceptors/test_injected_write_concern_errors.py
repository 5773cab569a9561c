"""The write concern errors that failCommand adds: the affected commands, and the error labels."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64

from secantus_server.server import SecantusDBServer
from tests.net.raw_client import RawClient, connected

PROBLEM = {"code": 64, "codeName": "WriteConcernTimeout", "errmsg": "late"}
Fail = Callable[..., None]


@pytest.fixture
def raw(server: SecantusDBServer) -> Iterator[RawClient]:
    with connected(server) as client:
        yield client
        client.run({"configureFailPoint": "failCommand", "mode": "off", "$db": "admin"})
        client.run({"dropDatabase": 1, "$db": "concerns"})


@pytest.fixture
def fail(raw: RawClient) -> Fail:
    def configure(*commands: str, mode: Any = "alwaysOn", **data: Any) -> None:
        data = {"failCommands": list(commands), **data}
        reply = raw.run({"configureFailPoint": "failCommand", "mode": mode, "data": data, "$db": "admin"})
        assert reply["ok"] == 1, reply

    return configure


def on(raw: RawClient, command: dict[str, Any]) -> dict[str, Any]:
    return raw.run({**command, "$db": command.get("$db", "concerns")})


def session() -> dict[str, Any]:
    return {"lsid": {"id": Binary(uuid.uuid4().bytes, 4)}, "txnNumber": Int64(1)}


def insert(**more: Any) -> dict[str, Any]:
    return {"insert": "c", "documents": [{}], **more}


READ = {"aggregate": "c", "pipeline": [], "cursor": {}}


@pytest.mark.parametrize("command", [{"find": "c"}, READ, {"count": "c"}, {"ping": 1}, {"hello": 1}], ids=lambda one: next(iter(one)))
def test_a_command_without_a_write_concern_is_not_concerned(raw: RawClient, fail: Fail, command: dict[str, Any]) -> None:
    fail(next(iter(command)), "insert", mode={"times": 1}, writeConcernError=PROBLEM)
    assert "writeConcernError" not in on(raw, command)
    reply = on(raw, insert())
    assert (reply["n"], reply["writeConcernError"]) == (1, PROBLEM)
    assert "writeConcernError" not in on(raw, insert())


@pytest.mark.parametrize("stage", [{"$out": "d"}, {"$merge": "d"}], ids=lambda one: next(iter(one)))
def test_an_aggregate_that_writes_is(raw: RawClient, fail: Fail, stage: dict[str, Any]) -> None:
    fail("aggregate", writeConcernError=PROBLEM)
    assert on(raw, {**READ, "pipeline": [stage]})["writeConcernError"] == PROBLEM


def test_the_statements_and_the_end_of_a_transaction_are(raw: RawClient, fail: Fail) -> None:
    statement = {**session(), "autocommit": False}
    fail("insert", "commitTransaction", mode={"times": 2}, writeConcernError={**PROBLEM, "code": 91})
    reply = on(raw, insert(**statement, startTransaction=True))
    # Drivers do not retry individual statements of a transaction:
    # https://github.com/mongodb/specifications/tree/master/source/transactions/tests
    assert (reply["ok"], reply["writeConcernError"]["code"], "errorLabels" in reply) == (1, 91, False)
    commit = {"commitTransaction": 1, **statement, "$db": "admin"}
    reply = on(raw, commit)
    assert (reply["ok"], reply["writeConcernError"]["code"], reply["errorLabels"]) == (1, 91, ["RetryableWriteError"])
    assert "writeConcernError" not in on(raw, commit)
    assert on(raw, {"count": "c"})["n"] == 1


def test_a_block_or_an_error_concerns_every_command(raw: RawClient, fail: Fail) -> None:
    fail("find", mode={"times": 1}, writeConcernError=PROBLEM, errorCode=8)
    assert on(raw, {"find": "c"})["code"] == 8
    fail("find", mode={"times": 1}, writeConcernError=PROBLEM, blockConnection=True, blockTimeMS=1)
    assert "writeConcernError" not in on(raw, {"find": "c"})


@pytest.mark.parametrize("code", [6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436, 64, 79, 100])
def test_labels(raw: RawClient, fail: Fail, code: int) -> None:
    fail("insert", writeConcernError={"code": code})
    labels = [] if code in (64, 79, 100) else ["RetryableWriteError"]
    assert on(raw, insert(**session())).get("errorLabels", []) == labels
    assert "errorLabels" not in on(raw, insert())


def test_given_labels_replace_those_of_the_commands_own_error(raw: RawClient, fail: Fail) -> None:
    fail("commitTransaction", writeConcernError={"code": 91}, errorLabels=["Given"])
    reply = on(raw, {"commitTransaction": 1, **session(), "autocommit": False, "$db": "admin"})
    assert (reply["code"], reply["writeConcernError"], reply["errorLabels"]) == (251, {"code": 91}, ["Given"])
