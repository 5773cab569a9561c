"""Groups that exceed their memory limit use the disk, and return what groups in memory return, in the same order."""

from __future__ import annotations

import secrets
from random import Random
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.mql.accumulators.registry import PARSERS
from tests.commands.spilled import limited, random_documents

LIMIT = 30_000
IDS: list[Any] = ["$n", "$a", {"x": "$a", "y": "$b"}, {"n": {"$mod": ["$n", 7]}}, {"$toUpper": "$text"}, None]
ENGLISH = {"locale": "en", "strength": 1}
SORT_BY = {"sortBy": {"b": 1, "n": -1}, "output": ["$_id", "$c"]}
SCRIPT = {
    "init": "function(first) { return {sum: first, ids: []} }",
    "initArgs": [5],
    "accumulate": "function(state, n, id) { state.sum += n; state.ids.push(id); return state }",
    "accumulateArgs": ["$n", "$_id"],
    "merge": "function(one, other) { throw new Error('states are not merged') }",
    "lang": "js",
}
ACCUMULATORS: dict[str, Any] = {
    **dict.fromkeys(("$sum", "$avg", "$stdDevPop", "$stdDevSamp"), "$n"),
    **dict.fromkeys(("$min", "$max", "$first", "$last", "$push", "$addToSet"), "$b"),
    "$count": {},
    "$mergeObjects": {"$arrayToObject": [[{"k": {"$toString": {"$mod": ["$n", 5]}}, "v": "$_id"}]]},
    "$concatArrays": {"$cond": [{"$isArray": "$a"}, "$a", "$$REMOVE"]},
    "$setUnion": {"$cond": [{"$isArray": "$a"}, "$a", "$$REMOVE"]},
    **{name: {"n": 3, "input": "$b"} for name in ("$firstN", "$lastN", "$minN", "$maxN")},
    **{name: {"n": 3, **SORT_BY} for name in ("$topN", "$bottomN")},
    **dict.fromkeys(("$top", "$bottom"), SORT_BY),
    "$median": {"input": "$n", "method": "approximate"},
    "$percentile": {"input": "$n", "p": [0.1, 0.9], "method": "approximate"},
    "$accumulator": SCRIPT,
}


@pytest.fixture
def filled(db: Database) -> tuple[Database, Random]:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    random = Random(seed)
    db.c.insert_many(random_documents(random, 700))
    return db, random


def shown(documents: Any) -> list[str]:
    return [repr(document) for document in documents]


def spilled(db: Database, pipeline: list[dict[str, Any]]) -> dict[str, Any]:
    command = {"aggregate": "c", "pipeline": pipeline, "cursor": {}}
    return next(stage for stage in db.command({"explain": command, "verbosity": "executionStats"})["stages"] if "$group" in stage)


def test_the_accumulators_are_complete() -> None:
    assert set(ACCUMULATORS) == set(PARSERS)


