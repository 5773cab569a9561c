"""Aggregation stages."""

from __future__ import annotations

from typing import Any

from tests.differences.showing import Db, code_of, shows

ONE = [{"$documents": [{"_id": 1, "a": {"x": 1}}, {"_id": 2, "a": {"y": 2}}]}]


@shows("empty_group_field", before=0, after=15998)
def group(db: Db) -> int:
    return code_of(db.aggregate, [*ONE, {"$group": {"_id": None, "": {"$sum": 1}}}])


@shows("facet_too_large", before=4031700, after=146)
def facet(db: Db) -> int:
    db.client.admin.command("setParameter", 1, internalQueryFacetMaxOutputDocSizeBytes=100)
    try:
        return code_of(db.aggregate, [{"$documents": [{"a": "x" * 200}]}, {"$facet": {"all": [{"$match": {}}]}}])
    finally:
        db.client.admin.command("setParameter", 1, internalQueryFacetMaxOutputDocSizeBytes=104857600)


def merged(db: Db, window: dict[str, Any]) -> Any:
    stage = {"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"m": {"$mergeObjects": "$a", **window}}}}
    if code := code_of(db.aggregate, [*ONE, stage]):
        return code
    return [document["m"] for document in db.aggregate([*ONE, stage])]


@shows("merge_objects_window", before=[9, 9], after=[[{"x": 1, "y": 2}] * 2, [{"x": 1}, {"x": 1, "y": 2}]])
def windows(db: Db) -> list[Any]:
    return [merged(db, {}), merged(db, {"window": {"documents": ["unbounded", "current"]}})]
