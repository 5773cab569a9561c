"""The buckets of time-series collections: spans, counts, order, and stored form."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.database import Database

from tests.failing import failure

START = datetime(2024, 1, 1, tzinfo=timezone.utc)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def series(db: Database[dict[str, Any]], **options: Any) -> Database[dict[str, Any]]:
    db.create_collection("s", timeseries={"timeField": "t", "metaField": "m", **options})
    return db


def buckets(db: Database[dict[str, Any]]) -> list[dict[str, Any]]:
    return list(db["system.buckets.s"].find())


@pytest.mark.parametrize(
    ("options", "rounding", "span"),
    [
        ({}, 60, 3600),
        ({"granularity": "seconds"}, 60, 3600),
        ({"granularity": "minutes"}, 3600, 86_400),
        ({"granularity": "hours"}, 86_400, 2_592_000),
        ({"bucketMaxSpanSeconds": 10, "bucketRoundingSeconds": 10}, 10, 10),
    ],
)
def test_spans(db: Database[dict[str, Any]], options: dict[str, Any], rounding: int, span: int) -> None:
    series(db, **options)
    db.s.insert_one({"t": after(rounding - 1), "m": 1})
    db.s.insert_one({"t": after(span - 1), "m": 1})
    assert [bucket["control"]["min"]["t"] for bucket in buckets(db)] == [START]
    db.s.insert_one({"t": after(span), "m": 1})
    assert [bucket["control"]["count"] for bucket in buckets(db)] == [2, 1]


def test_the_shape_of_a_bucket(db: Database[dict[str, Any]]) -> None:
    series(db)
    db.s.insert_many([{"_id": 2, "t": after(9), "m": {"b": 1, "a": 2}, "v": 1.5}, {"_id": 1, "t": after(5), "m": {"a": 2, "b": 1}}])
    (bucket,) = buckets(db)
    assert bucket.pop("_id").generation_time == START
    assert bucket == {
        "control": {"version": 1, "min": {"_id": 1, "t": START, "v": 1.5}, "max": {"_id": 2, "t": after(9), "v": 1.5}, "count": 2},
        "meta": {"a": 2, "b": 1},
        "data": {"_id": {"0": 1, "1": 2}, "t": {"0": after(5), "1": after(9)}, "v": {"1": 1.5}},
    }


def test_measurements_show_time_and_metadata_first(db: Database[dict[str, Any]]) -> None:
    series(db)
    db.s.insert_one({"_id": 1, "v": 1, "m": 2, "t": START})
    assert list(db.s.find_one() or ()) == ["t", "m", "_id", "v"]
    assert db.s.find_one({}, {"_id": 0, "v": 1}) == {"v": 1}


def test_a_bucket_has_at_most_a_thousand_measurements(db: Database[dict[str, Any]]) -> None:
    series(db)
    db.s.insert_many([{"t": after(number % 100), "m": 1} for number in range(2500)])
    assert sorted(bucket["control"]["count"] for bucket in buckets(db)) == [500, 1000, 1000]
    db.s.insert_many([{"t": START, "m": 1} for _ in range(500)])
    assert [bucket["control"]["count"] for bucket in buckets(db)] == [1000, 1000, 1000]


def test_large_measurements_share_a_bucket_up_to_its_size(db: Database[dict[str, Any]]) -> None:
    series(db)
    db.s.insert_many([{"t": START, "m": 1, "v": "x" * 20_000} for _ in range(30)])
    assert sorted(bucket["control"]["count"] for bucket in buckets(db)) == [10, 10, 10]


def test_an_earlier_measurement_opens_a_bucket_and_a_later_one_uses_the_old(db: Database[dict[str, Any]]) -> None:
    series(db)
    for seconds in (7200, 0, 7201, 1):
        db.s.insert_one({"t": after(seconds), "m": 1})
    assert [bucket["control"]["count"] for bucket in buckets(db)] == [2, 2]


def test_each_series_has_its_own_buckets(db: Database[dict[str, Any]]) -> None:
    series(db)
    metas: list[Any] = [None, 1, 1.0, Int64(1), "a", {"a": 1}, [1], True]
    db.s.insert_many([{"t": START, "m": meta} for meta in metas for _ in range(2)] + [{"t": START}])
    assert len(buckets(db)) == len(metas) + 1
    assert db.s.count_documents({"m": {"$exists": False}}) == 1


def test_bounds_of_documents_and_arrays_are_those_of_their_parts(db: Database[dict[str, Any]]) -> None:
    series(db)
    db.s.insert_many([{"t": START, "v": {"a": 1, "b": 5}, "w": [3, 1]}, {"t": START, "v": {"a": 2}, "w": [1, 2, 3]}])
    control = buckets(db)[0]["control"]
    assert (control["min"]["v"], control["max"]["v"]) == ({"a": 1, "b": 5}, {"a": 2, "b": 5})
    assert (control["min"]["w"], control["max"]["w"]) == ([1, 1, 3], [3, 2, 3])


@pytest.mark.parametrize("time", [None, 1, "2024", {"$date": 1}])
def test_a_measurement_needs_a_time(db: Database[dict[str, Any]], time: Any) -> None:
    series(db)
    reply = db.command("insert", "s", documents=[{"t": START}, {"t": time}, {"t": START}], ordered=False)
    assert (reply["n"], reply["writeErrors"][0]["index"], reply["writeErrors"][0]["code"]) == (2, 1, 2)
    reply = db.command("insert", "s", documents=[{"t": START}, {"m": 1}, {"t": START}])
    assert (reply["n"], reply["writeErrors"][0]["index"], reply["writeErrors"][0]["code"]) == (1, 1, 2)


@pytest.mark.parametrize("year", [1, 1969, 2040, 2200, 9999])
def test_times_far_away(db: Database[dict[str, Any]], year: int) -> None:
    series(db)
    time = datetime(year, 6, 1, tzinfo=timezone.utc)
    db.s.insert_many([{"t": time, "m": 1}, {"t": START, "m": 1}])
    assert (
        db.s.count_documents({"t": time}) == db.s.count_documents({"t": {"$lt": START}}) + db.s.count_documents({"t": {"$gt": START}}) == 1
    )


@pytest.mark.parametrize("granularity", ["seconds", "minutes", "hours"])
def test_the_first_and_the_last_dates_of_all(db: Database[dict[str, Any]], granularity: str) -> None:
    """Rounding must not go beyond the first date, nor the end of a bucket beyond the last."""
    series(db, granularity=granularity)
    first, last = DatetimeMS(-(2**63)), DatetimeMS(2**63 - 1)
    db.s.insert_many([{"t": time, "m": 1} for time in (last, first)])
    db.s.insert_many([{"t": time, "m": 1} for time in (first, last)])
    assert [bucket["count"] for bucket in db["system.buckets.s"].aggregate([{"$project": {"count": "$control.count"}}])] == [2, 2]
    for time in (first, last):
        assert db.s.count_documents({"t": time}) == 2
    assert db.s.count_documents({"t": {"$gt": first, "$lt": last}}) == 0


def test_compressed_buckets_of_another_server_are_refused(db: Database[dict[str, Any]]) -> None:
    series(db)
    db.s.insert_one({"t": START})
    bucket = buckets(db)[0]
    bucket["control"]["version"] = 2
    db["system.buckets.s"].replace_one({}, bucket)
    assert failure(db, {"find": "s"})["code"] == 238


def test_buckets_can_be_inserted_as_a_restored_dump_does(db: Database[dict[str, Any]]) -> None:
    series(db)
    db.s.insert_many([{"t": after(number), "m": 1, "v": number} for number in range(5)])
    dumped = buckets(db)
    db.s.drop()
    series(db)
    db["system.buckets.s"].insert_many(dumped)
    db.s.insert_one({"t": START, "m": 1, "v": 9})
    assert sorted(one["v"] for one in db.s.find()) == [0, 1, 2, 3, 4, 9]
    reply = db.command("insert", "system.buckets.s", documents=[{"a": 1}])
    assert reply["writeErrors"][0]["code"] == 121


def test_a_retried_insert_is_not_repeated(db: Database[dict[str, Any]]) -> None:
    series(db)
    with db.client.start_session() as session:
        command = {"insert": "s", "documents": [{"t": START, "m": 1}], "txnNumber": Int64(1)}
        assert [db.command(dict(command), session=session)["n"] for _ in range(2)] == [1, 1]
    assert db.s.count_documents({}) == 1


def test_threads_share_a_bucket(db: Database[dict[str, Any]], server: Any) -> None:
    series(db)

    def insert(first: int) -> None:
        with MongoClient[dict[str, Any]](server.uri) as client:
            for number in range(20):
                client[db.name].s.insert_one({"t": after(number), "m": 1, "v": first + number})

    threads = [threading.Thread(target=insert, args=(100 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one["v"] for one in db.s.find()}) == 80
    assert [bucket["control"]["count"] for bucket in buckets(db)] == [80]


def test_past_states(db: Database[dict[str, Any]]) -> None:
    series(db)
    db.s.insert_many([{"t": after(number), "m": number % 2, "v": number} for number in range(6)])
    with db.client.start_session(snapshot=True) as session:
        assert db.s.count_documents({}, session=session) == 6
        db.s.insert_one({"t": START, "m": 1})
        db.s.delete_many({"v": {"$lt": 3}})
        assert db.s.count_documents({}, session=session) == 6
    assert db.s.count_documents({}) == 4


def test_a_snapshot_brings_the_measurements_back(db: Database[dict[str, Any]], server: Any) -> None:
    series(db)
    db.s.insert_many([{"t": after(number), "m": 1} for number in range(5)])
    snapshot = server.snapshot()
    db.s.insert_many([{"t": after(number), "m": 1} for number in range(5)])
    db.s.delete_many({"t": START})
    server.restore(snapshot)
    assert db.s.count_documents({}) == 5
    db.s.insert_one({"t": START, "m": 1})
    assert [bucket["control"]["count"] for bucket in buckets(db)] == [6]
    assert db.command("validate", "s", full=True)["valid"]


@pytest.mark.parametrize("value", [[1], {"x": [1]}, {"x": {"y": [2]}}])
def test_an_indexed_field_has_no_arrays(db: Database[dict[str, Any]], value: Any) -> None:
    series(db)
    db.s.create_index([("m", 1), ("v.x.y" if type(value) is dict else "v", 1)])
    reply = db.command("insert", "s", documents=[{"t": START, "v": 1}, {"t": START, "v": value}, {"t": START}], ordered=False)
    assert (reply["n"], reply["writeErrors"][0]["index"], reply["writeErrors"][0]["code"]) == (2, 1, 5930501)
    db.s.drop_indexes()
    db.s.insert_one({"t": START, "v": value})
    command = {"createIndexes": "s", "indexes": [{"key": {"v.x.y" if type(value) is dict else "v": 1}, "name": "a"}]}
    assert failure(db, command)["code"] == 5930501
