"""The memory limits of stages without allowDiskUse and of accumulators; setParameter lowers them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.dispatch.memory_limits import ALLOW_DISK_USE, PARAMETERS
from secantus_server.server import SecantusDBServer

LIMIT = 10_000
NO_DISK = 292
TOO_MUCH = 146
SORT_TEXT = f"Sort exceeded memory limit of {LIMIT} bytes, but did not opt in to external sorting."
GROUP_TEXT = "Exceeded memory limit for $group, but didn't allow external sort. Pass allowDiskUse:true to opt in."


@pytest.fixture(scope="module")
def limited(client: Any) -> Iterator[Database]:
    """Insert 20 documents of 1000 bytes, and set the limits to half of that."""
    client.admin.command({"setParameter": 1, **dict.fromkeys(PARAMETERS.values(), LIMIT)})
    db = client.memory_limits
    db.pages.insert_many([{"_id": n, "rank": -n, "next": n + 1, "one": 1, "text": f"{n:03}" + "x" * 960} for n in range(20)])
    db.create_collection("shown", viewOn="pages", pipeline=[])
    yield db
    client.drop_database(db.name)
    client.admin.command({"setParameter": 1, **dict.fromkeys(PARAMETERS.values(), 104857600)})


def failed(call: Callable[[], Any]) -> OperationFailure:
    with pytest.raises(OperationFailure) as caught:
        call()
    return caught.value


def text_of(error: OperationFailure) -> str:
    assert error.details is not None
    return str(error.details["errmsg"])


SORT_AND_SHRINK = [{"$sort": {"rank": 1}}, {"$project": {"_id": 1}}]
EVERYTHING = {"documents": ["unbounded", "unbounded"]}
BUCKET = {"groupBy": "$_id", "output": {"all": {"$first": "$text"}}}
WITHOUT_DISK: dict[str, tuple[list[dict[str, Any]], int, str]] = {
    "$sort": ([{"$sort": {"rank": 1}}], NO_DISK, SORT_TEXT),
    "$sort of computed documents": ([{"$addFields": {"a": 1}}, {"$sort": {"rank": 1}}], NO_DISK, SORT_TEXT),
    "$sort and a large $limit": ([{"$sort": {"rank": 1}}, {"$limit": 15}], NO_DISK, SORT_TEXT),
    "$sort in $lookup": (
        [{"$limit": 1}, {"$lookup": {"from": "pages", "pipeline": SORT_AND_SHRINK, "as": "found"}}],
        NO_DISK,
        SORT_TEXT,
    ),
    "$sort in $facet": ([{"$facet": {"found": SORT_AND_SHRINK}}], NO_DISK, SORT_TEXT),
    "$sort in $unionWith": ([{"$unionWith": {"coll": "pages", "pipeline": [{"$sort": {"rank": 1}}]}}], NO_DISK, SORT_TEXT),
    "$group": ([{"$group": {"_id": "$_id", "text": {"$first": "$text"}}}], NO_DISK, GROUP_TEXT),
    "$group by a large value": ([{"$group": {"_id": "$text"}}], NO_DISK, GROUP_TEXT),
    "$group by an object": ([{"$group": {"_id": {"a": "$text"}}}], NO_DISK, GROUP_TEXT),
    "$sortByCount": ([{"$sortByCount": "$text"}], NO_DISK, GROUP_TEXT),
    "$bucket": ([{"$bucket": {**BUCKET, "boundaries": list(range(21))}}], NO_DISK, GROUP_TEXT),
    "$bucketAuto": ([{"$bucketAuto": {**BUCKET, "buckets": 2}}], NO_DISK, SORT_TEXT),
    "$setWindowFields sorted": (
        [{"$setWindowFields": {"sortBy": {"rank": 1}, "output": {"n": {"$sum": 1, "window": EVERYTHING}}}}],
        NO_DISK,
        SORT_TEXT,
    ),
    "$setWindowFields in partitions": ([{"$setWindowFields": {"partitionBy": "$one", "output": {"n": {"$sum": 1}}}}], NO_DISK, SORT_TEXT),
    "$fill": ([{"$fill": {"sortBy": {"rank": 1}, "output": {"a": {"method": "locf"}}}}], NO_DISK, SORT_TEXT),
    "$densify": ([{"$densify": {"field": "rank", "range": {"step": 1, "bounds": "full"}}}], NO_DISK, SORT_TEXT),
    "$sample": ([{"$sample": {"size": 15}}], NO_DISK, SORT_TEXT),
    "$graphLookup": (
        [
            {"$match": {"_id": 0}},
            {
                "$graphLookup": {
                    "from": "pages",
                    "startWith": "$_id",
                    "connectFromField": "next",
                    "connectToField": "_id",
                    "as": "found",
                }
            },
        ],
        NO_DISK,
        "Exceeded memory limit for $graphLookup, but didn't allow external spilling; pass allowDiskUse:true to opt in",
    ),
}


@pytest.mark.parametrize("name", WITHOUT_DISK)
def test_a_stage_that_may_not_use_the_disk(limited: Database, name: str) -> None:
    pipeline, code, text = WITHOUT_DISK[name]
    error = failed(lambda: list(limited.pages.aggregate(pipeline, allowDiskUse=False)))
    assert (error.code, text_of(error)) == (code, text)
    assert list(limited.pages.aggregate(pipeline)), "it may use the disk unless told otherwise"
    assert list(limited.pages.aggregate(pipeline, allowDiskUse=True))


SMALL_ENOUGH = {
    "$sort and $limit": [{"$sort": {"rank": 1}}, {"$limit": 3}],
    "a later $sort and $limit": [{"$addFields": {"a": 1}}, {"$sort": {"rank": 1}}, {"$limit": 3}],
    "$group of few small values": [{"$group": {"_id": "$one", "n": {"$sum": 1}, "least": {"$min": "$rank"}, "text": {"$last": "$text"}}}],
    "$bucket of few small values": [{"$bucket": {"groupBy": "$_id", "boundaries": [0, 50], "output": {"text": {"$first": "$text"}}}}],
    "$sample": [{"$sample": {"size": 5}}],
    "no blocking stage": [{"$match": {"one": 1}}, {"$addFields": {"a": 1}}],
}


@pytest.mark.parametrize("name", SMALL_ENOUGH)
def test_what_keeps_little_needs_no_disk(limited: Database, name: str) -> None:
    assert list(limited.pages.aggregate(SMALL_ENOUGH[name], allowDiskUse=False))


def test_a_window_without_order_keeps_its_documents(limited: Database) -> None:
    pipeline = [{"$setWindowFields": {"output": {"n": {"$sum": 1}}}}]
    assert failed(lambda: list(limited.pages.aggregate(pipeline, allowDiskUse=False))).code == 5643011
    assert list(limited.pages.aggregate(pipeline))


@pytest.mark.parametrize("name", ["pages", "shown"])
def test_a_sorted_find(limited: Database, name: str) -> None:
    cursor = limited[name].find().sort("rank", 1)
    error = failed(lambda: list(cursor.clone().allow_disk_use(False)))
    assert (error.code, text_of(error)) == (NO_DISK, SORT_TEXT)
    assert [document["_id"] for document in cursor.clone().limit(3).allow_disk_use(False)] == [19, 18, 17]
    assert failed(lambda: list(cursor.clone().limit(15).allow_disk_use(False))).code == NO_DISK
    assert len(list(cursor.clone())) == len(list(cursor.clone().allow_disk_use(True))) == 20


def test_an_index_sorts_without_memory(limited: Database) -> None:
    assert len(list(limited.pages.find().sort("_id", -1).allow_disk_use(False))) == 20


def test_the_disk_may_be_forbidden_by_default(limited: Database) -> None:
    admin = limited.client.admin
    admin.command({"setParameter": 1, ALLOW_DISK_USE: False})
    try:
        sort = [{"$sort": {"rank": 1}}]
        assert failed(lambda: list(limited.pages.aggregate(sort))).code == NO_DISK
        assert failed(lambda: list(limited.pages.find().sort("rank", 1))).code == NO_DISK
        assert len(list(limited.pages.aggregate(sort, allowDiskUse=True))) == 20
        assert len(list(limited.pages.find().sort("rank", 1).allow_disk_use(True))) == 20
    finally:
        admin.command({"setParameter": 1, ALLOW_DISK_USE: True})


ACCUMULATORS: dict[str, Any] = {
    "$push": "$text",
    "$addToSet": "$text",
    "$concatArrays": ["$text"],
    "$setUnion": ["$text"],
    "$firstN": {"n": 15, "input": "$text"},
    "$lastN": {"n": 15, "input": "$text"},
    "$minN": {"n": 15, "input": "$text"},
    "$maxN": {"n": 15, "input": "$text"},
    "$topN": {"n": 15, "sortBy": {"rank": 1}, "output": "$text"},
    "$bottomN": {"n": 15, "sortBy": {"rank": 1}, "output": "$text"},
}


def spec_of(name: str) -> dict[str, Any]:
    argument = ACCUMULATORS[name]
    return {name: {"$let": {"vars": {}, "in": argument}} if type(argument) is list else argument}


def stages_with(spec: dict[str, Any]) -> list[list[dict[str, Any]]]:
    return [
        [{"$group": {"_id": "$one", "all": spec}}],
        [{"$group": {"_id": {"a": "$one"}, "all": spec}}],
        [{"$bucket": {"groupBy": "$one", "boundaries": [0, 2], "output": {"all": spec}}}],
        [{"$bucketAuto": {"groupBy": "$one", "buckets": 1, "output": {"all": spec}}}],
        [{"$setWindowFields": {"sortBy": {"rank": 1}, "output": {"all": {**spec, "window": EVERYTHING}}}}],
    ]


@pytest.mark.parametrize("name", ACCUMULATORS)
def test_an_accumulator_that_holds_too_much(limited: Database, name: str) -> None:
    for pipeline in stages_with(spec_of(name)):
        error = failed(lambda pipeline=pipeline: list(limited.pages.aggregate(pipeline, allowDiskUse=True)))
        assert (error.code, text_of(error)) == (
            TOO_MUCH,
            f"{name} used too much memory and cannot spill to disk. Memory limit: {LIMIT} bytes",
        )


@pytest.mark.parametrize(
    "spec",
    [
        {"$push": "$_id"},
        {"$addToSet": {"$substrCP": ["$text", 4, 900]}},
        {"$setUnion": {"$let": {"vars": {}, "in": [{"$substrCP": ["$text", 4, 900]}]}}},
        *({name: {"n": 5, "input": "$text"}} for name in ("$firstN", "$lastN", "$minN", "$maxN")),
        *({name: {"n": 5, "sortBy": {"rank": 1}, "output": "$text"}} for name in ("$topN", "$bottomN")),
        *({name: {"sortBy": {"rank": 1}, "output": "$text"}} for name in ("$top", "$bottom")),
    ],
    ids=lambda spec: next(iter(spec)),
)
def test_an_accumulator_that_keeps_little(limited: Database, spec: dict[str, Any]) -> None:
    for pipeline in stages_with(spec):
        assert list(limited.pages.aggregate(pipeline))


def test_facet(limited: Database) -> None:
    error = failed(lambda: list(limited.pages.aggregate([{"$facet": {"all": []}}, {"$project": {"n": {"$size": "$all"}}}])))
    assert error.code == 4031700
    assert text_of(error).startswith("document constructed by $facet is ")
    assert text_of(error).endswith(f" bytes, which exceeds the limit of {LIMIT} bytes")


@pytest.mark.parametrize("more", [{}, {"pipeline": []}, {"pipeline": [{"$match": {"one": 1}}]}], ids=str)
def test_lookup(limited: Database, more: dict[str, Any]) -> None:
    lookup = {"$lookup": {"from": "pages", "localField": "one", "foreignField": "one", "as": "found", **more}}
    error = failed(lambda: list(limited.pages.aggregate([lookup, {"$project": {"_id": 1}}])))
    assert error.code == 4568
    assert text_of(error) == f"Total size of documents in pages matching pipeline's $lookup stage exceeds {LIMIT} bytes"
    unwound = [{"$limit": 1}, lookup, {"$unwind": "$found"}, {"$count": "n"}]
    assert list(limited.pages.aggregate(unwound)) == [{"n": 20}], "what is unwound at once is no document"


def test_the_limits_are_parameters() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(server.uri) as client:
        asked = {"getParameter": 1, **dict.fromkeys(PARAMETERS.values(), 1), ALLOW_DISK_USE: 1}
        shown = client.admin.command(asked)
        assert {name: shown[name] for name in PARAMETERS.values()} == dict.fromkeys(PARAMETERS.values(), 104857600)
        assert shown[ALLOW_DISK_USE] is True
        for code, value in ((2, 0), (2, "1")):
            assert failed(lambda value=value: client.admin.command({"setParameter": 1, "internalQueryMaxPushBytes": value})).code == code


def test_a_restore_puts_the_parameters_back(server: SecantusDBServer, admin: Database) -> None:
    asked = {"getParameter": 1, "internalQueryMaxPushBytes": 1, "quiet": 1}
    before = admin.command(asked)
    with server.checkpoint():
        admin.command({"setParameter": 1, "internalQueryMaxPushBytes": 1000, "quiet": True})
        assert admin.command(asked)["internalQueryMaxPushBytes"] == 1000
    shown = admin.command(asked)
    assert [shown[name] for name in ("internalQueryMaxPushBytes", "quiet")] == [
        before[name] for name in ("internalQueryMaxPushBytes", "quiet")
    ]


def test_a_parameter_counts_as_written(server: SecantusDBServer, admin: Database) -> None:
    with server.checkpoint() as snapshot:
        assert not server.written_since(snapshot)
        admin.command({"setParameter": 1, "internalQueryMaxPushBytes": 1000})
        assert server.written_since(snapshot)


def test_parameters_that_are_set_aside(server: SecantusDBServer, admin: Database) -> None:
    asked = {"getParameter": 1, "internalQueryMaxPushBytes": 1, "internalQueryMaxAddToSetBytes": 1}

    def values() -> list[int]:
        shown = admin.command(asked)
        return [shown["internalQueryMaxPushBytes"], shown["internalQueryMaxAddToSetBytes"]]

    with server.checkpoint():
        before = values()
        inner = server.snapshot()
        admin.command({"setParameter": 1, "internalQueryMaxPushBytes": 1000})
        aside = server.set_aside(inner)
        assert values() == before
        admin.command({"setParameter": 1, "internalQueryMaxAddToSetBytes": 2000})
        server.put_back(aside)
        assert values() == [1000, 2000]
        server.restore(inner)
        assert values() == [before[0], 2000]
    assert values() == before
