"""The execution of distinct through an index whose first field is the requested field.

The scan skips from value to value and reads no documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from secantus_server.bson import key_string
from secantus_server.catalog.collection import Collection
from secantus_server.exec.distinct import DistinctScan
from secantus_server.exec.read_scope import ReadScope
from secantus_server.index._index import Index
from secantus_server.query.bounds import IndexBounds, directed, end_of_prefix
from secantus_server.query.candidates import Candidate, Conditions, make_candidate
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.index_filters import is_listed, listed_indexes
from secantus_server.query.plan import IndexedScan, Plan
from secantus_server.query.planner import plan_query
from secantus_server.query.predicates import has_index_component
from secantus_server.query.stages import PlanStage, index_shape, stage


@dataclass
class DistinctPlan:
    """The plan of an index scan that finds the distinct values of the index's first field."""

    index: Index
    bounds: IndexBounds
    scan: DistinctScan | None = field(default=None, compare=False)

    def values(self, scope: ReadScope) -> Iterator[Any]:
        """Start the scan and return an iterator over the distinct values."""
        direction = self.index.parts[0][1]
        self.index.uses += 1

        def after(value: Any) -> bytes:
            return end_of_prefix(directed(key_string(value), direction))

        self.scan = DistinctScan(self.index, self.bounds.intervals, after, scope.check)
        return self.scan.values(scope.unit)

    def explain(self) -> PlanStage:
        """Return the stage that explain shows for this plan node."""
        shape = index_shape(self.index, self.bounds, False)
        if self.scan is None:
            return stage("DISTINCT_SCAN", shape)
        examined = self.scan.keys_examined
        return stage("DISTINCT_SCAN", shape, returned=examined, works=examined, counts={"keysExamined": examined})


def plan_distinct(collection: Collection | None, query: CanonicalQuery, path: str) -> DistinctPlan | Plan:
    """Return the plan of a distinct command for the values at a path.

    The plan is a DistinctPlan if an index can serve the command, else the plan for reading the matching documents.

    Raises:
        CommandError: the errors of `plan_query`.
    """
    plan = plan_query(collection, query)
    if collection is None or query.context.collation is not None or query.natural or has_index_component(path):
        return plan
    listed = listed_indexes(collection, query)
    if listed is not None:
        chosen = [index for index in collection.indexes if is_listed(index, listed)]
    else:
        chosen = [plan.index] if query.hint and isinstance(plan, IndexedScan) else [] if query.hint else collection.indexes
    for index in chosen:
        candidate = _candidate(index, query, path)
        if candidate is not None:
            by_index = DistinctPlan(index, candidate.bounds)
            if query.context.note_plan is not None:
                query.context.note_plan(by_index)
            return by_index
    return plan


def _candidate(index: Index, query: CanonicalQuery, path: str) -> Candidate | None:
    """Return the candidate for a distinct command on the index's first field, or None if the index cannot serve it."""
    if index.generator is None or index.generator.collation is not None or not index.kind.is_ordered:
        return None
    if index.hidden or index.multikey or index.parts[0][0] != path:
        return None
    if index.sparse and len(index.parts) == 1 and query.match is None:
        # The index omits only documents without the field, which contribute no value.
        return make_candidate(index, Conditions(query), forced=True)
    if query.match is None and index.partial_filter is not None:
        return None
    candidate = make_candidate(index, Conditions(query), forced=query.match is None)
    if candidate is None or candidate.residual is not None or candidate.key_filter is not None or candidate.fixed > 1:
        return None
    return candidate if not candidate.fixed or not candidate.bounded else None
