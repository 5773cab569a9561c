"""The privileges that an aggregation pipeline requires, by stage. Those of a view are checked when it is created, not when it is read.

https://www.mongodb.com/docs/manual/reference/command/aggregate/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from secantus_server.auth.privileges import Grants
from secantus_server.dispatch.privileges import Authorized, Requirement, are_met, collection_of

# The specification, the database, the collection ("" without one), and whether document validation is bypassed.
Requirements = Callable[[Any, str, str, bool], Iterator[Requirement]]

_FIND = ("find",)
_MERGE_ACTIONS = {
    ("fail", "insert"): ("insert",),
    ("keepExisting", "insert"): ("insert", "update"),
    ("merge", "insert"): ("insert", "update"),
    ("pipeline", "insert"): ("insert", "update"),
    ("replace", "insert"): ("insert", "update"),
}


def pipeline_requirements(db: str, collection: str, stages: Any, *, bypasses_validation: bool = False) -> list[Requirement]:
    """Return what a pipeline requires. Whatever is malformed is left to the parser, which refuses it.

    Arguments:
        collection: the collection that the pipeline reads; "" for none.
        stages: the stages as the user wrote them.
    """
    first = stages[0] if type(stages) is list and stages else None
    required = _of_stages(stages, db, collection, bypasses_validation)
    if type(first) is not dict or _IS_SOURCE.isdisjoint(first):
        required.append(Requirement(_FIND, db, collection))
    return required


def may_read_view(call: Authorized, grants: Grants, view_on: Any, stages: Any) -> bool:
    """Return whether the creator of a view may read what it shows, or may not read the view either.

    https://www.mongodb.com/docs/manual/reference/command/create/#access-control
    """
    if "find" not in grants.on(call.db, collection_of(call)):
        return True
    return are_met(pipeline_requirements(call.db, view_on if type(view_on) is str else "", stages), grants)


def _of_stages(stages: Any, db: str, collection: str, bypasses: bool) -> list[Requirement]:
    """Return what stages require beyond reading their input."""
    required: list[Requirement] = []
    for document in stages if type(stages) is list else ():
        for name, spec in document.items() if type(document) is dict else ():
            require = STAGES.get(name)
            if require is not None:
                required += require(spec, db, collection, bypasses)
    return required


def _on_collection(*actions: str) -> Requirements:
    def require(_spec: Any, db: str, collection: str, _bypasses: bool) -> Iterator[Requirement]:
        yield Requirement(actions, db, collection)

    return require


def _on_cluster(*actions: str) -> Requirements:
    def require(_spec: Any, _db: str, _collection: str, _bypasses: bool) -> Iterator[Requirement]:
        yield Requirement(actions, None)

    return require


def _joins(spec: Any, db: str, _collection: str, bypasses: bool) -> Iterator[Requirement]:
    """`$lookup`, `$graphLookup` and `$unionWith`: the other collection, and the stages that run on it."""
    fields = {"coll": spec} if type(spec) is str else spec
    if type(fields) is not dict:
        return
    other, inner = fields.get("from", fields.get("coll")), fields.get("pipeline")
    if type(other) is dict:
        db, other = _target(other, db)
    if type(other) is str:
        yield Requirement(_FIND, db, other)
        if inner:
            yield from pipeline_requirements(db, other, inner, bypasses_validation=bypasses)
    elif inner:
        # Without a collection, the stages begin with $documents.
        yield from pipeline_requirements(db, "", inner, bypasses_validation=bypasses)


def _facet(spec: Any, db: str, collection: str, bypasses: bool) -> Iterator[Requirement]:
    for stages in spec.values() if type(spec) is dict else ():
        yield from _of_stages(stages, db, collection, bypasses)


def _target(spec: Any, db: str) -> tuple[str, str]:
    """Return the namespace of `$out` or of `$merge.into`."""
    if type(spec) is dict:
        other, collection = spec.get("db"), spec.get("coll")
        return other if type(other) is str and other else db, collection if type(collection) is str else ""
    return db, spec if type(spec) is str else ""


def _out(spec: Any, db: str, _collection: str, bypasses: bool) -> Iterator[Requirement]:
    yield Requirement(("insert", "remove", *_bypassing(bypasses)), *_target(spec, db))


def _merge(spec: Any, db: str, _collection: str, bypasses: bool) -> Iterator[Requirement]:
    into = spec.get("into") if type(spec) is dict else spec
    options = spec if type(spec) is dict else {}
    matched, unmatched = options.get("whenMatched") or "merge", options.get("whenNotMatched") or "insert"
    if type(matched) is list:
        matched = "pipeline"
    actions = _MERGE_ACTIONS.get((matched, unmatched), ("update",)) if type(matched) is type(unmatched) is str else ("insert", "update")
    yield Requirement((*actions, *_bypassing(bypasses)), *_target(into, db))


def _bypassing(bypasses: bool) -> tuple[str, ...]:
    return ("bypassDocumentValidation",) if bypasses else ()


def _change_stream(spec: Any, db: str, collection: str, _bypasses: bool) -> Iterator[Requirement]:
    whole_cluster = type(spec) is dict and bool(spec.get("allChangesForCluster"))
    yield Requirement(("changeStream", "find"), *(("", "") if whole_cluster else (db, collection)))


def _current_op(spec: Any, _db: str, _collection: str, _bypasses: bool) -> Iterator[Requirement]:
    if type(spec) is dict and spec.get("allUsers"):
        yield Requirement(("inprog",), None)


def _list_sessions(spec: Any, _db: str, _collection: str, _bypasses: bool) -> Iterator[Requirement]:
    """The sessions of other users; a user may list its own, which the stage selects by default."""
    if type(spec) is dict and (spec.get("allUsers") or spec.get("users")):
        yield Requirement(("listSessions",), None)


def _list_catalog(_spec: Any, db: str, collection: str, _bypasses: bool) -> Iterator[Requirement]:
    if collection:
        yield Requirement(("listCollections",), db)
        yield Requirement(("listIndexes",), db, collection)
    else:
        yield Requirement(("listDatabases",), None)
        yield Requirement(("listCollections", "listIndexes"), "")


def _list_cluster_catalog(_spec: Any, db: str, _collection: str, _bypasses: bool) -> Iterator[Requirement]:
    yield Requirement(("listClusterCatalog",), None) if db == "admin" else Requirement(("listCollections",), db)


def _query_stats(spec: Any, _db: str, _collection: str, _bypasses: bool) -> Iterator[Requirement]:
    transforms = type(spec) is dict and "transformIdentifiers" in spec
    yield Requirement(("queryStatsReadTransformed" if transforms else "queryStatsRead",), None)


# The stages that read something else than the documents of the pipeline's collection.
_IS_SOURCE = frozenset(
    """
    $changeStream $collStats $currentOp $documents $indexStats $listCatalog $listClusterCatalog $listLocalSessions $listSearchIndexes
    $listSessions $planCacheStats $querySettings $queryStats
    """.split()
)

#: What each stage requires beyond reading its input; None for nothing.
STAGES: dict[str, Requirements | None] = {
    **dict.fromkeys(
        """
        $addFields $bucket $bucketAuto $changeStreamSplitLargeEvent $count $densify $documents $fill $geoNear $group $limit $match
        $project $redact $replaceRoot $replaceWith $sample $set $setWindowFields $skip $sort $sortByCount $unset $unwind
        $search $searchMeta $vectorSearch $rankFusion
        """.split(),
    ),
    "$changeStream": _change_stream,
    "$collStats": _on_collection("collStats"),
    "$currentOp": _current_op,
    "$facet": _facet,
    "$graphLookup": _joins,
    "$indexStats": _on_collection("indexStats"),
    "$listCatalog": _list_catalog,
    "$listClusterCatalog": _list_cluster_catalog,
    "$listLocalSessions": _list_sessions,
    "$listSearchIndexes": _on_collection("listSearchIndexes"),
    "$listSessions": _list_sessions,
    "$lookup": _joins,
    "$merge": _merge,
    "$out": _out,
    "$planCacheStats": _on_collection("planCacheRead"),
    "$querySettings": _on_cluster("querySettings"),
    "$queryStats": _query_stats,
    "$unionWith": _joins,
}
