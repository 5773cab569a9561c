"""The sections `queryPlanner` and `executionStats` of explain.

https://www.mongodb.com/docs/manual/reference/explain-results/
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from secantus_server.bson.values import is_number
from secantus_server.catalog.collection import Collection
from secantus_server.exec.read_scope import ReadScope
from secantus_server.mql.collation import Collation
from secantus_server.mql.match import Or
from secantus_server.mql.projection import Projection
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.contested import ContestedSort
from secantus_server.query.distinct import DistinctPlan, plan_distinct
from secantus_server.query.express import ExpressScan, IdHack, express_plan, id_plan
from secantus_server.query.find import count_all, count_read
from secantus_server.query.index_filters import listed_indexes
from secantus_server.query.multikey import show_array_paths
from secantus_server.query.plan import EmptyScan, IndexedScan, Plan, Sort
from secantus_server.query.plan_cache import plan_cache_keys
from secantus_server.query.planner import other_plans, plan_query
from secantus_server.query.query_settings import QuerySettings
from secantus_server.query.stages import PlanStage, stage

VERBOSITIES = ("queryPlanner", "executionStats", "allPlansExecution")


@dataclass
class Runner:
    """The executor of one explain command. It runs the plans unless the verbosity is `queryPlanner`.

    Arguments:
        scope: the scope in which the plans read.
        verbosity: one of `VERBOSITIES`.
        elapsed_ms: returns the milliseconds since the command started.
        settings: the query settings of the query's shape, or None.
    """

    scope: ReadScope
    verbosity: str
    elapsed_ms: Callable[[], int]
    settings: QuerySettings | None = None

    @property
    def runs(self) -> bool:
        """Whether the plans are executed, not only shown."""
        return self.verbosity != "queryPlanner"

    def result(
        self, namespace: str, collection: Collection | None, query: CanonicalQuery, root: PlanStage, *, whole_pipeline: bool = False
    ) -> dict[str, Any]:
        """Return the sections of explain's reply for an explained query.

        Arguments:
            namespace: the full name of the collection.
            collection: the collection, or None if it does not exist.
            root: the plan's top stage, created after the plan was executed.
            whole_pipeline: whether the plan does the work of a whole pipeline.
        """
        show_array_paths([root, *root.rejected], collection, self.scope)
        planner = query_planner(namespace, query, root, collection, whole_pipeline=whole_pipeline)
        if self.settings is not None:
            planner["querySettings"] = self.settings.settings
        found = {"queryPlanner": planner}
        if self.runs:
            found["executionStats"] = self._statistics(root)
        return found

    def _statistics(self, root: PlanStage) -> dict[str, Any]:
        statistics = {
            "executionSuccess": True,
            "nReturned": root.returned or 0,
            "executionTimeMillis": self.elapsed_ms(),
            "totalKeysExamined": root.total("keysExamined"),
            "totalDocsExamined": root.total("docsExamined"),
            "executionStages": {"isCached": False, **root.executed()},
        }
        return {**statistics, "allPlansExecution": []} if self.verbosity == "allPlansExecution" else statistics


def query_planner(
    namespace: str, query: CanonicalQuery, root: PlanStage, collection: Collection | None, *, whole_pipeline: bool
) -> dict[str, Any]:
    """Return the section `queryPlanner` of explain's reply.

    Arguments:
        (as in Runner.result)
    """
    return {
        "namespace": namespace,
        "parsedQuery": {} if query.match is None else query.match.serialize(),
        **_collation_field(query),
        "indexFilterSet": query.context.allowed_indexes is None and listed_indexes(collection, query) is not None,
        **plan_cache_keys(namespace, query, root.planned()),
        "optimizationTimeMillis": 0,
        **({"optimizedPipeline": True} if whole_pipeline else {}),
        "maxIndexedOrSolutionsReached": False,
        "maxIndexedAndSolutionsReached": False,
        "maxScansToExplodeReached": False,
        "prunedSimilarIndexes": False,
        "winningPlan": {"isCached": False, **root.planned()},
        "rejectedPlans": [{"isCached": False, **plan.planned()} for plan in root.rejected],
    }


def _collation_field(query: CanonicalQuery) -> dict[str, Any]:
    collation = query.context.collation
    return {"collation": collation.document()} if isinstance(collation, Collation) else {}


def run_find(
    collection: Collection | None,
    query: CanonicalQuery,
    projection: dict[str, Any] | None,
    parsed: Projection | None,
    runner: Runner,
    computed: Plan | None = None,
) -> PlanStage:
    """Plan a find and execute it if the verbosity requires that. Return the plan's top stage.

    Arguments:
        projection: the projection as the user wrote it, or None.
        parsed: the parsed projection.
        computed: the plan for a collection whose documents are computed instead of stored, or None.
    """
    plan = computed or plan_query(collection, query)
    if isinstance(plan, Sort):
        plan.measured = True
    simple = not projection or is_simple(projection, parsed)
    plan = express_plan(plan, query, projection) if simple else id_plan(plan, query)
    if runner.runs:
        documents = plan.open(runner.scope)
        drain(islice(documents, min(query.skip + query.limit, sys.maxsize) if query.limit else None))
    elif isinstance(plan, ContestedSort):
        # A contested sort only chooses its plan when the first document is read.
        drain(islice(plan.open(runner.scope), 1))
    contested = plan if isinstance(plan, ContestedSort) else None
    chosen = plan if contested is None else contested.chosen
    root = windowed(chosen, query, projection, parsed)
    if not isinstance(plan, ExpressScan | IdHack):
        others = other_plans(collection, query)
        if isinstance(plan, ContestedSort) and plan.gave_way:
            others = [plan.sort, *(other for other in others if other != chosen)]
        root.rejected = [windowed(other, query, projection, parsed) for other in others]
    return root


def drain(documents: Iterable[Any]) -> int:
    """Consume an iterable and return the number of its items."""
    return sum(1 for _ in documents)


def windowed(plan: Plan, query: CanonicalQuery, projection: dict[str, Any] | None, parsed: Projection | None) -> PlanStage:
    """Return a plan's stages with the stages for skip, projection and limit on top."""
    root = plan.explain()
    if isinstance(plan, EmptyScan | ExpressScan):
        return root
    if query.skip:
        root = _on(root, "SKIP", {"skipAmount": query.skip}, None if root.returned is None else max(root.returned - query.skip, 0))
    if projection and parsed is not None:
        name = "PROJECTION_COVERED" if _is_covered(plan) else projection_name(projection, parsed)
        root = _on(root, name, {"transformBy": projection}, root.returned)
    if query.limit and not isinstance(plan, Sort):
        root = _on(root, "LIMIT", {"limitAmount": query.limit}, None if root.returned is None else min(root.returned, query.limit))
    return subplanned(root, query)


