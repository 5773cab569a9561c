"""Whether a filter implies a partial index's filter: only then does the index hold every match."""

from __future__ import annotations

from typing import Any

from secantus_server.bson import values_equal
from secantus_server.mql.match import And, Comparison, Exists, In, Or
from secantus_server.query.bounds import intersect
from secantus_server.query.predicates import predicate_of


def implies(nodes: list[Any], partial: Any) -> bool:
    """Whether every document that matches all the nodes matches the partial filter.

    Arguments:
        nodes: the conjuncts of the query's filter.
        partial: the index's partial filter expression.
    """
    if type(partial) is And:
        return all(implies(nodes, child) for child in partial.children)
    if type(partial) is Or:
        return any(implies(nodes, child) for child in partial.children)
    return any(_one_implies(node, partial) for node in nodes)


def _one_implies(node: Any, partial: Any) -> bool:
    if type(node) is And:
        return implies(list(node.children), partial)
    if getattr(node, "path", None) != getattr(partial, "path", ""):
        return False
    if type(partial) is Exists:
        return type(node) is Exists or _rules_out_missing(node)
    if type(node) is Comparison and type(partial) is Comparison and node.operator == partial.operator:
        if values_equal(node.operand, partial.operand):
            return True
    return _inside(node, partial)


def _rules_out_missing(node: Any) -> bool:
    if type(node) not in (Comparison, In):
        return False
    found = predicate_of(node, None)
    return found is not None and found.exact


def _inside(node: Any, partial: Any) -> bool:
    """Whether all that the node lets through lies within the partial filter's intervals."""
    mine, theirs = predicate_of(node, None), predicate_of(partial, None)
    if mine is None or theirs is None or not mine.exact or not theirs.exact:
        return False
    common = intersect(mine.intervals, theirs.intervals)
    return [interval[:4] for interval in common] == [interval[:4] for interval in mine.intervals]
