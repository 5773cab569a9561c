"""Tests whether a query's filter implies a partial index's filter. If it does, the index contains every matching document."""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.mql.match import And, Exists, Or
from secantus_server.query.bounds import intersect
from secantus_server.query.predicates import conjuncts, predicate_of


def implies(nodes: list[Any], partial: Any) -> bool:
    """Return whether every document that matches all of the nodes also matches the partial filter.

    Arguments:
        nodes: the conjuncts of the query's filter.
        partial: the index's partial filter expression.
    """
    if type(partial) is And:
        return all(implies(nodes, child) for child in partial.children)
    if any(_one_implies(node, partial) for node in nodes):
        return True
    return type(partial) is Or and any(implies(nodes, child) for child in partial.children)


def _sees_null_through_arrays(node: Any) -> bool:
    """Return whether a node matches a null that is nested in an array.

    A partial index's filter never matches such a null, because index filters are parsed by the rules of MongoDB 8.2.
    """
    parts = [*getattr(node, "children", ()), *([node.child] if hasattr(node, "child") else ())]
    return getattr(node, "null_through_arrays", False) or any(map(_sees_null_through_arrays, parts))


def _one_implies(node: Any, partial: Any) -> bool:
    if encode(node.serialize()) == encode(partial.serialize()):
        return not _sees_null_through_arrays(node)
    if type(node) is Or:
        return all(implies(conjuncts(child), partial) for child in node.children)
    mine = predicate_of(node, None)
    if mine is None or mine.path != getattr(partial, "path", None):
        return False
    if type(partial) is Exists:
        return mine.demands_value
    theirs = predicate_of(partial, None)
    if theirs is None or not theirs.exact:
        return False
    common = intersect(mine.intervals, theirs.intervals)
    return [interval[:4] for interval in common] == [interval[:4] for interval in mine.intervals]