def subplanned(root: PlanStage, query: CanonicalQuery) -> PlanStage:
    """Wrap a plan's top stage in a SUBPLAN stage if the filter is a single `$or`. Otherwise return the stage unchanged."""
    rooted = type(query.match) is Or and len(query.match.children) > 1
    if not rooted or root.name == "EOF" or query.hint or query.natural or query.min or query.max or query.tailing:
        return root
    return stage("SUBPLAN", {}, returned=root.returned, works=root.works, inputs=[root])


def _is_covered(plan: Plan) -> bool:
    source = plan.child if isinstance(plan, Sort) else plan
    return isinstance(source, IndexedScan) and source.covered


def _on(below: PlanStage, name: str, shape: dict[str, Any], returned: int | None) -> PlanStage:
    return stage(name, shape, returned=returned, works=below.returned or 0, inputs=[below])


def projection_name(projection: dict[str, Any], parsed: Projection) -> str:
    """Return the stage name for a projection that is applied to documents, not to index entries."""
    return "PROJECTION_SIMPLE" if is_simple(projection, parsed) else "PROJECTION_DEFAULT"


def is_simple(projection: dict[str, Any], parsed: Projection | None) -> bool:
    """Return whether a projection consists only of inclusions or only of exclusions of top-level fields."""
    if parsed is None or not all(_is_flag(value) and "." not in path for path, value in projection.items()):
        return False
    return not parsed.is_inclusion or parsed.required_fields is not None


def _is_flag(value: Any) -> bool:
    return type(value) is bool or is_number(value)


def run_count(collection: Collection | None, query: CanonicalQuery, runner: Runner, computed: Plan | None = None) -> PlanStage:
    """Plan a count and execute it if the verbosity requires that. Return the plan's top stage. For `computed`, see `run_find`."""
    if collection is not None and query.match is None and not query.hint and not query.natural:
        known = _counts(count_all(collection, runner.scope), query) if runner.runs else {}
        return stage("RECORD_STORE_FAST_COUNT", {}, returned=0, works=1, counts=known)
    plan = computed or plan_query(collection, query)
    found = 0
    if runner.runs:
        found = count_read(plan.open(runner.scope), query)
    below = plan.counted() if isinstance(plan, IndexedScan) and plan.match is None else subplanned(plan.explain(), query)
    counts = _counts(found, query) if runner.runs else {}
    return stage("COUNT", {}, returned=0 if runner.runs else None, works=found, counts=counts, inputs=[below])


def _counts(found: int, query: CanonicalQuery) -> dict[str, Any]:
    """Return the counters of a COUNT stage, with skip and limit applied to the number of documents found."""
    skipped = min(found, query.skip)
    rest = found - skipped
    return {"nCounted": min(rest, query.limit) if query.limit else rest, "nSkipped": skipped}


def run_distinct(collection: Collection | None, query: CanonicalQuery, key: str, runner: Runner, computed: Plan | None = None) -> PlanStage:
    """Plan a distinct and execute it if the verbosity requires that. Return the plan's top stage. For `computed`, see `run_find`."""
    plan = computed or plan_distinct(collection, query, key)
    if isinstance(plan, DistinctPlan):
        if runner.runs:
            drain(plan.values(runner.scope))
        covered = True
    else:
        if runner.runs:
            drain(plan.open(runner.scope))
        covered = _is_covered(plan)
    root = plan.explain()
    return _on(root, "PROJECTION_COVERED", {"transformBy": {key: 1, "_id": 0}}, root.returned) if covered else subplanned(root, query)
