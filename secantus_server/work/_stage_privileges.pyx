# cython: language_level=3
"""The privileges that the stages of a pipeline require. Compiled because it runs for every aggregation if access control is enabled.

Each stage has a function that appends the stage's requirements to a list. Its arguments are the list, the stage's specification, the
database, the collection ("" if the pipeline has none), and whether document validation is bypassed.

https://www.mongodb.com/docs/manual/reference/command/aggregate/
"""

_FIND = ("find",)
_BYPASS = ("bypassDocumentValidation",)
_OUT_ACTIONS = ("insert", "remove")
_INSERT, _UPDATE, _UPSERT = ("insert",), ("update",), ("insert", "update")
_MERGE_ACTIONS = {
    ("fail", "insert"): _INSERT,
    ("keepExisting", "insert"): _UPSERT,
    ("merge", "insert"): _UPSERT,
    ("pipeline", "insert"): _UPSERT,
    ("replace", "insert"): _UPSERT,
}


cpdef add_pipeline(list required, stages, str db, str collection, bint bypasses):
    """Add the requirements of a pipeline.

    These are the requirements of the stages, and of reading the collection unless the first stage has another source.
    """
    _add_stages(required, stages, db, collection, bypasses)
    first = (<list> stages)[0] if type(stages) is list and stages else None
    if type(first) is not dict or not _names_source(<dict> first):
        required.append((_FIND, db, collection))


cdef bint _names_source(dict stage):
    for name in stage:
        if name in _sources:
            return True
    return False


cdef _add_stages(list required, stages, str db, str collection, bint bypasses):
    """Add the requirements of stages, without the requirement of reading their input."""
    if type(stages) is not list:
        return
    for document in <list> stages:
        if type(document) is dict:
            for name, spec in (<dict> document).items():
                require = _table.get(name)
                if require is not None:
                    require(required, spec, db, collection, bypasses)


def _on_collection(*actions):
    def require(list required not None, _spec, str db, str collection, bint _bypasses):
        required.append((actions, db, collection))

    return require


def _on_cluster(*actions):
    def require(list required not None, _spec, str _db, str _collection, bint _bypasses):
        required.append((actions, None, ""))

    return require


def _joins(list required not None, spec, str db, str _collection, bint bypasses):
    """Add the requirements of `$lookup`, `$graphLookup` and `$unionWith`: those of reading the other collection and of the inner stages."""
    cdef dict fields
    if type(spec) is not dict:
        if type(spec) is str:
            required.append((_FIND, db, spec))
        return
    fields = spec
    other, inner = fields["from"] if "from" in fields else fields.get("coll"), fields.get("pipeline")
    if type(other) is dict:
        db, other = _target(other, db)
    if type(other) is str:
        required.append((_FIND, db, other))
        if inner:
            add_pipeline(required, inner, db, other, bypasses)
    elif inner:
        # Without a collection, the stages begin with $documents.
        add_pipeline(required, inner, db, "", bypasses)


def _facet(list required not None, spec, str db, str collection, bint bypasses):
    for stages in spec.values() if type(spec) is dict else ():
        _add_stages(required, stages, db, collection, bypasses)


cdef tuple _target(spec, str db):
    """Return the namespace of `$out` or of `$merge.into`."""
    if type(spec) is dict:
        other, collection = (<dict> spec).get("db"), (<dict> spec).get("coll")
        return other if type(other) is str and other else db, collection if type(collection) is str else ""
    return db, spec if type(spec) is str else ""


def _out(list required not None, spec, str db, str _collection, bint bypasses):
    target = _target(spec, db)
    required.append((_OUT_ACTIONS + _BYPASS if bypasses else _OUT_ACTIONS, target[0], target[1]))


def _merge(list required not None, spec, str db, str _collection, bint bypasses):
    into = spec.get("into") if type(spec) is dict else spec
    options = spec if type(spec) is dict else {}
    matched, unmatched = options.get("whenMatched") or "merge", options.get("whenNotMatched") or "insert"
    if type(matched) is list:
        matched = "pipeline"
    actions = _MERGE_ACTIONS.get((matched, unmatched), _UPDATE) if type(matched) is type(unmatched) is str else _UPSERT
    required.append((actions + _BYPASS if bypasses else actions, *_target(into, db)))


def _change_stream(list required not None, spec, str db, str collection, bint _bypasses):
    whole_cluster = type(spec) is dict and bool(spec.get("allChangesForCluster"))
    required.append((("changeStream", "find"), *(("", "") if whole_cluster else (db, collection))))


def _current_op(list required not None, spec, str _db, str _collection, bint _bypasses):
    if type(spec) is dict and spec.get("allUsers"):
        required.append((("inprog",), None, ""))


def _list_sessions(list required not None, spec, str _db, str _collection, bint _bypasses):
    """Add the requirement for listing other users' sessions. Listing one's own sessions, the default, is always allowed."""
    if type(spec) is dict and (spec.get("allUsers") or spec.get("users")):
        required.append((("listSessions",), None, ""))


def _list_catalog(list required not None, _spec, str db, str collection, bint _bypasses):
    if collection:
        required += [(("listCollections",), db, ""), (("listIndexes",), db, collection)]
    else:
        required += [(("listDatabases",), None, ""), (("listCollections", "listIndexes"), "", "")]


def _list_cluster_catalog(list required not None, _spec, str db, str _collection, bint _bypasses):
    required.append((("listClusterCatalog",), None, "") if db == "admin" else (("listCollections",), db, ""))


def _query_stats(list required not None, spec, str _db, str _collection, bint _bypasses):
    transforms = type(spec) is dict and "transformIdentifiers" in spec
    required.append((("queryStatsReadTransformed" if transforms else "queryStatsRead",), None, ""))


# The stages that do not read the documents of the pipeline's collection.
cdef frozenset _sources = frozenset(
    """
    $changeStream $collStats $currentOp $documents $indexStats $listCatalog $listClusterCatalog $listLocalSessions $listSearchIndexes
    $listSessions $planCacheStats $querySettings $queryStats
    """.split()
)

#: By stage: the function that adds the stage's requirements; None for a stage that only reads its input.
STAGES = {
    **dict.fromkeys(
        """
        $addFields $bucket $bucketAuto $changeStreamSplitLargeEvent $count $densify $documents $fill $geoNear $group $limit $match
        $project $redact $replaceRoot $replaceWith $sample $set $setWindowFields $skip $sort $sortByCount $unset $unwind
        $_internalUnpackBucket $_unpackBucket
        $search $searchMeta $vectorSearch $rankFusion $scoreFusion $score
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
cdef dict _table = STAGES