@pytest.mark.parametrize("name", ACCUMULATORS)
def test_an_accumulator_returns_what_it_returns_in_memory(filled: tuple[Database, Random], name: str) -> None:
    db, random = filled
    options = random.choice([{}, {"collation": ENGLISH}])
    for group_id in IDS[:3]:
        pipeline = [{"$group": {"_id": group_id, "all": {name: ACCUMULATORS[name]}}}]
        expected = shown(db.c.aggregate(pipeline, **options))
        limit = random.choice([LIMIT, LIMIT // 4])
        with limited(db, limit):
            assert shown(db.c.aggregate(pipeline, **options)) == expected, (limit, pipeline)
            assert group_id != "$n" or spilled(db, pipeline)["usedDisk"], pipeline


@pytest.mark.parametrize("group_id", IDS, ids=str)
def test_many_accumulators_at_once(filled: tuple[Database, Random], group_id: Any) -> None:
    db, random = filled
    fields = {f"f{name[1:]}": {name: ACCUMULATORS[name]} for name in random.sample(sorted(ACCUMULATORS), 6)}
    pipeline = [{"$group": {"_id": group_id, **fields}}]
    expected = shown(db.c.aggregate(pipeline))
    with limited(db, LIMIT):
        assert shown(db.c.aggregate(pipeline)) == expected, pipeline
    assert shown(db.c.aggregate([*pipeline, {"$match": {}}, {"$skip": 1}])) == expected[1:]


@pytest.mark.parametrize(
    "stages",
    [
        [{"$unwind": "$a"}, {"$group": {"_id": "$a", "n": {"$sum": "$n"}, "same": {"$push": "$a"}, "b": {"$first": "$b"}}}],
        [{"$unwind": "$a"}, {"$group": {"_id": {"a": "$a", "n": "$n"}, "count": {"$sum": 1}}}],
        [{"$project": {"m": {"$mod": ["$n", 400]}, "c": 1}}, {"$group": {"_id": "$m", "c": {"$push": "$c"}, "most": {"$max": "$m"}}}],
        [{"$sortByCount": "$n"}],
    ],
    ids=lambda stages: "".join(next(iter(stage)) for stage in stages),
)
def test_stages_that_run_together(filled: tuple[Database, Random], stages: list[dict[str, Any]]) -> None:
    db, _ = filled
    expected = shown(db.c.aggregate(stages))
    with limited(db, LIMIT // 2):
        assert shown(db.c.aggregate(stages)) == expected


def test_a_group_by_random_numbers(filled: tuple[Database, Random]) -> None:
    """The key of a document is evaluated once, so no group appears twice."""
    db, _ = filled
    with limited(db, LIMIT // 2):
        found = list(db.c.aggregate([{"$group": {"_id": {"$floor": {"$multiply": [{"$rand": {}}, 300]}}, "all": {"$push": "$text"}}}]))
    assert len({group["_id"] for group in found}) == len(found)
    assert sum(len(group["all"]) for group in found) == 700


def test_one_group_that_exceeds_the_limit(filled: tuple[Database, Random]) -> None:
    db, _ = filled
    pipeline = [{"$group": {"_id": None, "all": {"$push": "$$ROOT"}}}]
    expected = shown(db.c.aggregate(pipeline))
    with limited(db, LIMIT):
        assert shown(db.c.aggregate(pipeline)) == expected
        assert spilled(db, pipeline)["usedDisk"] is False, "it cannot be divided"


def test_states_that_are_replaced_by_longer_values(db: Database) -> None:
    db.c.insert_many([{"_id": n, "key": n % 50, "text": "t" * (1 + n * 2)} for n in range(1000)])
    pipeline = [{"$group": {"_id": "$key", "last": {"$last": "$text"}}}]
    expected = shown(db.c.aggregate(pipeline))
    with limited(db, LIMIT):
        assert shown(db.c.aggregate(pipeline)) == expected
        assert spilled(db, pipeline)["usedDisk"] is True


def test_explain_shows_what_was_spilled(filled: tuple[Database, Random]) -> None:
    db, _ = filled
    pipeline = [{"$group": {"_id": "$n", "texts": {"$push": "$text"}}}]
    shown = spilled(db, pipeline)
    assert (shown["usedDisk"], shown["spills"], shown["spilledBytes"]) == (False, 0, 0)
    with limited(db, LIMIT):
        shown = spilled(db, pipeline)
    assert shown["usedDisk"] is True
    assert shown["spills"] >= 1
    assert shown["spilledRecords"] > 100
    assert shown["spilledBytes"] > shown["spilledDataStorageSize"] > 10_000


def test_the_disk_may_be_forbidden(filled: tuple[Database, Random]) -> None:
    db, _ = filled
    with limited(db, LIMIT // 2), pytest.raises(OperationFailure) as caught:
        db.c.aggregate([{"$group": {"_id": "$n", "texts": {"$push": "$text"}}}], allowDiskUse=False)
    assert caught.value.code == 292


def test_server_status_counts_spills(filled: tuple[Database, Random], admin: Database) -> None:
    db, _ = filled

    def counts() -> dict[str, Any]:
        found: dict[str, Any] = admin.command("serverStatus")["metrics"]["query"]
        return found

    before = counts()
    with limited(db, LIMIT // 2):
        list(db.c.find(sort=[("n", 1)]))
        list(db.c.aggregate([{"$group": {"_id": "$n", "texts": {"$push": "$text"}}}]))
    after = counts()
    assert after["sort"]["spillToDisk"] > before["sort"]["spillToDisk"]
    assert after["sort"]["spillToDiskBytes"] > before["sort"]["spillToDiskBytes"]
    assert all(after["group"][name] > before["group"][name] for name in after["group"])
    assert after["bucketAuto"] == before["bucketAuto"]


def test_metadata_of_documents_in_files(db: Database) -> None:
    db.c.create_index({"text": "text"})
    db.c.create_index({"at": "2dsphere"})
    db.c.insert_many([{"_id": n, "k": n % 50, "text": "word " * (n % 9 + 1), "at": [n % 90, n % 80]} for n in range(500)])
    near = {"$geoNear": {"near": {"type": "Point", "coordinates": [0, 0]}, "key": "at"}}
    text = {"$match": {"$text": {"$search": "word"}}}
    order = {"sortBy": {"score": {"$meta": "textScore"}, "_id": 1}, "output": "$_id"}
    for stages, accumulator in [
        ([], {"$push": {"$meta": "recordId"}}),
        ([text], {"$sum": {"$meta": "textScore"}}),
        ([text], {"$top": order}),
        ([near], {"$min": {"$meta": "geoNearDistance"}}),
        ([{"$sort": {"k": -1, "_id": 1}}], {"$max": {"$meta": "sortKey"}}),
        ([text, {"$unwind": "$at"}], {"$push": {"$meta": "textScore"}}),
    ]:
        pipeline = [*stages, {"$group": {"_id": "$k", "found": accumulator}}]
        expected = list(db.c.aggregate(pipeline))
        for limit in (20_000, 500):
            with limited(db, limit):
                assert list(db.c.aggregate(pipeline)) == expected
                assert spilled(db, pipeline)["usedDisk"] is True
