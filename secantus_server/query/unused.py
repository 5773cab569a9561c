"""Explain's notes on indexes that MongoDB would use for a query but that store no entries in Secantus.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-wildcard/
https://www.mongodb.com/docs/manual/core/indexes/index-types/geospatial/2dsphere/
"""

from __future__ import annotations

from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.index._index import Index
from secantus_server.query.entryless import could_serve
from secantus_server.query.implication import implies
from secantus_server.query.near import near_kinds
from secantus_server.query.predicates import conjuncts
from secantus_server.query.stages import PlanStage

_SCANS = frozenset(["COLLSCAN", *(kind.near_stage for kind in near_kinds())])


def notes_on_unused_indexes(collection: Collection | None, match: Any, root: PlanStage) -> list[str]:
    """Return a sentence for each index that would avoid the query's collection scan if it had entries.

    Arguments:
        match: the query's filter, or None.
        root: the top stage of its plan.
    """
    if collection is None or match is None or not any(stage.name in _SCANS for stage in root.stages()):
        return []
    return [_note(index) for index in collection.indexes if not index.hidden and _would_serve(index, match)]


def has_unused_index(collection: Collection, match: Any) -> bool:
    """Return whether an index would serve a filter if it had entries."""
    entryless = [index for index in collection.indexes if not index.stores_entries and not index.hidden]
    return any(_would_serve(index, match) for index in entryless)


def _would_serve(index: Index, match: Any) -> bool:
    if index.stores_entries or (index.partial_filter is not None and not implies(conjuncts(match), index.partial_filter)):
        return False
    return could_serve(index, match)


def _note(index: Index) -> str:
    return (
        f"The index '{index.name}' is a {index.kind.name} index: Secantus keeps its definition and no entries of it yet, so the query "
        "reads every document. MongoDB would use the index."
    )
