"""`queryPlanner` and `executionStats`: what explain says of one query.

https://www.mongodb.com/docs/manual/reference/explain-results/
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from secantus_server.bson import encode, type_name
from secantus_server.catalog.collection import Collection
from secantus_server.exec.read_scope import ReadScope
from secantus_server.mql.projection import Projection
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.distinct import DistinctPlan, plan_distinct
from secantus_server.query.find import count_all
from secantus_server.query.plan import EmptyScan, IndexedScan, Plan, Sort
from secantus_server.query.point import plan_of
from secantus_server.query.stages import Stage, stage

Check = Callable[[], None]
VERBOSITIES = ("queryPlanner", "executionStats", "allPlansExecution")


@dataclass
class Runner:
    """Runs plans for explain, or only plans.

    Arguments:
        scope: to read in.
        check: called regularly; it raises to end a scan.
        verbosity: `queryPlanner` runs nothing.
        elapsed_ms: the milliseconds since the command began.
    """

    scope: ReadScope
    check: Check
    verbosity: str
    elapsed_ms: Callable[[], int]

    @property
    def runs(self) -> bool:
        """Whether plans are run."""
        return self.verbosity != "queryPlanner"

    def result(self, collection: str, query: CanonicalQuery, root: Stage) -> dict[str, Any]:
        """The sections of the reply for a plan that was described after it ran.

        Arguments:
            collection: its full name.
        """
        found = {"queryPlanner": query_planner(collection, query, root)}
        if self.runs:
            found["executionStats"] = self._statistics(root)
        return found

    def _statistics(self, root: Stage) -> dict[str, Any]:
        shown = {
            "executionSuccess": True,
            "nReturned": root.returned or 0,
            "executionTimeMillis": self.elapsed_ms(),
            "totalKeysExamined": root.total("keysExamined"),
            "totalDocsExamined": root.total("docsExamined"),
            "executionStages": {"isCached": False, **root.executed()},
        }
        return {**shown, "allPlansExecution": []} if self.verbosity == "allPlansExecution" else shown


def query_planner(collection: str, query: CanonicalQuery, root: Stage) -> dict[str, Any]:
    """The section `queryPlanner`."""
    shape = shape_hash([collection, shape_of(query.filter), [] if query.sort is None else [list(part) for part in query.sort.parts]])
    return {
        "namespace": collection,
        "parsedQuery": {} if query.match is None else query.match.serialize(),
        "indexFilterSet": False,
        "queryHash": shape[:8],
        "planCacheShapeHash": shape[:8],
        "planCacheKey": shape_hash([shape, root.planned()])[:8],
        "optimizationTimeMillis": 0,
        "maxIndexedOrSolutionsReached": False,
        "maxIndexedAndSolutionsReached": False,
        "maxScansToExplodeReached": False,
        "prunedSimilarIndexes": False,
        "winningPlan": {"isCached": False, **root.planned()},
        "rejectedPlans": [],
    }


def shape_of(value: Any) -> Any:
    """A value with the constants in it replaced by the names of their types."""
    if type(value) is dict:
        return {name: shape_of(inner) for name, inner in value.items()}
    if type(value) is list:
        return [shape_of(inner) for inner in value]
    return type_name(value)


def shape_hash(shape: Any) -> str:
    """A hash of a shape, in upper-case hexadecimal digits."""
    return hashlib.sha256(encode({"": shape})).hexdigest().upper()


def run_find(
    collection: Collection | None, query: CanonicalQuery, projection: dict[str, Any] | None, parsed: Projection | None, runner: Runner
) -> Stage:
    """Plan and run a find; gives its stages.

    Arguments:
        projection: as the user wrote it, or None.
        parsed: the same.
    """
    plan = plan_of(collection, query)
    if runner.runs:
        documents = plan.open(runner.scope, runner.check)
        drain(islice(documents, query.skip + query.limit if query.limit else None))
    return windowed(plan, query, projection, parsed)


def drain(documents: Iterable[Any]) -> int:
    """Read everything; gives how much there was."""
    return sum(1 for _ in documents)


def windowed(plan: Plan, query: CanonicalQuery, projection: dict[str, Any] | None, parsed: Projection | None) -> Stage:
    """A plan's stages with skip, projection and limit on top."""
    root = plan.describe()
    if isinstance(plan, EmptyScan):
        return root
    if query.skip:
        root = _on(root, "SKIP", {"skipAmount": query.skip}, None if root.returned is None else max(root.returned - query.skip, 0))
    if projection and parsed is not None:
        root = _on(root, _projection_name(plan, parsed, projection), {"transformBy": projection}, root.returned)
    if query.limit and not isinstance(plan, Sort):
        root = _on(root, "LIMIT", {"limitAmount": query.limit}, None if root.returned is None else min(root.returned, query.limit))
    return root


def _on(below: Stage, name: str, shape: dict[str, Any], returned: int | None) -> Stage:
    return stage(name, shape, returned=returned, works=below.returned or 0, inputs=[below])


def _projection_name(plan: Plan, parsed: Projection, projection: dict[str, Any]) -> str:
    source = plan.child if isinstance(plan, Sort) else plan
    if isinstance(source, IndexedScan) and source.covered:
        return "PROJECTION_COVERED"
    simple = all(type(value) is not dict and type(value) is not str and "." not in path for path, value in projection.items())
    return "PROJECTION_SIMPLE" if simple and (not parsed.is_inclusion or parsed.required_fields is not None) else "PROJECTION_DEFAULT"


def run_count(collection: Collection | None, query: CanonicalQuery, runner: Runner) -> Stage:
    """Plan and run a count; gives its stages."""
    if collection is not None and query.match is None and not query.hint and not query.natural:
        known = {"nCounted": count_all(collection, runner.scope, runner.check), "nSkipped": 0} if runner.runs else {}
        return stage("RECORD_STORE_FAST_COUNT", {}, returned=0, works=1, counts=known)
    plan = plan_of(collection, query)
    counted = 0
    if runner.runs:
        documents = plan.open(runner.scope, runner.check)
        count = getattr(documents, "count", None)
        counted = count() if count is not None else drain(documents)
    by_keys = isinstance(plan, IndexedScan) and plan.match is None
    below = (
        plan.entries("COUNT_SCAN" if plan.key_filter is None else "IXSCAN")
        if by_keys and isinstance(plan, IndexedScan)
        else plan.describe()
    )
    counts = {"nCounted": counted, "nSkipped": 0} if runner.runs else {}
    return stage("COUNT", {}, returned=0 if runner.runs else None, works=counted, counts=counts, inputs=[below])


def run_distinct(collection: Collection | None, query: CanonicalQuery, key: str, runner: Runner) -> Stage:
    """Plan and run a distinct; gives its stages."""
    plan = plan_distinct(collection, query, key)
    if isinstance(plan, DistinctPlan):
        if runner.runs:
            drain(plan.values(runner.scope.unit, runner.check))
        below = plan.describe()
        return _on(below, "PROJECTION_COVERED", {"transformBy": {key: 1, "_id": 0}}, below.returned)
    if runner.runs:
        drain(plan.open(runner.scope, runner.check))
    return plan.describe()
