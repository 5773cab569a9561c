"""Suggestion of indexes for a command. The fields of equality conditions come first, then the sort fields, then the fields of ranges.

https://www.mongodb.com/docs/manual/tutorial/equality-sort-range-guideline/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from secantus_server.bson.values import Regex
from secantus_server.mql.field_paths import is_field_path
from secantus_server.work._shell_commands import collection_text
from secantus_server.work._shell_text import plain, typed

_EQUAL = frozenset(["$eq", "$in", "$all"])
# The comparisons of an `$expr` that an index can serve, with whether they are equalities.
_COMPARISONS = {"$eq": True, "$gt": False, "$gte": False, "$lt": False, "$lte": False}
_RANGE = frozenset(["$gt", "$gte", "$lt", "$lte", "$exists", "$type", "$regex", "$mod", "$ne", "$nin", "$not"])
#: The maximum number of fields in a suggested index; larger indexes are rarely useful.
MAX_FIELDS = 4

Key = dict[str, int]


def advised_indexes(name: str, body: Mapping[str, Any], statements: Sequence[Any]) -> list[Key]:
    """Return the keys of the indexes to suggest for a command.

    The result is one index, one index for each branch of an `$or`, or an empty list if no index would help.

    Arguments:
        name: the command's name.
        body: the command document.
        statements: the command's updates or deletes. Those that are no documents are ignored.
    """
    keys: list[Key] = []
    for query, sort in _queries(name, body, statements):
        for key in keys_of(query, sort):
            if key and key not in keys and list(key) != ["_id"]:
                keys.append(key)
    return keys


def advice_text(collection: str, key: Key, collation: Any = None) -> str:
    """Return the mongosh command that creates an index, with a query's collation if it has one."""
    options = f", {typed({'collation': plain(collation)})}" if collation else ""
    return f"{collection_text(collection)}.createIndex({typed(key)}{options})"


def advice_lines(
    wanted: Sequence[tuple[str, Key, Sequence[Mapping[str, Any]]]], collation: Mapping[str, Any] | None = None
) -> tuple[str, ...]:
    """Return the mongosh commands that make the wanted indexes usable.

    An index that exists is left out, if others are missing. A hidden one is shown again.

    Arguments:
        wanted: for each index its collection, its key and the descriptions of the collection's indexes.
        collation: the query's collation. With one, the existing indexes are not considered.
    """
    lines: dict[str, None] = {}
    present: dict[str, None] = {}
    for collection, key, indexes in wanted:
        existing = [] if collation else [spec for spec in indexes if _serves(spec, key)]
        text = advice_text(collection, key, collation)
        if existing and all(spec.get("hidden") for spec in existing):
            text = f"{collection_text(collection)}.unhideIndex({typed(existing[0]['name'])})"
        elif existing:
            present[text] = None
            continue
        lines[text] = None
    return tuple(lines or present)


def _serves(spec: Mapping[str, Any], key: Key) -> bool:
    """Return whether an index has all entries, in the order of a key."""
    if spec.get("sparse") or "partialFilterExpression" in spec or "collation" in spec:
        return False
    parts = list(spec["key"].items())[: len(key)]
    return [path for path, _ in parts] == list(key) if len(key) == 1 and parts[0][1] in (1, -1) else parts == list(key.items())


def keys_of(query: dict[str, Any], sort: dict[str, Any]) -> list[Key]:
    """Return the keys of suitable indexes for a filter and a sort."""
    equal: dict[str, None] = {}
    ranges: dict[str, None] = {}
    either = _split(query, "", equal, ranges)
    if either and not equal and not ranges and not sort:
        of_branches = [keys_of(branch, {}) for branch in either]
        # Unless an index serves each branch, the collection is scanned.
        return [key for keys in of_branches for key in keys] if all(of_branches) else []
    order = {path: direction for path, direction in sort.items() if direction in (1, -1) and path not in equal}
    key: Key = dict.fromkeys(equal, 1)
    key |= {path: int(direction) for path, direction in order.items()}
    key |= dict.fromkeys((path for path in ranges if path not in key), 1)
    return [dict(list(key.items())[:MAX_FIELDS])] if key else []


