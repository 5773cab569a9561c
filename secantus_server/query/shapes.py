"""The shapes of queries and the hashes of shapes. A shape is a query without its constants.

https://www.mongodb.com/docs/manual/reference/glossary/#std-term-plan-cache-query-shape

There are two kinds of shape. The plan cache shape identifies the queries that share a cached plan. It ignores the order of conditions and
the contents of `$expr`. The query shape identifies queries for query settings and statistics. It includes the order of conditions and the
types of values, but ignores the number of values in `$in`.
"""

from __future__ import annotations

import hashlib
from typing import Any

from secantus_server.bson import encode, type_name
from secantus_server.bson.values import Regex, is_number
from secantus_server.errors import CommandError

_REFERENCE = frozenset(["$ref", "$id", "$db"])


def shape_of(value: Any) -> Any:
    """Return a copy of a value in which each constant is replaced by the name of its type."""
    if type(value) is dict:
        return {name: shape_of(inner) for name, inner in value.items()}
    if type(value) is list:
        return [shape_of(inner) for inner in value]
    return type_name(value)


def shape_hash(shape: Any) -> str:
    """Return the hash of a shape in upper-case hexadecimal digits."""
    try:
        encoded = encode({"": shape})
    except CommandError:
        # Nested too deeply for BSON, as a shape may be whose command is just within the limit.
        encoded = repr(shape).encode("utf-8", "surrogateescape")
    return hashlib.sha256(encoded).hexdigest().upper()


def filter_shape(filter: dict[str, Any], *, cached: bool) -> list[Any]:
    """Return the shape of a filter.

    Arguments:
        filter: a valid filter in the form that the user wrote.
        cached: True for the plan cache shape, False for the query shape.
    """
    return _ordered(_conjuncts(filter, cached), cached)


def projection_shape(projection: dict[str, Any] | None, *, cached: bool) -> list[Any] | None:
    """Return the shape of a find's projection, or None if the find has no projection."""
    if not projection:
        return None
    return _ordered([[path, _projected(value, cached)] for path, value in projection.items()], cached)


def _ordered(parts: list[Any], cached: bool) -> list[Any]:
    return sorted(parts, key=lambda part: encode({"": part})) if cached and len(parts) > 1 else parts


def _projected(value: Any, cached: bool) -> Any:
    if type(value) is bool or is_number(value):
        return bool(value) if type(value) is bool else value not in (0, 0.0)
    return expression_shape(value, cached)


def _conjuncts(filter: dict[str, Any], cached: bool) -> list[Any]:
    found: list[Any] = []
    for name, value in filter.items():
        if name == "$and" and type(value) is list:
            for child in value:
                found += _conjuncts(child, cached)
        elif name in ("$or", "$nor") and type(value) is list:
            found.append([name, _ordered([filter_shape(child, cached=cached) for child in value], cached)])
        elif name == "$expr":
            found.append([name] if cached else [name, expression_shape(value, cached)])
        elif name == "$jsonSchema":
            found.append([name, value])
        elif name.startswith("$"):
            found += [] if name == "$comment" else [[name, shape_of(value)]]
        else:
            found += _predicates(name, value, cached)
    return found


def _predicates(path: str, value: Any, cached: bool) -> list[Any]:
    """Return the shapes of the conditions on one field."""
    if _is_condition(value):
        return [[name, path, _operand(name, operand, cached)] for name, operand in value.items() if name != "$options"]
    return [["$regex", path, None]] if type(value) is Regex else [["$eq", path, _literal(value, cached)]]


def _is_condition(value: Any) -> bool:
    first = next(iter(value), "") if type(value) is dict else ""
    return first.startswith("$") and first not in _REFERENCE


def _operand(name: str, operand: Any, cached: bool) -> Any:
    if name == "$regex":
        return None
    if name == "$not":
        return _ordered(_predicates("", operand, cached), cached)
    if name == "$elemMatch" and type(operand) is dict:
        own = _is_condition(operand) and next(iter(operand)) not in ("$and", "$or", "$nor", "$expr")
        return _ordered(_predicates("", operand, cached), cached) if own else filter_shape(operand, cached=cached)
    if name == "$exists":
        return operand is not None and operand not in (False, 0)
    if name in ("$in", "$nin") and type(operand) is list:
        return len(operand) if cached else sorted({str(_literal(item, cached)) for item in operand})
    if name == "$all" and type(operand) is list:
        return [_predicates("", item, cached) for item in operand]
    if name == "$type":
        return None if cached else sorted(map(str, operand if type(operand) is list else [operand]))
    return _literal(operand, cached)


def _literal(value: Any, cached: bool) -> Any:
    """Return the shape of a constant.

    In the plan cache shape, only null, documents and arrays differ from other values. In the query shape, the shape is the constant's
    type.
    """
    if cached:
        return type_name(value) if value is None or type(value) in (dict, list) else "value"
    if type(value) is list:
        # Nested shapes are hashed, because text that is quoted again at each level would grow exponentially with the depth.
        return ["array", *sorted({shape_hash(_literal(item, cached)) for item in value})]
    if type(value) is dict:
        return {name: _literal(inner, cached) for name, inner in value.items()}
    return "number" if is_number(value) else type_name(value)


def expression_shape(value: Any, cached: bool = False) -> Any:
    """Return the shape of an aggregation expression. It consists of the operators and paths, with constants replaced by their shapes."""
    if type(value) is dict:
        return {name: expression_shape(inner, cached) for name, inner in value.items()}
    if type(value) is list:
        return [expression_shape(inner, cached) for inner in value]
    return value if type(value) is str and value.startswith("$") else _literal(value, False)
