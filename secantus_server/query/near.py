"""Plans for `$near` and `$nearSphere`, which require a geospatial index and sort by distance.

https://www.mongodb.com/docs/manual/reference/operator/query/near/
"""

from __future__ import annotations

from typing import Any, TypeAlias

from secantus_server.bson.numbers import INT64_MAX
from secantus_server.catalog.collection import Collection
from secantus_server.errors import CommandError
from secantus_server.index._index import Index
from secantus_server.index.kinds.kind import IndexKind, all_kinds
from secantus_server.mql.match.geo_near import is_geojson
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.implication import implies
from secantus_server.query.plan import Near
from secantus_server.query.predicates import conjuncts

NearKind: TypeAlias = IndexKind


def plan_near(collection: Collection, query: CanonicalQuery, near: Any, hinted: Index | None) -> Near:
    """Return the plan of a `$near` query, in the order of distance unless the query has a sort.

    Raises:
        CommandError: 291 NoQueryExecutionPlans if no index measures such distances.
    """
    geojson = is_geojson(next((value for name, value in near.spec.items() if name in ("$near", "$nearSphere", "$geoNear")), None))
    nodes = conjuncts(query.match)
    for index in [hinted] if hinted is not None else collection.indexes:
        measures = index.kind.serves_near(spherical=near.spherical, geojson=geojson) and index.kind.locates(index.spec["key"], near.path)
        suits = measures and not index.hidden
        if suits and (index.partial_filter is None or implies(nodes, index.partial_filter)):
            return Near(
                collection, index, query.match, near, query.sort is None, min(query.skip + query.limit, INT64_MAX) if query.limit else 0
            )
    raise CommandError(
        291,
        f"error processing query: ns={collection.namespace}: planner returned error"
        " :: caused by :: unable to find index for $geoNear query",
    )


def near_kinds() -> list[NearKind]:
    """Return the kinds of index that measure distances, in the order in which `$geoNear` prefers them."""
    return sorted((kind for kind in all_kinds() if kind.near_stage is not None), key=lambda kind: not kind.is_flat)
