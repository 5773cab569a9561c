"""Which documents an index that keeps no entries yet would hold: a query that is given it by a hint sees no others.

https://www.mongodb.com/docs/manual/core/indexes/index-types/geospatial/2dsphere/
"""

from __future__ import annotations

from typing import Any

from secantus_server.index._index import Index
from secantus_server.mql.match import And, Comparison, MatchExpression, Not, Or


def restricted(index: Index, match: MatchExpression | None) -> MatchExpression | None:
    """A filter narrowed to the documents that are in the index.

    Arguments:
        index: one without entries.
        match: the query's filter, or None.
    """
    conditions: list[Any] = [match] if match is not None else []
    if index.partial_filter is not None:
        conditions.append(index.partial_filter)
    located = [path for path, kind in index.spec["key"].items() if kind in ("2d", "2dsphere")]
    if located:
        conditions.append(Or([Not(Comparison(path, "$eq", None)) for path in located]))
    return And(conditions) if len(conditions) > 1 else conditions[0] if conditions else None
