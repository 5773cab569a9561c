"""The common part of the geospatial kinds of index.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-geospatial/

They store no entries yet, but they refuse documents that cannot be indexed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secantus_server.index.kinds.kind import IndexKind
from secantus_server.mql.match import Comparison, GeoMatch, GeoNear, MatchExpression, Not, Or
from secantus_server.mql.walk import values_at


class GeoKind(IndexKind):
    """A kind of index on geometries. It is always sparse: a document without a geometry is not in the index."""

    def membership(self, spec: dict[str, Any]) -> MatchExpression:
        """Return a filter for the documents that have a geometry."""
        return Or([Not(Comparison(path, "$eq", None)) for path in self.located(spec["key"])])

    def serves(self, spec: dict[str, Any], path: str, node: MatchExpression) -> bool:
        """Return whether the predicate is a geospatial one on a field of this kind."""
        return type(node) in (GeoMatch, GeoNear) and self.locates(spec["key"], path)

    def located(self, key: dict[str, Any]) -> list[str]:
        """Return the paths of a key pattern that hold geometries."""
        return [path for path in key if self.locates(key, path)]


def geometries_at(document: dict[str, Any], path: str) -> Iterator[Any]:
    """Yield the values at a path; missing and null are not indexed."""
    return (value for value in values_at(document, path.split(".")) if value is not None)
