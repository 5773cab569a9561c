"""Arguments of administration commands that are accepted or refused; the codes are MongoDB's."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Decimal128, Int64
from pymongo import MongoClient
from pymongo.database import Database

from tests.failing import code

HOSTS = ["host:", ":27017", "", "host:0", "host:65536", "host:port", "a:b:c", "[::1]x:1:2"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        *[({"autoCompact": True, "freeSpaceTargetMB": size}, 2) for size in (0, Int64(1 << 43), Int64(2**63 - 1), float(2**53 - 1))],
        *[({"hello": 1, "saslSupportedMechs": user}, 2) for user in ("noDot", "", {"db": "admin"})],
        *[({"hello": 1, "saslSupportedMechs": user}, 14) for user in (1, True, ["admin.user"], None)],
        ({"autoCompact": None}, 40414),
        ({"autoCompact": 1}, 14),
        ({"autoCompact": True, "runOnce": 1}, 14),
        *[({"dropConnections": 1, "hostAndPort": [host]}, 9) for host in HOSTS],
        *[({"dropConnections": 1, "hostAndPort": [host]}, 14) for host in (1, True, {}, [])],
        ({"getLog": None}, 40414),
        *[({"logRotate": target}, 14) for target in (None, {}, [], b"x")],
        *[({"killOp": 1, "op": op}, 26823) for op in (float(2**31), Int64(2**31), Int64(-(2**31) - 1), Decimal128("2147483648"))],
        *[({"killOp": 1, "op": op}, 2) for op in (3.14, 0.9999999999999999)],
        *[({"setParameter": 1, "logLevel": level}, 2) for level in ("1", [1], {})],
        *[({"setParameter": 1, "logComponentVerbosity": {"command": {"verbosity": level}}}, 2) for level in ("1", float("nan"))],
        ({"setDefaultRWConcern": 1, "defaultReadConcern": {"level": "local", "extra": 1}}, 40415),
        ({"setDefaultRWConcern": 1, "defaultWriteConcern": {"w": 1, "extra": 1}}, 40415),
        ({"setDefaultRWConcern": 1, "defaultWriteConcern": {"wtimeout": 100}}, 2),
        ({"setDefaultRWConcern": 1, "defaultWriteConcern": {"w": 1, "j": "true"}}, 14),
        *[({"setDefaultRWConcern": 1, "defaultWriteConcern": {"w": w}}, 79) for w in ("tag", None)],
        *[({"setDefaultRWConcern": 1, "defaultWriteConcern": {"w": w}}, 9) for w in (-1, 9999, True)],
    ],
    ids=str,
)
def test_refused_arguments(admin: Database[dict[str, Any]], command: dict[str, Any], expected: int) -> None:
    assert code(admin, command) == expected


@pytest.mark.parametrize(
    "command",
    [
        {"autoCompact": False, "freeSpaceTargetMB": Int64(1 << 43), "runOnce": True},
        {"hello": 1, "saslSupportedMechs": "admin.nobody"},
        {"hello": 1, "saslSupportedMechs": {"db": "admin", "user": "nobody"}},
        {"dropConnections": 1, "hostAndPort": [None, "host", "host:1", "[::1]:27017"]},
        {"setParameter": 1, "quiet": "x", "logLevel": False},
        {"setDefaultRWConcern": 1, "defaultWriteConcern": {"w": 1.5, "wtimeout": "100"}},
    ],
    ids=str,
)
def test_accepted_arguments(admin: Database[dict[str, Any]], command: dict[str, Any]) -> None:
    assert admin.command(command)["ok"] == 1.0
    admin.command({"setParameter": 1, "quiet": False})


def test_the_background_compaction_keeps_its_options(admin: Database[dict[str, Any]]) -> None:
    for _ in range(2):
        admin.command({"autoCompact": True, "freeSpaceTargetMB": 30})
    assert code(admin, {"autoCompact": True, "freeSpaceTargetMB": 50}) == 23
    admin.command({"autoCompact": False})
    admin.command({"autoCompact": True, "freeSpaceTargetMB": 50})
    admin.command({"autoCompact": False})


@pytest.mark.parametrize("enable", [True, False])
def test_writes_stay_blocked_for_their_reason(admin: Database[dict[str, Any]], enable: bool) -> None:
    admin.command({"setUserWriteBlockMode": 1, "global": True})
    try:
        other = {"setUserWriteBlockMode": 1, "global": enable, "reason": "DiskUseThresholdExceeded"}
        assert code(admin, other) == 20
        assert code(admin.client.d, {"insert": "c", "documents": [{}]}) == 371
    finally:
        admin.command({"setUserWriteBlockMode": 1, "global": False})


def test_the_default_read_concern_can_be_unset(admin: Database[dict[str, Any]]) -> None:
    admin.command({"setDefaultRWConcern": 1, "defaultReadConcern": {"level": "majority"}})
    assert admin.command("getDefaultRWConcern")["defaultReadConcernSource"] == "global"
    found = admin.command({"setDefaultRWConcern": 1, "defaultReadConcern": {}})
    assert (found["defaultReadConcern"], found["defaultReadConcernSource"]) == ({"level": "local"}, "implicit")


@pytest.mark.parametrize("name", ["getParameter", "setParameter"])
def test_a_transaction_refuses_a_command_before_its_database_is_checked(client: MongoClient[dict[str, Any]], name: str) -> None:
    with client.start_session() as session:
        body = {name: 1, "logLevel": 0, "lsid": session.session_id, "txnNumber": Int64(1), "autocommit": False, "startTransaction": True}
        assert code(client.d, body) == 263


@pytest.mark.parametrize(("number", "expected"), [(Int64(-1), 72), (None, 125), (1, 14)])
@pytest.mark.parametrize("name", ["abortTransaction", "commitTransaction"])
def test_transaction_numbers(admin: Database[dict[str, Any]], name: str, number: Any, expected: int) -> None:
    assert code(admin, {name: 1, "txnNumber": number}) == expected
