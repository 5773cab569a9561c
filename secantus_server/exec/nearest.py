"""A search for the documents nearest to a point. It reads the cells of a geospatial index in rings around the point."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from secantus_server.exec._point import fetch
from secantus_server.exec.index_reader import BREATH, IndexReader
from secantus_server.index._index import Index
from secantus_server.storage import INDEX_ENTRIES

Intervals = list[tuple[bytes, bytes]]


@dataclass
class Ring:
    """The part of a geospatial index between two distances from the search point.

    Arguments:
        bounds: the bounds of the scan, for explain.
        intervals: the ranges of the entries' keys, as [lower, upper) without the index's prefix.
        inner, outer: the two distances, in the unit of `measure`. Documents nearer than `inner` were found in earlier rings. Documents
            nearer than `outer` are found in this ring or an earlier one.
        is_last: whether this is the last ring.
    """

    bounds: Any
    intervals: Intervals
    inner: float
    outer: float
    is_last: bool
    keys_examined: int = 0
    docs_examined: int = 0
    duplicates: int = 0
    buffered: int = 0
    returned: int = 0


class Rings(Protocol):
    """The sequence of rings around the search point, from the innermost to the outermost."""

    def next(self, count: Callable[[Intervals, int], int], found: int) -> Ring:
        """Return the next ring.

        Arguments:
            count: a function that counts the entries in the given intervals, up to the given maximum.
            found: the number of documents found in the previous ring.
        """
        ...


class NearestDocuments(IndexReader):
    """A reader that reads one ring at a time and returns the ring's documents sorted by distance.

    Documents at the same distance are in natural order. See `IndexReader` for the other arguments.

    Arguments:
        measure: a function that returns the distance of a document, or None if the document does not match.
        rings: the rings to read.
    """

    def __init__(
        self,
        index: Index,
        collection: Any,
        match: Any,
        measure: Callable[[bytes], float | None],
        rings: Rings,
        check: Callable[[], None],
    ) -> None:
        super().__init__(index, collection, match, check)
        self.read: list[Ring] = []
        self._measure = measure
        self._rings = rings
        self._waiting: list[tuple[float, int, bytes]] = []
        self._seen: set[int] = set()

    @property
    def keys_examined(self) -> int:
        """Return the number of index entries read."""
        return sum(ring.keys_examined for ring in self.read)

    @property
    def docs_examined(self) -> int:
        """Return the number of documents read."""
        return sum(ring.docs_examined for ring in self.read)

    def close(self) -> None:
        """Close the reader permanently."""
        super().close()
        self._waiting = []

    def __next__(self) -> bytes:
        while not self.finished:
            ring = self.read[-1] if self.read else None
            if self._waiting and ring is not None and (ring.is_last or self._waiting[0][0] <= ring.outer):
                _, self.record_id, document = heapq.heappop(self._waiting)
                self.advanced += 1
                ring.returned += 1
                return document
            if ring is not None and ring.is_last:
                self.finished = True
            else:
                self._read(self._rings.next(self._count, ring.buffered if ring is not None else 0))
        raise StopIteration

    def _read(self, ring: Ring) -> None:
        for record_id in self._owners(ring):
            if record_id in self._seen:
                ring.duplicates += 1
                continue
            self._seen.add(record_id)
            document = fetch(self._unit, self.collection.ident, record_id)
            if document is None:
                continue
            ring.docs_examined += 1
            distance = self._measure(document)
            if distance is not None and (self._match is None or self._match.matches(document)):
                heapq.heappush(self._waiting, (distance, record_id, document))
                ring.buffered += 1
        self.read.append(ring)

    def _owners(self, ring: Ring) -> Iterator[int]:
        assert self._unit is not None, "the reader is attached"
        index = self._index
        for low, high in ring.intervals:
            cursor = self._unit.scan(INDEX_ENTRIES, index.prefix + low, index.prefix + high)
            for key, value in cursor:
                ring.keys_examined += 1
                if ring.keys_examined % BREATH == 0:
                    self._check()
                yield index.owner(key, value)
            cursor.close()

    def _count(self, intervals: Intervals, most: int) -> int:
        assert self._unit is not None, "the reader is attached"
        found = 0
        for low, high in intervals:
            cursor = self._unit.scan(INDEX_ENTRIES, self._index.prefix + low, self._index.prefix + high)
            found += sum(1 for _ in islice(cursor, most - found))
            cursor.close()
        return found


def shown_interval(ring: Ring) -> dict[str, Any]:
    """Return a ring in the format of `searchIntervals` in the explain output."""
    return {
        "minDistance": ring.inner,
        "maxDistance": ring.outer if math.isfinite(ring.outer) else -1.0,
        "maxInclusive": ring.is_last,
        "nBuffered": ring.buffered,
        "nReturned": ring.returned,
    }
