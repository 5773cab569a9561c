"""What a wildcard index could serve; it keeps no entries yet, but a hint of one that could not is an error.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-wildcard/
"""

from __future__ import annotations

from typing import Any

from secantus_server.index._index import Index
from secantus_server.mql.match import Comparison, Exists, Not, Or, PathMatch
from secantus_server.query.predicates import conjuncts, predicate_of


def could_serve(index: Index, match: Any) -> bool:
    """Whether the filter asks for a value of a field that the wildcard index would have.

    Arguments:
        match: a match expression or None.
    """
    return any(_node_is_served(index, node) for node in conjuncts(match))


def _node_is_served(index: Index, node: Any) -> bool:
    if type(node) is Or:
        return all(could_serve(index, child) for child in node.children)
    if type(node) is Not and type(node.child) is Comparison and node.child.operand is None:
        return has_path(index, node.child.path)
    predicate = None if type(node) is Exists else predicate_of(node, None)
    if predicate is not None and not predicate.demands_value:
        return False
    return isinstance(node, PathMatch) and has_path(index, node.path)


def has_path(index: Index, path: str) -> bool:
    """Whether the index would have the values at a path."""
    if any(_within(path, name[:-4]) for name in index.spec["key"] if name.endswith(".$**")) or path in index.spec["key"]:
        return True
    if "$**" not in index.spec["key"]:
        return False
    projection = _flat(index.spec.get("wildcardProjection") or {})
    named = {name: bool(value) for name, value in projection.items() if name != "_id"}
    if path == "_id" or path.startswith("_id."):
        return bool(projection.get("_id", False))
    inside = any(_within(path, name) for name in named)
    return inside if any(named.values()) else not inside


def _within(path: str, parent: str) -> bool:
    return path == parent or path.startswith(f"{parent}.")


def _flat(projection: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A projection with dotted paths in place of documents."""
    found: dict[str, Any] = {}
    for name, value in projection.items():
        found.update(_flat(value, f"{prefix}{name}.") if type(value) is dict else {f"{prefix}{name}": value})
    return found
