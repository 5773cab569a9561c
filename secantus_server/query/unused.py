"""Indexes that MongoDB would use for a query and that keep no entries here: explain names them.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-wildcard/
https://www.mongodb.com/docs/manual/core/indexes/index-types/geospatial/2dsphere/
"""

from __future__ import annotations

from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.index._index import Index
from secantus_server.mql.match import GeoMatch, GeoNear
from secantus_server.query.implication import implies
from secantus_server.query.predicates import conjuncts
from secantus_server.query.stages import PlanStage
from secantus_server.query.wildcard import could_serve

_SCANS = ("COLLSCAN", "GEO_NEAR_2D", "GEO_NEAR_2DSPHERE")


def notes_on_unused_indexes(collection: Collection | None, match: Any, root: PlanStage) -> list[str]:
    """One sentence for each index that would spare the query its scan of the whole collection if it had entries.

    Arguments:
        match: the query's filter, or None.
        root: the stages of its plan.
    """
    if collection is None or match is None or not any(stage.name in _SCANS for stage in root.stages()):
        return []
    return [_note(index) for index in collection.indexes if not index.hidden and _would_serve(index, match)]


def _would_serve(index: Index, match: Any) -> bool:
    nodes = conjuncts(match)
    if index.partial_filter is not None and not implies(nodes, index.partial_filter):
        return False
    if index.kind == "wildcard":
        return could_serve(index, match)
    if index.kind not in ("2d", "2dsphere"):
        return False
    return any(type(node) in (GeoMatch, GeoNear) and index.spec["key"].get(node.path) == index.kind for node in nodes)


def _note(index: Index) -> str:
    return (
        f"The index '{index.name}' is a {index.kind} index: Secantus keeps its definition and no entries of it yet, so the query reads "
        "every document. MongoDB would use the index."
    )
