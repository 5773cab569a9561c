"""Validates the filters of partial indexes.

https://www.mongodb.com/docs/manual/core/index-partial/
"""

from __future__ import annotations

from typing import Any

from bson.timestamp import Timestamp

from secantus_server.bson.shell import document_text
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.match._comparison import Comparison, In
from secantus_server.mql.match._expression import ExprMatch
from secantus_server.mql.match._geo import GeoMatch
from secantus_server.mql.match._nodes import AlwaysTrue, And, Or
from secantus_server.mql.match._predicates import Exists, TypeMatch

_ALLOWED = (AlwaysTrue, And, Comparison, Exists, GeoMatch, In, Or, TypeMatch)


def check_partial(filter: dict[str, Any]) -> None:
    """Check that a partialFilterExpression uses only the operators that partial indexes support.

    Raises:
        CommandError: 67 CannotCreateIndex, 2 for $text and $where, 224 for $expr, and the errors of an invalid filter.
    """
    for name in ("$text", "$where"):
        if name in filter:
            raise CommandError(2, f"{name} is not allowed in this context")
    _check_node(parse_match(filter, ParseContext(cluster_time=Timestamp(0, 0))))


def _check_node(node: Any) -> None:
    if isinstance(node, ExprMatch):
        raise CommandError(224, "$expr is not allowed in a partial index's filter")
    if not isinstance(node, _ALLOWED):
        raise CommandError(67, f"Expression not supported in partial index: {document_text(node.serialize())}")
    for child in getattr(node, "children", ()):
        _check_node(child)
