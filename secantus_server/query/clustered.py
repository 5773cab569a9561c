"""Scans of a clustered collection, which stores its documents in the order of `_id`.

https://www.mongodb.com/docs/manual/core/clustered-collections/

Every scan of such a collection reads its index on `_id`, so natural order is the order of `_id`.
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
    """A scan of a clustered collection within bounds on `_id`, in the order of `_id`.

    Arguments:
        bounds: the bounds on `_id`, or None for the whole collection.
        match: the filter that documents must match, or None.
    """

    collection: Collection
    match: Any
    reverse: bool = False
    bounds: IndexBounds | None = None
    scan: IndexScan | None = field(default=None, compare=False)

    def open(self, scope: ReadScope) -> Documents:
        """Start executing the plan and return an iterator over its documents. The iterator reads in the scope's transactions."""
        index = self.collection.id_index
        assert index is not None, "a clustered collection has an index on _id"
        bounds = self.bounds or IndexBounds(index.parts, [[EVERYTHING]])
        intervals = bounds.intervals[::-1] if self.reverse else bounds.intervals
        self.scan = IndexScan(index, intervals, self.collection.ident, self.match, scope.check, self.reverse)
        self.scan.collection = self.collection
        return scope.open(self.scan)

    def explain(self) -> PlanStage:
        """Return the stage that explain shows for this plan node.

        If the bounds are a single `_id`, the filter is omitted because minRecord and maxRecord already show the value.
        """
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
        """Return minRecord and maxRecord, the ends of the bounds in explain's output. An unbounded end is omitted, as are both ends of
        empty bounds.
        """
        intervals = bounds.fields[0]
        if not intervals:
            return {}
        ends = {"minRecord": intervals[0].low_end.value, "maxRecord": intervals[-1].high_end.value}
        return {name: value for name, value in ends.items() if type(value) not in (MinKey, MaxKey)}


def natural_scan(collection: Collection, match: Any, reverse: bool = False, tailing: bool = False) -> Plan:
    """Return the plan of a scan in natural order, or in reverse natural order if `reverse` is true."""
    if collection.is_clustered:
        return ClusteredScan(collection, match, reverse)
    return CollectionScan(collection, match, reverse, tailing)
