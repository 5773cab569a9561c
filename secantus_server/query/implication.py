"""Implication of a partial index's filter by a query's filter: only then does the index hold every match."""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.mql.match import And, Exists, Or
from secantus_server.query.bounds import intersect
from secantus_server.query.predicates import conjuncts, predicate_of


def implies(nodes: list[Any], partial: Any) -> bool:
    """Return whether every document that matches all the nodes also matches the partial filter.

    Arguments:
        nodes: the conjuncts of the query's filter.
        partial: the index's partial filter expression.
    """
    if type(partial) is And:
        return all(implies(nodes, child) for child in partial.children)
    if any(_one_implies(node, partial) for node in nodes):
        return True
    return type(partial) is Or and any(implies(nodes, child) for child in partial.children)


def _one_implies(node: Any, partial: Any) -> bool:
    if encode(node.serialize()) == encode(partial.serialize()):
        return True
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
