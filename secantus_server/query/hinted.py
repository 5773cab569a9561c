"""Helpers for hinted indexes that provide no bounds. They decide whether an index could serve a query and which documents it contains.

https://www.mongodb.com/docs/manual/core/indexes/index-types/
"""

from __future__ import annotations

from typing import Any

from secantus_server.index._index import Index
from secantus_server.mql.match import And, Comparison, Exists, MatchExpression, Not, Or, PathMatch
from secantus_server.query.predicates import conjuncts, predicate_of


def could_serve(index: Index, match: MatchExpression | None) -> bool:
    """Return whether the index could serve at least one predicate of the filter."""
    return any(_serves_node(index, node) for node in conjuncts(match))


def _serves_node(index: Index, node: Any) -> bool:
    if type(node) is Or:
        return all(could_serve(index, child) for child in node.children)
    path = _required_path(node)
    return path is not None and index.kind.serves(index.spec, path, node)


def _required_path(node: Any) -> str | None:
    """Return a predicate's path if the predicate only matches documents with a value at the path, else None."""
    if type(node) is Not and type(node.child) is Comparison and node.child.operand is None:
        return str(node.child.path)
    predicate = None if type(node) is Exists else predicate_of(node, None)
    if not isinstance(node, PathMatch) or (predicate is not None and not predicate.demands_value):
        return None
    return str(node.path)


def restricted(index: Index, match: MatchExpression | None) -> MatchExpression | None:
    """Combine the filter with the conditions that restrict an index to some documents. Return None if every document matches.

    A query that hints the index may only return documents in the index.
    """
    conditions: list[Any] = [match, index.partial_filter, index.kind.membership(index.spec)]
    given = [condition for condition in conditions if condition is not None]
    return And(given) if len(given) > 1 else given[0] if given else None