def _split(query: dict[str, Any], prefix: str, equal: dict[str, None], ranges: dict[str, None]) -> list[dict[str, Any]]:
    """Add the paths of a filter to the equality paths or the range paths. Return the branches of an `$or` in the filter."""
    either: list[dict[str, Any]] = []
    for name, value in query.items():
        if name == "$and" and type(value) is list:
            for part in map(_document, value):
                either += _split(part, prefix, equal, ranges)
        elif name == "$or" and type(value) is list:
            either = [part for part in value if type(part) is dict]
        elif name == "$expr" and type(value) is dict:
            _split_expression(value, equal, ranges)
        elif not name.startswith("$"):
            _sort_in(prefix + name, value, equal, ranges)
    return either


def _split_expression(expression: dict[str, Any], equal: dict[str, None], ranges: dict[str, None]) -> None:
    """Add the paths that an expression compares with a value that does not depend on the document."""
    clauses = expression.get("$and")
    for clause in clauses if type(clauses) is list else ():
        if type(clause) is dict:
            _split_expression(clause, equal, ranges)
    for operator, is_equality in _COMPARISONS.items():
        operands = expression.get(operator)
        if type(operands) is not list or len(operands) != 2:
            continue
        paths = [operand[1:] for operand in operands if is_field_path(operand)]
        if len(paths) == 1 and any(map(_is_known, operands)):
            (equal if is_equality else ranges)[paths[0]] = None


def _is_known(operand: Any) -> bool:
    """Return whether the value of an operand of an expression is known before a document is read. If in doubt, it is not."""
    if type(operand) is dict:
        return "$literal" in operand
    if type(operand) is str and operand.startswith("$"):
        return operand.startswith("$$") and operand[2:].partition(".")[0] not in ("ROOT", "CURRENT", "REMOVE")
    return type(operand) is not list


def _sort_in(path: str, value: Any, equal: dict[str, None], ranges: dict[str, None]) -> None:
    if type(value) is Regex:
        ranges[path] = None
    elif type(value) is not dict or not any(name.startswith("$") for name in value):
        equal[path] = None
    elif "$elemMatch" in value and type(value["$elemMatch"]) is dict:
        inner = value["$elemMatch"]
        if any(name.startswith("$") for name in inner):
            _sort_in(path, inner, equal, ranges)
        else:
            _split(inner, f"{path}.", equal, ranges)
    elif not _EQUAL.isdisjoint(value):
        equal[path] = None
    elif not _RANGE.isdisjoint(value):
        ranges[path] = None


def _queries(name: str, body: Mapping[str, Any], statements: Sequence[Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the filter and the sort of each query in a command."""
    if name == "aggregate":
        return [_leading(body.get("pipeline"))]
    if name in ("update", "delete"):
        return [(_document(one.get("q")), _document(one.get("sort"))) for one in map(_document, statements)]
    if name == "distinct":
        query = _document(body.get("query"))
        return [(query, {})] if query else [({}, {str(body.get("key")): 1})]
    return [(_document(body.get("filter" if name == "find" else "query")), _document(body.get("sort")))]


def _leading(pipeline: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the filter and the sort of a pipeline's leading stages."""
    conditions: list[Any] = []
    stages = plain(pipeline)
    for stage in map(_document, stages) if type(stages) is list else ():
        if "$match" in stage:
            conditions.append(_document(stage["$match"]))
        elif "$sort" in stage:
            return {"$and": conditions}, _document(stage["$sort"])
        else:
            break
    return {"$and": conditions}, {}


def _document(value: Any) -> dict[str, Any]:
    """Return a document, or an empty one in place of another value, which only commands that fail contain."""
    value = plain(value)
    return value if type(value) is dict else {}
