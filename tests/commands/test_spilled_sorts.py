"""Sorts that exceed their memory limit use the disk, and return what a sort in memory returns."""

from __future__ import annotations

import secrets
from random import Random
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.exec import spilling
from secantus_server.storage.temporary import TemporaryFile
from tests.commands.spilled import limited, random_documents

LIMIT = 20_000
PATTERNS: list[dict[str, Any]] = [
    {"a": 1},
    {"a": -1, "b": 1},
    {"n": 1},
    {"a.p": 1, "c": -1},
    {"missing": 1},
    {"b": 1, "a": -1, "_id": -1},
]
ENGLISH = {"locale": "en", "strength": 1}


@pytest.fixture
def filled(db: Database) -> tuple[Database, Random]:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    random = Random(seed)
    db.c.insert_many(random_documents(random, 1000))
    return db, random


def shown(documents: Any) -> list[str]:
    return [repr(document) for document in documents]


def executed(db: Database, command: dict[str, Any]) -> dict[str, Any]:
    return db.command({"explain": command, "verbosity": "executionStats"})


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_a_find_returns_what_it_returns_in_memory(filled: tuple[Database, Random], pattern: dict[str, Any]) -> None:
    db, random = filled
    options = random.choice([{}, {"collation": ENGLISH}])
    for skip, limit in ((0, 0), (random.randrange(900), 0), (0, random.randrange(300, 900)), (0, 2500), (50, 10)):
        window = {"sort": list(pattern.items()), "skip": skip, "limit": limit, "batch_size": random.choice([0, 7]), **options}
        expected = shown(db.c.find({}, **window))
        with limited(db, LIMIT):
            assert shown(db.c.find({}, **window)) == expected, window


@pytest.mark.parametrize("projection", [{"_id": 1}, {"a.p": 1, "b": 1}, {"c": 0}, {"n": {"$add": [{"$size": [[1]]}, 1]}}], ids=str)
def test_a_projection_is_that_of_the_sorted_documents(filled: tuple[Database, Random], projection: dict[str, Any]) -> None:
    db, random = filled
    pattern = random.choice(PATTERNS)
    expected = shown(db.c.aggregate([{"$sort": pattern}, {"$project": projection}]))
    for options in ({"batch_size": 7}, {"skip": 3}, {"limit": 600}, {"allow_disk_use": False}):
        window = {"sort": list(pattern.items()), **options}
        part = expected[options.get("skip", 0) :][: options.get("limit") or 1000]
        assert shown(db.c.find({}, projection, **window)) == part
        with limited(db, LIMIT if options.get("allow_disk_use") is None else 10**6):
            assert shown(db.c.find({}, projection, **window)) == part


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_a_stage_returns_what_it_returns_in_memory(filled: tuple[Database, Random], pattern: dict[str, Any]) -> None:
    db, random = filled
    options = random.choice([{}, {"collation": ENGLISH}])
    for limit in ([], [{"$limit": 10}], [{"$limit": 500}], [{"$skip": 5}, {"$limit": 2600}]):
        # The first stage is not part of a query, so the $sort runs as a stage.
        for first in ([], [{"$addFields": {"more": 1}}]):
            pipeline = [*first, {"$sort": pattern}, *limit]
            expected = shown(db.c.aggregate(pipeline, **options))
            with limited(db, LIMIT):
                assert shown(db.c.aggregate(pipeline, **options)) == expected, pipeline


def test_runs_that_are_merged_several_times(filled: tuple[Database, Random], monkeypatch: pytest.MonkeyPatch) -> None:
    db, _ = filled
    monkeypatch.setattr(spilling, "FAN_IN", 3)
    expected = shown(db.c.find({}, sort=[("a", 1)]))
    with limited(db, LIMIT // 4):
        assert shown(db.c.find({}, sort=[("a", 1)])) == expected
        assert shown(db.c.aggregate([{"$sort": {"a": 1}}, {"$limit": 400}])) == expected[:400]


def test_metadata_is_kept(db: Database) -> None:
    db.c.create_index([("text", "text")])
    db.c.insert_many([{"_id": n, "text": "word " * (n % 7 + 1), "n": -n} for n in range(200)])
    found = {"$text": {"$search": "word"}}
    score = {"$meta": "textScore"}
    stages = [{"$match": found}, {"$sort": {"n": 1}}, {"$project": {"score": score, "key": {"$meta": "sortKey"}}}]
    later = [{"$match": found}, {"$set": {"m": "$n"}}, {"$sort": {"m": 1}}, {"$project": {"score": score, "key": {"$meta": "sortKey"}}}]

    def results() -> list[Any]:
        scored = db.c.find(found, {"score": score, "key": {"$meta": "sortKey"}}, sort=[("score", score)])
        finds = [scored, db.c.find({}, {"id": {"$meta": "recordId"}}, sort=[("n", 1)])]
        return [shown(cursor) for cursor in (*finds, db.c.aggregate(stages), db.c.aggregate(later))]

    expected = results()
    with limited(db, 2000):
        assert results() == expected


def test_explain_shows_what_was_spilled(filled: tuple[Database, Random]) -> None:
    db, _ = filled
    with limited(db, LIMIT):
        stats = executed(db, {"find": "c", "sort": {"n": 1}})["executionStats"]["executionStages"]
        small = executed(db, {"find": "c", "sort": {"n": 1}, "limit": 5})["executionStats"]["executionStages"]
        stages = executed(db, {"aggregate": "c", "pipeline": [{"$set": {"m": 1}}, {"$sort": {"n": 1}}], "cursor": {}})["stages"]
    assert (stats["stage"], stats["usedDisk"], stats["spilledRecords"]) == ("SORT", True, 1000)
    assert stats["spills"] > 3
    assert stats["spilledBytes"] > stats["spilledDataStorageSize"] > stats["totalDataSizeSorted"]
    assert (small["usedDisk"], small["spills"], small["spilledRecords"]) == (False, 0, 0), "the limit needs little memory"
    assert (stages[-1]["usedDisk"], stages[-1]["spilledRecords"]) == (True, 1000)


def test_a_cursor_that_is_closed_frees_its_files(filled: tuple[Database, Random], monkeypatch: pytest.MonkeyPatch) -> None:
    db, _ = filled
    closed: list[int] = []
    close = TemporaryFile.close
    monkeypatch.setattr(TemporaryFile, "close", lambda self: (closed.append(1), close(self)))
    with limited(db, LIMIT):
        cursors = [db.c.find(sort=[("n", 1)], batch_size=2), db.c.aggregate([{"$set": {"m": 1}}, {"$sort": {"n": 1}}], batchSize=2)]
        for cursor in cursors:
            next(cursor)
        assert not closed
        for cursor in cursors:
            cursor.close()
    assert len(closed) == 2


def test_a_spilling_sort_can_be_interrupted(filled: tuple[Database, Random]) -> None:
    db, _ = filled
    slow = {"$function": {"body": "function() { let n = 0; for (let i = 0; i < 3e4; i++) n += i; return n }", "args": [], "lang": "js"}}
    with limited(db, 500), pytest.raises(OperationFailure) as caught:
        list(db.c.aggregate([{"$set": {"m": slow}}, {"$sort": {"n": 1}}], maxTimeMS=30))
    assert caught.value.code == 50
