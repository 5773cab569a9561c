"""The query shapes of find, distinct and aggregate, which identify the queries for query settings.

https://www.mongodb.com/docs/manual/core/query-shapes/

A shape contains the command's namespace, fields, operators and options, but not its constants. The shape of a pipeline also contains the
collection names and paths in stages. The hash of a shape differs from MongoDB's, so it only serves to test two shapes for equality.
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import is_number
from secantus_server.query.shapes import expression_shape, filter_shape, projection_shape, shape_hash, shape_of

#: The commands that have a query shape, with the field that contains the filter or the pipeline.
SHAPED = {"find": "filter", "distinct": "query", "aggregate": "pipeline"}

# Arguments that are not part of a shape: generic arguments of all commands, and arguments that only affect the cursor or the plan.
_APART = frozenset(
    """
    batchSize comment cursor explain hint maxTimeMS readConcern writeConcern lsid txnNumber autocommit startTransaction apiVersion apiStrict
    apiDeprecationErrors querySettings allowPartialResults noCursorTimeout fromMongos runtimeConstants stmtId stmtIds
    """.split()
)
# Fields of stages whose strings name a collection or a path.
_NAMES = frozenset(
    """
    from coll db into localField foreignField as connectFromField connectToField depthField distanceField includeLocs key path
    includeArrayIndex field groupBy on newRoot startWith whenMatched whenNotMatched unit
    """.split()
)


def query_shape_hash(db: str, name: str, body: dict[str, Any]) -> str:
    """Compute the hash of a command's query shape.

    Arguments:
        db: the command's database.
        name: the name of a command in `SHAPED`, or of another command for which explain shows the hash.
        body: the command document, which must be valid.
    """
    shape: dict[str, Any] = {}
    for field, value in body.items():
        if field == name or field in _APART or field.startswith("$") or value is None or value is False:
            continue
        shape[field] = _argument(name, field, value)
    return shape_hash([db, name, body[name] if type(body[name]) is str else None, sorted(shape.items())])


def _argument(name: str, field: str, value: Any) -> Any:
    if name in ("find", "distinct") and field == SHAPED[name] and type(value) is dict:
        return filter_shape(value, cached=False)
    if name == "find" and field == "projection" and type(value) is dict:
        return projection_shape(value, cached=False)
    if field in ("sort", "collation", "key"):
        return value
    if name == "aggregate" and field == "pipeline" and type(value) is list:
        return _pipeline(value)
    return "number" if is_number(value) else shape_of(value)


def _pipeline(stages: list[Any]) -> list[Any]:
    return [_stage(stage) if type(stage) is dict else stage for stage in stages]


def _stage(stage: dict[str, Any]) -> list[Any]:
    return [[name, _specification(name, value)] for name, value in stage.items()]


def _specification(name: str, value: Any) -> Any:
    if name == "$match" and type(value) is dict:
        return filter_shape(value, cached=False)
    if name == "$sort":
        return value
    if name in ("$unwind", "$count", "$sortByCount", "$unset", "$out", "$unionWith") and type(value) in (str, list):
        return value
    if name == "$facet" and type(value) is dict:
        return {field: _pipeline(stages) if type(stages) is list else stages for field, stages in value.items()}
    return _part("", value)


def _part(field: str, value: Any) -> Any:
    """Return the shape of one part of a pipeline stage's specification.

    Arguments:
        field: the field that contains the part, or the empty string at the top level.
        value: the part.
    """
    if field in ("pipeline", "whenMatched") and type(value) is list:
        return _pipeline(value)
    if type(value) is str and field in _NAMES:
        return ["name", value]
    if type(value) is dict:
        return {inner: _part(inner, part) for inner, part in value.items()}
    if type(value) is list:
        return [_part(field, part) for part in value]
    return expression_shape(value)
