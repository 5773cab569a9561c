"""Scans of a clustered collection, whose documents are stored in the order of their `_id`s.

https://www.mongodb.com/docs/manual/core/clustered-collections/

The natural order of such a collection is the order of its index on `_id`, so every scan of the collection scans that index.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bson.max_key import MaxKey
from bson.min_key import MinKey

from secantus_server.catalog.collection import Collection
from secantus_server.exec._scan import IndexScan
from secantus_server.exec.read_scope import ReadScope
from secantus_server.mql.match import Comparison
from secantus_server.query.bounds import EVERYTHING, IndexBounds
from secantus_server.query.plan import CollectionScan, Documents, Plan
from secantus_server.query.stages import PlanStage, stage


@dataclass
class ClusteredScan(Plan):
    """A scan of a clustered collection within bounds of `_id`, in the order of `_id`.

    Arguments:
        bounds: the bounds of `_id`, or None for the whole collection.
        match: the filter of the documents, or None.
    """

    collection: Collection
    match: Any
    reverse: bool = False
    bounds: IndexBounds | None = None
    scan: IndexScan | None = field(default=None, compare=False)

    def open(self, scope: ReadScope) -> Documents:
        """Return an iterator over the documents, which reads in the scope's transactions."""
        index = self.collection.id_index
        assert index is not None, "a clustered collection has an index on _id"
        bounds = self.bounds or IndexBounds(index.parts, [[EVERYTHING]])
        intervals = bounds.intervals[::-1] if self.reverse else bounds.intervals
        self.scan = IndexScan(index, intervals, self.collection.ident, self.match, scope.check, self.reverse)
        self.scan.collection = self.collection
        return scope.open(self.scan)

    def explain(self) -> PlanStage:
        """Return the node as explain shows it. The filter is omitted if the bounds are a single `_id`: minRecord and maxRecord show it."""
        shape: dict[str, Any] = {"direction": "backward" if self.reverse else "forward"}
        name, match = "COLLSCAN", self.match
        if self.bounds is not None:
            name = "CLUSTERED_IXSCAN"
            shape |= self._records(self.bounds)
            match = None if self.bounds.sorted_prefix and type(match) is Comparison else match
        if self.scan is None:
            return stage(name, shape, filter=match)
        examined = self.scan.docs_examined
        return stage(name, shape, filter=match, returned=self.scan.advanced, works=examined, counts={"docsExamined": examined})

    @staticmethod
    def _records(bounds: IndexBounds) -> dict[str, Any]:
        """Return the ends of the bounds as minRecord and maxRecord. An unbounded end is omitted; empty bounds have neither."""
        intervals = bounds.fields[0]
        if not intervals:
            return {}
        ends = {"minRecord": intervals[0].low_end.value, "maxRecord": intervals[-1].high_end.value}
        return {name: value for name, value in ends.items() if type(value) not in (MinKey, MaxKey)}


def natural_scan(collection: Collection, match: Any, reverse: bool = False, tailing: bool = False) -> Plan:
    """Return the scan of a collection in natural order or in reverse."""
    if collection.is_clustered:
        return ClusteredScan(collection, match, reverse)
    return CollectionScan(collection, match, reverse, tailing)
