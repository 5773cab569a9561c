"""appendOplogNote adds an oplog entry that changes nothing."""

from __future__ import annotations

from typing import Any

from bson.timestamp import Timestamp
from pymongo import MongoClient

from tests.failing import code


def test_a_note_is_an_entry(client: MongoClient[Any]) -> None:
    client.admin.command("appendOplogNote", data={"msg": "here"})
    newest = client.local["oplog.rs"].find_one(sort=[("$natural", -1)])
    assert newest is not None
    assert (newest["op"], newest["ns"], newest["o"]) == ("n", "", {"msg": "here"})
    assert code(client.admin, {"appendOplogNote": 1}) == 40414
    assert code(client.db, {"appendOplogNote": 1, "data": {}}) == 13


def test_no_note_is_written_once_the_time_is_reached(client: MongoClient[Any]) -> None:
    before = client.admin.command("appendOplogNote", data={})["operationTime"]
    assert code(client.admin, {"appendOplogNote": 1, "data": {}, "maxClusterTime": before}) == 209
    assert code(client.admin, {"appendOplogNote": 1, "data": {}, "maxClusterTime": 5}) == 14
    later = Timestamp(before.time + 1000, 1)
    assert client.admin.command("appendOplogNote", data={}, maxClusterTime=later)["operationTime"] > before
