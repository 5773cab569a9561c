"""secantusTest: snapshots, the clock and dumps over the wire."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import DatetimeMS, Int64
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from tests.failing import code, failure
from tests.net.raw_client import connected

WHEN = datetime(2030, 1, 2, 3, 4, 5)


def call(admin: Database[dict[str, Any]], action: str, **arguments: Any) -> dict[str, Any]:
    return admin.command({"secantusTest": action, **arguments})


def test_snapshots(client: MongoClient[dict[str, Any]], admin: Database[dict[str, Any]]) -> None:
    orders = client.shop.orders
    orders.insert_one({"_id": 1})
    outer = call(admin, "snapshot")
    assert outer["version"] == 1
    orders.insert_one({"_id": 2})
    inner = call(admin, "snapshot")["snapshot"]
    orders.delete_many({})
    call(admin, "restore", snapshot=inner)
    assert orders.count_documents({}) == 2
    call(admin, "release", snapshot=Int64(inner))
    assert code(admin, {"secantusTest": "restore", "snapshot": inner}) == 4
    call(admin, "restore", snapshot=float(outer["snapshot"]))
    assert orders.count_documents({}) == 1
    orders.insert_one({"_id": 3})
    call(admin, "restore", snapshot=outer["snapshot"])
    call(admin, "release", snapshot=outer["snapshot"])
    assert orders.count_documents({}) == 1


def test_a_restore_within_a_session(client: MongoClient[dict[str, Any]], admin: Database[dict[str, Any]]) -> None:
    number = call(admin, "snapshot")["snapshot"]
    with client.start_session() as session:
        client.shop.sessions.insert_one({}, session=session)
        admin.command({"secantusTest": "restore", "snapshot": number}, session=session)
        assert client.shop.sessions.count_documents({}, session=session) == 0
        client.shop.sessions.insert_one({}, session=session)
        session.start_transaction()
        client.shop.sessions.insert_one({}, session=session)
        session.commit_transaction()
        assert client.shop.sessions.count_documents({}, session=session) == 2
    call(admin, "restore", snapshot=number)
    call(admin, "release", snapshot=number)


def test_the_clock(client: MongoClient[dict[str, Any]], admin: Database[dict[str, Any]]) -> None:
    assert call(admin, "clock")["runs"]
    try:
        assert call(admin, "clock", set=WHEN)["now"] == WHEN
        assert call(admin, "clock", tickMillis=1500) == call(admin, "clock") | {"now": WHEN + timedelta(seconds=1.5), "runs": False}
        assert admin.command("hello")["localTime"] == WHEN + timedelta(seconds=1.5)
        assert call(admin, "clock", runs=True)["runs"]
        assert not call(admin, "clock", runs=False)["runs"]
        assert call(admin, "clock", set=WHEN, runs=True)["runs"]
    finally:
        call(admin, "clock", restore=True)
    assert abs(call(admin, "clock")["now"].year - WHEN.year) > 0


def test_a_tick_expires(client: MongoClient[dict[str, Any]], admin: Database[dict[str, Any]]) -> None:
    number = call(admin, "snapshot")["snapshot"]
    try:
        client.shop.logins.create_index("at", expireAfterSeconds=60)
        client.shop.logins.update_one({"_id": 1}, {"$currentDate": {"at": True}}, upsert=True)
        call(admin, "clock", tickMillis=61_000)
        assert client.shop.logins.count_documents({}) == 0
    finally:
        call(admin, "clock", restore=True)
        call(admin, "restore", snapshot=number)
        call(admin, "release", snapshot=number)


def test_commands(client: MongoClient[dict[str, Any]], admin: Database[dict[str, Any]]) -> None:
    assert code(admin, {"secantusTest": "commands"}) == 20
    orders = client.logged.orders
    orders.insert_many([{"_id": n, "customer": n % 2} for n in range(4)])
    began = call(admin, "commands", log=True)
    assert (began["commands"], began["leftOut"]) == ([], 0)
    assert len(list(orders.find({"customer": 1}))) == 2
    first = call(admin, "commands")
    (find,) = first["commands"]
    assert (find["name"], find["ns"], find["text"]) == ("find", "logged.orders", "db.orders.find({ customer: 1 })")
    assert (find["shape"], find["planSummary"], find["error"]) == ("db.orders.find({ customer: ? })", "COLLSCAN", None)
    assert (find["keysExamined"], find["docsExamined"], find["nreturned"]) == (0, 4, 2)
    assert find["millis"] >= 0
    orders.drop()
    assert [one["name"] for one in call(admin, "commands", since=first["token"])["commands"]] == ["drop"]
    assert [one["name"] for one in call(admin, "commands")["commands"]] == ["find", "drop"]
    snapshot = call(admin, "snapshot")["snapshot"]
    orders.find_one()
    assert [one["name"] for one in call(admin, "commands")["commands"]] == ["find"]
    call(admin, "restore", snapshot=snapshot)
    later = call(admin, "commands")
    assert (later["commands"], later["token"] > first["token"]) == ([], True)
    call(admin, "release", snapshot=snapshot)
    orders.insert_one({})
    assert [one["name"] for one in call(admin, "commands", log=False)["commands"]] == ["insert"]
    assert code(admin, {"secantusTest": "commands", "since": 0}) == 20
    assert code(admin, {"secantusTest": "commands", "since": -1}) == 2
    assert code(admin, {"secantusTest": "commands", "log": 1}) == 14


def test_dump(client: MongoClient[dict[str, Any]], admin: Database[dict[str, Any]]) -> None:
    client.drop_database("dumped")
    client.dumped.orders.insert_one({"_id": 1, "n": Int64(1)})
    number = call(admin, "snapshot")["snapshot"]
    client.dumped.orders.update_one({"_id": 1}, {"$set": {"n": 2}})
    client.other.orders.insert_one({"_id": 1})
    (found,) = call(admin, "dump", database="dumped")["collections"]
    assert (found["db"], found["name"], found["documents"]) == ("dumped", "orders", [{"_id": 1, "n": 2}])
    assert [index["name"] for index in found["indexes"]] == ["_id_"]
    assert {one["db"] for one in call(admin, "dump")["collections"]} >= {"dumped", "other"}
    (change,) = call(admin, "dump", database="dumped", since=number)["changes"]
    assert change == {
        "db": "dumped",
        "name": "orders",
        "collection": "kept",
        "added": [],
        "changed": [{"before": {"_id": 1, "n": 1}, "after": {"_id": 1, "n": 2}}],
        "removed": [],
    }
    call(admin, "restore", snapshot=number)
    call(admin, "release", snapshot=number)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"secantusTest": "snapshots"}, 2),
        ({"secantusTest": 1}, 2),
        ({"secantusTest": "restore"}, 40414),
        ({"secantusTest": "restore", "snapshot": "x"}, 14),
        ({"secantusTest": "restore", "snapshot": 999_999}, 4),
        ({"secantusTest": "release", "snapshot": -1}, 4),
        ({"secantusTest": "snapshot", "extra": 1}, 40415),
        ({"secantusTest": "clock", "tickMillis": -1}, 2),
        ({"secantusTest": "clock", "set": 5}, 14),
        ({"secantusTest": "clock", "set": DatetimeMS(-1)}, 2),
        ({"secantusTest": "clock", "set": DatetimeMS(2**32 * 1000)}, 2),
        ({"secantusTest": "clock", "tickMillis": 2**32 * 1000}, 2),
        ({"secantusTest": "clock", "restore": True, "set": WHEN}, 2),
        ({"secantusTest": "dump", "since": 999_999}, 4),
    ],
    ids=str,
)
def test_errors(admin: Database[dict[str, Any]], arguments: dict[str, Any], expected: int) -> None:
    assert code(admin, arguments) == expected


def test_the_message_of_an_unknown_action(admin: Database[dict[str, Any]]) -> None:
    message = failure(admin, {"secantusTest": "rewind"})["errmsg"]
    assert message == "secantusTest takes one of the strings snapshot, restore, release, clock, commands, dump"


def test_only_in_admin(client: MongoClient[dict[str, Any]]) -> None:
    assert code(client.shop, {"secantusTest": "clock"}) == 13


def test_without_test_commands() -> None:
    with (
        SecantusDBServer(port=0, storage_path=":memory:", log_level="error", enable_test_commands=False) as server,
        connected(server) as raw,
    ):
        reply = raw.run({"secantusTest": "clock", "$db": "admin"})
        assert (reply["code"], reply["errmsg"]) == (59, "no such command: 'secantusTest'")
