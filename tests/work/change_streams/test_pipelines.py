"""The stages after `$changeStream`.

https://www.mongodb.com/docs/manual/changeStreams/#modify-change-stream-output
"""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import OperationFailure

from tests.failing import code
from tests.work.change_streams.test_events import taken

MANY_BYTES = 9 * 1024 * 1024


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ([{"$match": {"operationType": "delete"}}], [{"operationType": "delete", "documentKey": {"_id": 1}}]),
        ([{"$match": {"fullDocument.a": {"$gt": 5}}}], []),
        ([{"$match": {"$expr": {"$eq": ["$documentKey._id", 2]}}}, {"$project": {"ns": 0}}], [{"documentKey": {"_id": 2}}]),
        ([{"$addFields": {"x": "$fullDocument.a"}}, {"$match": {"x": 3}}], [{"x": 3}]),
        ([{"$set": {"x": {"$toUpper": "$operationType"}}}], [{"x": "INSERT"}, {"x": "INSERT"}, {"x": "DELETE"}]),
        ([{"$unset": "fullDocument"}, {"$match": {"operationType": "insert"}}], [{"documentKey": {"_id": 1}}, {"documentKey": {"_id": 2}}]),
        ([{"$replaceRoot": {"newRoot": {"_id": "$_id", "k": "$documentKey._id"}}}], [{"k": 1}, {"k": 2}, {"k": 1}]),
        ([{"$replaceWith": {"_id": "$_id", "k": "$documentKey._id"}}, {"$match": {"k": 2}}], [{"k": 2}]),
        ([{"$redact": {"$cond": [{"$eq": ["$operationType", "delete"]}, "$$PRUNE", "$$KEEP"]}}],
         [{"documentKey": {"_id": 1}}, {"documentKey": {"_id": 2}}]),
        ([{"$changeStreamSplitLargeEvent": {}}], [{"documentKey": {"_id": 1}}, {"documentKey": {"_id": 2}}, {"operationType": "delete"}]),
    ],
)  # fmt: skip
def test_each_event_passes_the_stages(db: Database, stages: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    with db.c.watch(stages, max_await_time_ms=1) as stream:
        events = taken(stream)
        db.c.insert_one({"_id": 1, "a": 3})
        events += taken(stream)
        db.c.insert_one({"_id": 2, "a": 4})
        db.c.delete_one({"_id": 1})
        events += taken(stream)
    assert [{name: event.get(name) for name in want} for event, want in zip(events, expected, strict=True)] == expected


@pytest.mark.parametrize(
    "stage", [{"$project": {"_id": 0}}, {"$set": {"_id": 1}}, {"$unset": "_id"}, {"$replaceWith": {"a": 1}}, {"$set": {"_id._data": "82"}}]
)
def test_the_token_must_stay(db: Database, stage: dict[str, Any]) -> None:
    with db.c.watch([stage], max_await_time_ms=1) as stream:
        assert taken(stream) == []
        db.c.insert_one({})
        with pytest.raises(OperationFailure) as caught:
            stream.next()
    assert caught.value.code == 280
    assert caught.value.has_error_label("NonResumableChangeStreamError")


def test_a_stage_that_fails_ends_the_stream(db: Database) -> None:
    cursor = db.command(
        {"aggregate": "c", "pipeline": [{"$changeStream": {}}, {"$set": {"x": {"$divide": [1, "$fullDocument.a"]}}}], "cursor": {}}
    )
    more = {"getMore": cursor["cursor"]["id"], "collection": "c", "maxTimeMS": 1}
    db.c.insert_one({"a": 0})
    assert code(db, more) == 2
    assert code(db, more) == 43


def test_an_event_above_the_limit(db: Database) -> None:
    with db.c.watch([{"$set": {"copy": "$fullDocument"}}], max_await_time_ms=1) as stream:
        db.c.insert_one({"_id": 1, "text": "x" * MANY_BYTES})
        with pytest.raises(OperationFailure) as caught:
            stream.next()
    assert caught.value.code == 10334


def test_a_large_event_in_fragments(db: Database) -> None:
    stages = [{"$set": {"copy": "$fullDocument"}}, {"$changeStreamSplitLargeEvent": {}}]
    with db.c.watch(stages, max_await_time_ms=1, batch_size=1) as stream:
        db.c.insert_one({"_id": 1, "text": "x" * MANY_BYTES})
        db.c.insert_one({"_id": 2})
        first, second, small = taken(stream)
    assert [one["splitEvent"] for one in (first, second)] == [{"fragment": 1, "of": 2}, {"fragment": 2, "of": 2}]
    assert "splitEvent" not in small
    together = {**first, **second}
    assert together["copy"] == together["fullDocument"]
    assert {"operationType", "clusterTime", "wallTime", "ns", "documentKey"} < first.keys()
    assert first["_id"]["_data"] < second["_id"]["_data"] < small["_id"]["_data"]
    for token, left in ((first, [second, small]), (second, [small]), (small, [])):
        with db.c.watch(stages, max_await_time_ms=1, resume_after=token["_id"]) as resumed:
            assert taken(resumed) == left


@pytest.mark.parametrize(
    ("pipeline", "expected"),
    [
        ([{"$changeStream": {}}, {"$changeStreamSplitLargeEvent": {"a": 1}}], 7182800),
        ([{"$changeStream": {}}, {"$changeStreamSplitLargeEvent": 1}], 7182800),
        ([{"$match": {}}, {"$changeStreamSplitLargeEvent": {}}], 7182802),
        ([{"$changeStreamSplitLargeEvent": {}}], 7182802),
        ([{"$changeStream": {}}, {"$changeStreamSplitLargeEvent": {}}, {"$match": {}}], 40601),
        ([{"$match": {}}, {"$changeStream": {}}], 40602),
        ([{"$changeStream": {}}, {"$unsupported": 1}], 40324),
        ([{"$facet": {"a": [{"$changeStream": {}}]}}], 40600),
    ],
)  # fmt: skip
def test_places_of_the_stages(db: Database, pipeline: list[dict[str, Any]], expected: int) -> None:
    assert code(db, {"aggregate": "c", "pipeline": pipeline, "cursor": {}}) == expected
