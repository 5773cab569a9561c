"""The choice of an index for an equality or a range if only one index could serve it. The express lane chooses in this way, and the planner
for an equality, without describing candidates.

The choice is the planner's, because there is a single candidate. It depends only on the path, not on the value, so it is cached.
"""

from __future__ import annotations

from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.index._index import Index
from secantus_server.modules import import_late
from secantus_server.query.bounds import point
from secantus_server.records import NamedTuple

# Upper bound on the paths that a collection caches.
MAX_PATHS = 200
_NOT_CACHED: Any = object()


class SoleIndex(NamedTuple):
    """The only index that could serve an equality between a path and a plain value. Its bounds are exact.

    It is also the only one for a range of the path and for a sort by the path alone.

    Arguments:
        index: the index whose entries are read.
        shown: the index as explain and the logs show it: the expanded index for a wildcard index.
        start: the bytes with which the keys of the path's entries begin, before the value.
        is_descending: whether the value's key is inverted.
    """

    index: Index  # type: ignore[assignment] # hides tuple.index, which nothing needs
    shown: Index
    start: bytes
    is_descending: bool


def sole_index(collection: Collection, path: str) -> SoleIndex | None:
    """Return the only index that could serve an equality, or None if the planner must choose.

    Arguments:
        path: the path of a comparison without a collation. It has no component that may be an array index.
    """
    known = collection.sole_indexes
    # Another thread may clear the cache at any time, so look up once.
    found: SoleIndex | None = known.get(path, _NOT_CACHED)
    if found is _NOT_CACHED:
        if len(known) >= MAX_PATHS:
            known.clear()
        found = known[path] = _find(collection, path)
    return found


def _find(collection: Collection, path: str) -> SoleIndex | None:
    found = [index for index in collection.indexes if not index.hidden and _could_serve(index, path)]
    if len(found) != 1 or found[0].partial_filter is not None or "collation" in found[0].spec:
        return None
    index = found[0]
    if index.kind.has_wildcard:
        if len(index.spec["key"]) > 1:
            return None
        shown = import_late("secantus_server.query.wildcard").expanded_index(collection, index, path, False)
        return SoleIndex(index, shown, point(path, None).low, shown.parts[1][1] < 0)
    return SoleIndex(index, index, b"", index.parts[0][1] < 0) if index.kind.is_ordered else None


def _could_serve(index: Index, path: str) -> bool:
    if index.kind.has_wildcard:
        return path in index.spec["key"] or bool(import_late("secantus_server.index.kinds.wildcard").has_path(index.spec, path))
    return bool(next(iter(index.spec["key"])) == path)
