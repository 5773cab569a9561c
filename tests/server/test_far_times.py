"""Clocks beyond the range of timestamps: 32-bit seconds end in 2106, signed ones in 2038."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.bson.values import MAX_SECONDS
from secantus_server.clock import SettableClock
from secantus_server.server import SecantusDBServer

CODEC = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
EMPTY = Timestamp(0, 0)


def ms_of(year: int) -> int:
    return int(datetime(year, 7, 1, tzinfo=timezone.utc).timestamp()) * 1000


@pytest.fixture(params=[1960, 2039, 2105, 2107, 9000])
def year(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(params=["secantus", ""], ids=["replica set", "standalone"])
def db(request: pytest.FixtureRequest, year: int) -> Iterator[Database]:
    settings: dict[str, Any] = {"replica_set": request.param, "clock": SettableClock(ms_of(year))}
    with (
        SecantusDBServer(port=0, storage_path=":memory:", log_level="error", **settings) as server,
        MongoClient(server.uri, retryWrites=bool(request.param)) as client,
    ):
        yield client.get_database("far", codec_options=CODEC)


def test_timestamps_are_the_nearest_that_there_are(db: Database, year: int) -> None:
    seconds = min(max(ms_of(year) // 1000, 0), MAX_SECONDS)
    db.c.insert_one({"_id": 1, "t": EMPTY})
    db.c.replace_one({"_id": 2}, {"t": EMPTY}, upsert=True)
    db.c.update_one({"_id": 3}, {"$currentDate": {"t": {"$type": "timestamp"}, "d": True}}, upsert=True)
    db.c.aggregate([{"$match": {"_id": 1}}, {"$project": {"_id": {"$literal": 4}, "t": {"$literal": EMPTY}}}, {"$merge": "c"}])
    found = {document["_id"]: document for document in db.c.find()}
    assert [found[number]["t"].time for number in (1, 2, 3)] == [seconds] * 3
    assert int(found[3]["d"]) == ms_of(year)
    assert db.c.insert_one({}).inserted_id


def test_times_go_on_from_there(year: int) -> None:
    clock = SettableClock(ms_of(year))
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", clock=clock) as server, MongoClient(server.uri) as client:
        stamps = []
        for _ in range(4):
            with server.checkpoint():
                client.far.c.insert_one({})
                stamps.append(client.admin.command("ping")["operationTime"])
            clock.advance(50 * 365 * 86400 * 1000)
        assert stamps == sorted(set(stamps))
