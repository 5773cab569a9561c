"""Plans for `$near` and `$nearSphere`: an index that they need, and the order of distance.

https://www.mongodb.com/docs/manual/reference/operator/query/near/
"""

from __future__ import annotations

from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.errors import CommandError
from secantus_server.index._index import Index
from secantus_server.mql.match import GeoNear
from secantus_server.mql.match.geo_near import is_geojson
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.implication import implies
from secantus_server.query.plan import Near
from secantus_server.query.predicates import conjuncts


def near_of(match: Any) -> Any:
    """The node of a filter that asks for nearness, or None."""
    return next((node for node in conjuncts(match) if type(node) is GeoNear), None)


def plan_near(collection: Collection, query: CanonicalQuery, near: Any, hinted: Index | None) -> Near:
    """The documents in the order of their distance, unless the query has a sort of its own.

    Raises:
        CommandError: 291 NoQueryExecutionPlans, there is no index for it.
    """
    kinds = index_kinds(near)
    nodes = conjuncts(query.match)
    for index in [hinted] if hinted is not None else collection.indexes:
        suits = index.kind in kinds and not index.hidden and _has_path(index, near.path)
        if suits and (index.partial_filter is None or implies(nodes, index.partial_filter)):
            return Near(collection, index, query.match, near, query.sort is None, query.skip + query.limit if query.limit else 0)
    raise CommandError(
        291,
        f"error processing query: ns={collection.namespace}: planner returned error"
        " :: caused by :: unable to find index for $geoNear query",
    )


def index_kinds(near: Any) -> tuple[str, ...]:
    """The kinds of index that can serve it: flat distances need a flat index, GeoJSON points a spherical one."""
    if not near.spherical:
        return ("2d",)
    argument = next((value for name, value in near.spec.items() if name in ("$near", "$nearSphere", "$geoNear")), None)
    return ("2dsphere",) if is_geojson(argument) else ("2dsphere", "2d")


def _has_path(index: Index, path: str) -> bool:
    return bool(index.spec["key"].get(path) == index.kind)
