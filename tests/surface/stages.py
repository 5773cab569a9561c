"""The rules of stages, accumulators and window operators. https://www.mongodb.com/docs/manual/reference/mql/aggregation-stages/"""

from __future__ import annotations

from functools import partial
from typing import Any

from bson import Decimal128, Int64
from pymongo.database import Database

from tests.failing import code_of_call as code
from tests.surface.rows import row

Db = Database[dict[str, Any]]
rules = partial(row, "Rules of stages")


def results(db: Db, documents: list[dict[str, Any]], *stages: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what stages make of documents."""
    return list(db.aggregate([{"$documents": documents}, *stages]))


def failures(db: Db, cases: list[tuple[dict[str, Any], int]], documents: list[dict[str, Any]] | None = None) -> None:
    """Check the error codes of stages that are applied to the given documents."""
    for stage, expected in cases:
        assert code(results, db, documents or [{"_id": 1, "a": 1}], stage) == expected, stage


@rules("$addFields, $set")
def added(db: Db) -> None:
    for name in ("$addFields", "$set"):
        assert results(db, [{"a": [1, {"c": 2}]}], {name: {"a.b": 1}}) == [{"a": [{"b": 1}, {"c": 2, "b": 1}]}]
        assert results(db, [{"a": 5}], {name: {"a.b": 1}}) == [{"a": {"b": 1}}]
        assert results(db, [{"a": 5}], {name: {"a": "$missing"}}) == [{}]


@rules("$bucket, $bucketAuto")
def buckets(db: Db) -> None:
    values = [{"x": x} for x in (1, 2, 2, 3, 5, 8, 13, 21)]
    two = {"$bucket": {"groupBy": "$x", "boundaries": [0, 3, 30]}}
    assert results(db, values, two) == [{"_id": 0, "count": 3}, {"_id": 3, "count": 5}]
    failures(
        db,
        [
            ({"$bucket": {"groupBy": "$x", "boundaries": [0, 3]}}, 40066),
            ({"$bucket": {"groupBy": "$x", "boundaries": [3, 0]}}, 40194),
            ({"$bucket": {"groupBy": "$x", "boundaries": [0, "a"]}}, 40193),
            ({"$bucket": {"groupBy": "$x", "boundaries": ["$x", 3]}}, 40191),
            ({"$bucket": {"groupBy": "$x", "boundaries": [0, 3], "default": 2}}, 40199),
            ({"$bucketAuto": {"groupBy": "$x", "buckets": 0}}, 40243),
            ({"$bucketAuto": {"groupBy": "$x", "buckets": 2, "granularity": "R7"}}, 40257),
        ],
        values,
    )
    bounds = {"R5": [0.63, 2.5, 10.0, 25.0], "1-2-5": [0.5, 5.0, 20.0, 50.0], "E6": [0.68, 2.2, 10.0, 22.0], "POWERSOF2": [0.5, 4, 16, 32]}
    for granularity, (first, *others) in bounds.items():
        found = results(db, values, {"$bucketAuto": {"groupBy": "$x", "buckets": 3, "granularity": granularity}})
        assert [one["_id"]["min"] for one in found] == [first, *others[:-1]]
        assert [one["_id"]["max"] for one in found] == others


@rules("$count, $limit, $skip, $sample")
def counted(db: Db) -> None:
    assert results(db, [{"a": 1}], {"$count": "n"}) == [{"n": 1}]
    assert results(db, [{"a": 1}], {"$match": {"a": 2}}, {"$count": "n"}) == []
    failures(
        db,
        [
            *(({"$count": name}, expected) for name, expected in [("", 40157), ("$n", 40158), ("a.b", 40160), (1, 40156)]),
            ({"$limit": 0}, 15958),
            ({"$limit": -1}, 5107201),
            ({"$skip": -1}, 5107200),
            ({"$sample": {"size": -1}}, 28747),
        ],
    )


@rules("$facet")
def facets(db: Db) -> None:
    found = results(db, [{"a": 1}, {"a": 2}], {"$facet": {"n": [{"$count": "n"}], "none": [{"$match": {"a": 3}}]}})
    assert found == [{"n": [{"n": 2}], "none": []}]
    inner = ({"$out": "x"}, {"$merge": "x"}, {"$facet": {"b": []}}, {"$indexStats": {}}, {"$collStats": {}}, {"$planCacheStats": {}})
    failures(db, [*(({"$facet": {"a": [stage]}}, 40600) for stage in inner), ({"$facet": {}}, 40169), ({"$facet": {"a": 1}}, 40170)])


@rules("$fill, $densify")
def filled(db: Db) -> None:
    values = [{"x": 1, "v": 1}, {"x": 2}, {"x": 3, "v": None}, {"x": 5, "v": 9}]
    for output, expected in (
        ({"method": "linear"}, [1, 3.0, 5.0, 9]),
        ({"method": "locf"}, [1, 1, 1, 9]),
        ({"value": "$x"}, [1, 2, 3, 9]),
    ):
        assert [one["v"] for one in results(db, values, {"$fill": {"sortBy": {"x": 1}, "output": {"v": output}}})] == expected
    by_two = {"$fill": {"sortBy": {"x": 1}, "partitionBy": "$x", "partitionByFields": ["x"], "output": {"v": {"method": "locf"}}}}
    failures(
        db,
        [
            (by_two, 6050204),
            ({"$fill": {"output": {"v": {"method": "linear"}}}}, 605001),
            ({"$densify": {"field": "a", "range": {"step": 0, "bounds": "full"}}}, 5733401),
            ({"$densify": {"field": "a", "range": {"step": 1, "bounds": [5, 1]}}}, 5733402),
            ({"$densify": {"field": "a", "range": {"step": 1, "bounds": "partition"}}}, 5733409),
            ({"$densify": {"field": "a.b", "partitionByFields": ["a"], "range": {"step": 1, "bounds": "full"}}}, 8993000),
        ],
    )


@rules("$group and accumulators")
def grouped(db: Db) -> None:
    values: list[dict[str, Any]] = [{"a": 2**31 - 1}, {"a": 1}, {"a": None}, {}, {"a": "x"}]
    numbers = values[:2]
    none = [{"b": 1}]
    cases: list[tuple[list[dict[str, Any]], Any, Any]] = [
        (values, {"$sum": "$a"}, Int64(2**31)),
        ([{"a": Int64(2**63 - 1)}, {"a": 1}], {"$sum": "$a"}, float(2**63)),
        (none, {"$sum": "$a"}, 0),
        (none, {"$avg": "$a"}, None),
        ([{"a": 1}, {"a": Decimal128("2")}], {"$avg": "$a"}, Decimal128("1.5")),
        (values, {"$min": "$a"}, 1),
        (values, {"$max": "$a"}, "x"),
        (values[3:], {"$first": "$a"}, None),
        (values, {"$last": "$a"}, "x"),
        (values, {"$firstN": {"n": 4, "input": "$a"}}, [2**31 - 1, 1, None, None]),
        (values, {"$minN": {"n": 9, "input": "$a"}}, [1, 2**31 - 1, "x"]),
        (values, {"$maxN": {"n": 1, "input": "$a"}}, ["x"]),
        (values, {"$push": "$a"}, [2**31 - 1, 1, None, "x"]),
        (values, {"$count": {}}, 5),
        (none, {"$stdDevPop": "$a"}, None),
        (numbers[:1], {"$stdDevSamp": "$a"}, None),
        ([{"a": {"x": 1}}, {"a": None}, {}, {"a": {"y": 2}}], {"$mergeObjects": "$a"}, {"x": 1, "y": 2}),
        (numbers, {"$top": {"sortBy": {"a": 1}, "output": "$a"}}, 1),
        (numbers, {"$bottomN": {"n": 1, "sortBy": {"a": 1}, "output": "$a"}}, [2**31 - 1]),
        ([{"a": [1]}, {"a": [2, 1]}, {}], {"$concatArrays": "$a"}, [1, 2, 1]),
    ]
    for documents, accumulator, expected in cases:
        [found] = results(db, documents, {"$group": {"_id": None, "v": accumulator}})
        assert (type(found["v"]), found["v"]) == (type(expected), expected), accumulator
    by_value = results(db, [{"a": None}, {}, {"a": 1}, {"a": 1.0}], {"$group": {"_id": "$a", "n": {"$sum": 1}}})
    assert sorted((one["n"], one["_id"]) for one in by_value if one["_id"]) == [(2, 1)]
    assert [one["n"] for one in by_value if one["_id"] is None] == [2]
    for accumulator, expected in [({"$count": 1}, 14), ({"$mergeObjects": "$a"}, 5911200), ({"$concatArrays": "$a"}, 14)]:
        failures(db, [({"$group": {"_id": None, "v": accumulator}}, expected)], [{"a": 1}])


@rules("$lookup, $unionWith, $graphLookup")
def joined(db: Db) -> None:
    db.o.insert_many([{"_id": 1, "k": None}, {"_id": 2}, {"_id": 3, "k": 1}, {"_id": 4, "k": [1, 2]}])
    join = {"$lookup": {"from": "o", "localField": "k", "foreignField": "k", "as": "r"}}
    assert [[one["_id"] for one in found["r"]] for found in results(db, [{}, {"k": 2}, {"k": [1, 2]}], join)] == [[1, 2], [4], [3, 4]]
    concise = {"$lookup": {**join["$lookup"], "let": {"x": "$x"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$_id", "$$x"]}}}]}}
    assert [one["_id"] for one in results(db, [{"k": 1, "x": 4}], concise)[0]["r"]] == [4]
    assert [one["_id"] for one in results(db, [{"_id": 0}], {"$unionWith": {"coll": "o", "pipeline": [{"$limit": 1}]}})] == [0, 1]
    walk = {"from": "o", "startWith": "$k", "connectFromField": "_id", "connectToField": "k", "as": "r", "depthField": "d"}
    depths = {one["_id"]: one["d"] for one in results(db, [{"k": 1}], {"$graphLookup": walk})[0]["r"]}
    assert depths == {3: 0, 4: 0}
    assert all(type(depth) is Int64 for depth in depths.values())
    failures(db, [({"$graphLookup": {**walk, "maxDepth": -1}}, 40101), ({"$unionWith": {"coll": "o", "pipeline": [{"$out": "x"}]}}, 31441)])


@rules("$merge, $out")
def written(db: Db) -> None:
    db.s.insert_many([{"_id": 1, "v": "new"}, {"_id": 2, "v": "new"}])
    for matched, expected in (
        ("replace", {"_id": 1, "v": "new"}),
        ("keepExisting", {"_id": 1, "v": "old", "o": 1}),
        ("merge", {"_id": 1, "v": "new", "o": 1}),
        ([{"$set": {"n": "$$new.v"}}], {"_id": 1, "v": "old", "o": 1, "n": "new"}),
    ):
        db.t.drop()
        db.t.insert_one({"_id": 1, "v": "old", "o": 1})
        db.s.aggregate([{"$merge": {"into": "t", "whenMatched": matched}}])
        assert [db.t.find_one({"_id": 1}), db.t.count_documents({})] == [expected, 2]
    for options, expected_code in (
        ({"whenMatched": "fail"}, 11000),
        ({"whenNotMatched": "fail", "whenMatched": "replace"}, None),
        ({"on": "v"}, 51183),
        ({"let": {"x": 1}}, 51199),
    ):
        assert code(db.s.aggregate, [{"$merge": {"into": "t", **options}}]) == expected_code, options
    db.create_collection("capped", capped=True, size=4096)
    assert code(db.s.aggregate, [{"$out": "capped"}]) == 17152
    assert code(db.s.aggregate, [{"$out": "t"}, {"$limit": 1}]) == 40601
    db.t.create_index("v")
    db.s.aggregate([{"$out": "t"}])
    assert "v_1" in db.t.index_information()


@rules("$redact, $replaceRoot, $replaceWith, $unset, $sortByCount")
def reshaped(db: Db) -> None:
    secret = {"$redact": {"$cond": [{"$gt": ["$l", 3]}, "$$PRUNE", "$$DESCEND"]}}
    assert results(db, [{"l": 1, "a": {"l": 5}, "b": [{"l": 1}, {"l": 5}, 7]}], secret) == [{"l": 1, "b": [{"l": 1}, 7]}]
    failures(
        db,
        [({"$redact": 5}, 17053), ({"$replaceRoot": {"newRoot": "$a"}}, 40228), ({"$replaceWith": "$a"}, 40228), ({"$unset": []}, 31119)],
    )
    assert results(db, [{"a": 1, "b": {"c": 1, "d": 1}}], {"$unset": ["a", "b.c"]}) == [{"b": {"d": 1}}]
    [first, second] = results(db, [{"a": 1}, {"a": 2}, {"a": 2}], {"$sortByCount": "$a"})
    assert (first, second, type(first["count"])) == ({"_id": 2, "count": 2}, {"_id": 1, "count": 1}, int)


@rules("$unwind")
def unwound(db: Db) -> None:
    values = [{"a": [1, 2]}, {"a": []}, {"a": None}, {}, {"a": 5}]
    found = results(db, values, {"$unwind": {"path": "$a", "includeArrayIndex": "i"}})
    assert found == [{"a": 1, "i": 0}, {"a": 2, "i": 1}, {"a": 5, "i": None}]
    assert type(found[0]["i"]) is Int64
    assert len(results(db, values, {"$unwind": {"path": "$a", "preserveNullAndEmptyArrays": True}})) == 6
    failures(db, [({"$unwind": "a"}, 28818), ({"$unwind": {"path": "$a", "includeArrayIndex": "$i"}}, 28822)])


@rules("$setWindowFields")
def windows(db: Db) -> None:
    values = [{"_id": 1, "x": None}, {"_id": 2}, {"_id": 3, "x": 2}, {"_id": 4, "x": 2}, {"_id": 5, "x": 5}]
    cases: list[tuple[Any, dict[str, int], list[Any]]] = [
        ({"$sum": "$x"}, {"_id": 1}, [9] * 5),
        ({"$sum": "$x", "window": {"documents": [-1, 0]}}, {"_id": 1}, [0, 0, 2, 4, 7]),
        ({"$sum": "$x", "window": {"range": [-1, 0]}}, {"_id": 1}, [0, 0, 2, 4, 7]),
        ({"$rank": {}}, {"x": 1}, [1, 1, 3, 3, 5]),
        ({"$denseRank": {}}, {"x": 1}, [1, 1, 2, 2, 3]),
        ({"$documentNumber": {}}, {"x": 1}, [1, 2, 3, 4, 5]),
        ({"$shift": {"output": "$_id", "by": -1, "default": "none"}}, {"_id": 1}, ["none", 1, 2, 3, 4]),
        ({"$expMovingAvg": {"input": "$_id", "alpha": 0.5}}, {"_id": 1}, [1.0, 1.5, 2.25, 3.125, 4.0625]),
        ({"$derivative": {"input": "$_id"}, "window": {"documents": [-1, 0]}}, {"_id": 1}, [None, 1.0, 1.0, 1.0, 1.0]),
        ({"$locf": "$x"}, {"_id": 1}, [None, None, 2, 2, 5]),
        ({"$linearFill": "$x"}, {"_id": 1}, [None, None, 2, 2, 5]),
    ]
    for output, order, expected in cases:
        found = results(db, values, {"$setWindowFields": {"sortBy": order, "output": {"r": output}}})
        assert [one["r"] for one in found] == expected, output
    for output, expected_code in [
        ({"$sum": 1, "window": {"range": [-1, 0], "documents": [0, 0]}}, 9),
        ({"$sum": 1, "window": {"documents": [1, 0]}}, 5339900),
        ({"$sum": 1, "window": {"documents": [0, 1.5]}}, 9),
        ({"$rank": {}, "window": {}}, 5371601),
        ({"$derivative": {"input": "$x"}}, 9),
        ({"$mergeObjects": "$x"}, 9),
        ({"$shift": {"output": "$x", "by": 1, "default": "$x"}}, 9),
    ]:
        failures(db, [({"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"r": output}}}, expected_code)])
    failures(db, [({"$setWindowFields": {"partitionBy": "$x", "output": {}}}, 14)], [{"x": [1]}])
