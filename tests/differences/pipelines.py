"""Observations of differences: aggregation stages."""

from __future__ import annotations

from typing import Any

from tests.differences.showing import Db, code_of, shows

ONE = [{"$documents": [{"_id": 1, "a": {"x": 1}}, {"_id": 2, "a": {"y": 2}}]}]


@shows("empty_group_field", before=0, after=15998)
def group(db: Db) -> int:
    bucket = {"$bucket": {"groupBy": "$_id", "boundaries": [0, 5], "output": {"": {"$sum": 1}}}}
    codes = {code_of(db.aggregate, [*ONE, stage]) for stage in ({"$group": {"_id": None, "": {"$sum": 1}}}, bucket)}
    return codes.pop() if len(codes) == 1 else -1


@shows("facet_too_large", before=4031700, after=146)
def facet(db: Db) -> int:
    db.client.admin.command("setParameter", 1, internalQueryFacetMaxOutputDocSizeBytes=100)
    try:
        return code_of(db.aggregate, [{"$documents": [{"a": "x" * 200}]}, {"$facet": {"all": [{"$match": {}}]}}])
    finally:
        db.client.admin.command("setParameter", 1, internalQueryFacetMaxOutputDocSizeBytes=104857600)


OPERATION_LIMIT = "internalQueryMaxMemoryUsageBytesPerOperation"


@shows("operation_memory", before=[72, 72, 0, 0, 0, 0], after=[True, 0, 292, 292, 146, 0])
def memory_of_an_operation(db: Db) -> list[Any]:
    admin = db.client.admin
    found: list[Any] = [code_of(admin.command, "getParameter", 1, **{OPERATION_LIMIT: 1})]
    if not found[0]:
        default = admin.command("getParameter", 1, **{OPERATION_LIMIT: 1})[OPERATION_LIMIT]
        found[0] = default >= 1 << 30
    found.append(code_of(admin.command, "setParameter", 1, **{OPERATION_LIMIT: 100}))
    db.c.insert_many([{"a": "x" * 30} for _ in range(10)])
    for stage, disk in [
        ({"$sort": {"a": 1}}, False),
        ({"$group": {"_id": "$_id"}}, False),
        ({"$group": {"_id": None, "a": {"$push": "$a"}}}, True),
        ({"$sort": {"a": 1}}, True),
    ]:
        found.append(code_of(db.command, "aggregate", "c", pipeline=[stage], cursor={}, allowDiskUse=disk))
    if found[1] == 0:
        admin.command("setParameter", 1, **{OPERATION_LIMIT: default})
    return found


def merged(db: Db, window: dict[str, Any]) -> Any:
    stage = {"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"m": {"$mergeObjects": "$a", **window}}}}
    if code := code_of(db.aggregate, [*ONE, stage]):
        return code
    return [document["m"] for document in db.aggregate([*ONE, stage])]


@shows("merge_objects_window", before=[9, 9], after=[[{"x": 1, "y": 2}] * 2, [{"x": 1}, {"x": 1, "y": 2}]])
def windows(db: Db) -> list[Any]:
    return [merged(db, {}), merged(db, {"window": {"documents": ["unbounded", "current"]}})]
