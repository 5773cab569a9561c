"""Records the plans that a command executes and counts the keys and documents that they examine.

serverStatus, the profiler, the log and the command log use these counts. Each query reports its plan by calling `note_plan` of the parse
context. This includes queries in pipelines, because they share the command's parse context.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from secantus_server.mql.match import And
from secantus_server.query.clustered import ClusteredScan
from secantus_server.query.contested import ContestedSort
from secantus_server.query.distinct import DistinctPlan
from secantus_server.query.equality import JoinedScan, RepeatedLookup
from secantus_server.query.plan import CollectionScan, EmptyScan, IndexedScan, Near, Sort, Union
from secantus_server.query.point import MeasuredLookup
from secantus_server.query.text import TextSearchPlan
from secantus_server.query.wildcard import WildcardScan

#: The name of a scan in explain, and the key pattern of its index or None.
ScanName = tuple[str, dict[str, Any] | None]

# A pipeline may run a sub-pipeline per document. Above this number of plans, finished plans are replaced by their totals.
MOST_PLANS = 64
#: The maximum number of plans, after the first one, whose queries are kept.
_MOST_QUERIES = 8


#: The counts of what plans have examined so far:
#: - index keys
#: - documents
#: - documents read by scans of a whole collection with a filter, which an index could serve
#: - documents of these scans that did not match
#: - documents sorted in memory because no index has their order
Examined = tuple[int, int, int, int, int]

NONE_EXAMINED: Examined = (0, 0, 0, 0, 0)
_ONE_FOUND: Examined = (1, 1, 0, 0, 0)
WHOLE_SCAN: tuple[ScanName, ...] = (("COLLSCAN", None),)


class Wanted(NamedTuple):
    """A query that an index could have served.

    Arguments:
        collection: the name of the collection that was read, which for a view is its source.
        filter: the filter of the plan, which includes what views and pipelines push down to it.
        sort: the sort, or an empty document.
        hinted: whether a hint chose the index or the scan.
        indexes: the descriptions of the collection's indexes.
        scanned: whether the collection was scanned. Otherwise its documents were only sorted.
    """

    collection: str
    filter: dict[str, Any]
    sort: dict[str, Any]
    hinted: bool
    indexes: tuple[dict[str, Any], ...]
    scanned: bool


#: The collection, filter, parsed sort, `hinted` and `scanned` of a `Wanted`, which the command log keeps for each slow command.
Slow = tuple[Any, dict[str, Any], Any, bool, bool]


def added(one: Examined, other: Examined) -> Examined:
    """Return the element-wise sum of two tuples of counts."""
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3], one[4] + other[4]


def subtracted(one: Examined, other: Examined) -> Examined:
    """Return the element-wise difference of two tuples of counts."""
    return one[0] - other[0], one[1] - other[1], one[2] - other[2], one[3] - other[3], one[4] - other[4]


class Further:
    """Notes on a command's plans after the first one, and on earlier commands of the same cursor."""

    def __init__(self) -> None:
        #: The plans after the first one that may not be finished.
        self.plans: list[Any] = []
        #: The first of these plans that have a query, each with its query.
        self.queries: list[tuple[Any, Any]] = []
        #: The totals and the scans of the finished plans.
        self.seen = NONE_EXAMINED
        self.stages: dict[str, ScanName] = {}
        #: The counts when the current command began, and whether the first plan was noted by an earlier command.
        self.before = NONE_EXAMINED
        self.resumed = False
        #: The numbers of collection scans, tailing scans and sorts that the current command started.
        self.begun = (0, 0, 0)

    def fold(self) -> None:
        """Add the counts of finished plans to the totals, and remove these plans from the list."""
        left = [plan for plan in self.plans if not is_finished(plan)]
        for plan in self.plans:
            if is_finished(plan):
                self.seen = added(self.seen, measure(plan))
                _note_stages(self.stages, plan)
        self.plans = left


class PlanNotes:
    """A record of the plans that one command executes.

    Every command with a plan creates an instance, so most of the work is deferred until the result is requested.

    Attributes:
        first: the first plan, or None.
        query: the canonical query of the first plan, or None.
        further: the plans after the first one, and those of earlier commands of the same cursor; None if there are none.

    Threads: only the command's thread adds plans. A cursor's next command continues the record only after the previous command has ended.
    """

    __slots__ = ("first", "further", "query")

    def __init__(self) -> None:
        self.first: Any = None
        self.query: Any = None
        self.further: Further | None = None

    def add(self, plan: Any, query: Any = None) -> None:
        """Record a plan that is about to be executed."""
        if self.first is None and self.further is None:
            self.first, self.query = plan, query
            return
        further = self._further_plans()
        further.begun = _sum(further.begun, _begun(plan))
        further.plans.append(plan)
        if query is not None and len(further.queries) < _MOST_QUERIES:
            further.queries.append((plan, query))
        if len(further.plans) >= MOST_PLANS:
            further.fold()

    def _further_plans(self) -> Further:
        if self.further is None:
            self.further = Further()
        return self.further

    def count(self, usage: Any) -> None:
        """Add the counts of the current command to its connection's usage (`dispatch.usage.Usage`)."""
        first = self.first
        if self.further is None and type(first) is IndexedScan:
            scan = first.scan
            if scan is not None:
                usage.keys += scan.keys_examined
                usage.documents += scan.docs_examined
            return
        if self.further is None and type(first) is CollectionScan:
            if first.scan is not None:
                usage.documents += first.scan.docs_examined
            usage.whole_scans += 1
            usage.tailing_scans += first.tailing
            return
        if self.further is None and type(first) is Sort and type(first.child) is IndexedScan:
            scan = first.child.scan
            if scan is not None:
                usage.keys += scan.keys_examined
                usage.documents += scan.docs_examined
            usage.sorts += 1
            return
        keys, documents, *_ = self.latest
        usage.keys += keys
        usage.documents += documents
        further = self.further
        whole, tailing, sorts = (0, 0, 0) if further is None else further.begun
        if first is not None and (further is None or not further.resumed):
            whole, tailing, sorts = _sum((whole, tailing, sorts), _begun(first))
        usage.whole_scans += whole
        usage.tailing_scans += tailing
        usage.sorts += sorts

    def resume(self) -> None:
        """Reset the counts of the current command, because the cursor's next command starts."""
        further = self._further_plans()
        further.before = self._total()
        further.begun, further.resumed = (0, 0, 0), True

    @property
    def sorts(self) -> bool:
        """Whether any of the plans sorts in memory."""
        plans = [self.first, *([] if self.further is None else self.further.plans)]
        return any(_sorts(plan) for plan in plans)

    @property
    def latest(self) -> Examined:
        """The number of keys and documents that the current command has examined, without the cursor's earlier commands."""
        total, further = self._total(), self.further
        return total if further is None or further.before is NONE_EXAMINED else subtracted(total, further.before)

    @property
    def stages(self) -> tuple[ScanName, ...]:
        """The scan stages of all plans, without duplicates."""
        return self.result()[1]

    def logged(self) -> tuple[Examined, tuple[ScanName, ...], tuple[Slow, ...]]:
        """Return `latest_result`, and the queries whose plans scanned a collection with a filter or sorted in memory."""
        examined, stages = self.latest_result()
        if not (examined[2] or examined[4]):
            return examined, stages, ()
        if self.further is None:
            return examined, stages, () if self.query is None else (_slow(self.first, self.query, examined[2] > 0),)
        noted = [(plan, query, measure(plan)) for plan, query in [(self.first, self.query), *self.further.queries] if query is not None]
        return examined, stages, tuple([_slow(plan, query, counts[2] > 0) for plan, query, counts in noted if counts[2] or counts[4]])

    def latest_result(self) -> tuple[Examined, tuple[ScanName, ...]]:
        """Return the counts of the current command, without the cursor's earlier commands, and the scan stages of all plans."""
        further = self.further
        if further is None:
            return _result_of(self.first)
        total, stages = self.result()
        return total if further.before is NONE_EXAMINED else subtracted(total, further.before), stages

    def _total(self) -> Examined:
        """Return the total counts of all plans so far."""
        total = NONE_EXAMINED if self.first is None else measure(self.first)
        further = self.further
        if further is not None and (further.plans or further.stages):
            if further.seen is not NONE_EXAMINED:
                total = added(total, further.seen)
            for plan in further.plans:
                total = added(total, measure(plan))
        return total

    def result(self) -> tuple[Examined, tuple[ScanName, ...]]:
        """Return the total counts of all plans so far, and the plans' scan stages without duplicates."""
        further = self.further
        if further is None or not (further.plans or further.stages):
            return _result_of(self.first)
        total, stages = further.seen, dict[str, ScanName]()
        for plan in () if self.first is None else (self.first,):
            total = added(total, measure(plan))
            _note_stages(stages, plan)
        stages |= {name: stage for name, stage in further.stages.items() if name not in stages}
        for plan in further.plans:
            total = added(total, measure(plan))
            _note_stages(stages, plan)
        return total, tuple(stages.values())


def _slow(plan: Any, query: Any, scanned: bool) -> Slow:
    while type(plan) in (Sort, ContestedSort):
        plan = plan.child
    collection = (plan.children[0] if type(plan) is Union else plan).collection
    return collection, query.filter, query.sort, bool(query.hint or query.natural), scanned


def wanted_of(collection: Any, filter: dict[str, Any], sort: Any, hinted: bool, scanned: bool) -> Wanted:
    """Return the description of a slow query, given the values of a `Slow`."""
    shown = {} if sort is None else sort.shown
    return Wanted(collection.name, filter, shown, hinted, tuple([index.spec for index in collection.indexes]), scanned)


def _sorts(plan: Any) -> bool:
    return type(plan) is Sort or (type(plan) is ContestedSort and not plan.gave_way)


def _begun(plan: Any) -> tuple[int, int, int]:
    """Return how many collection scans, tailing collection scans and in-memory sorts a plan starts."""
    # An isinstance check would be slow, because the plans are protocols.
    sorts = type(plan) in (Sort, ContestedSort)
    scan = plan.child if sorts else plan
    if type(scan) is CollectionScan:
        return 1, int(scan.tailing), int(sorts)
    return 0, 0, int(sorts)


def _sum(one: tuple[int, int, int], other: tuple[int, int, int]) -> tuple[int, int, int]:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _result_of(plan: Any) -> tuple[Examined, tuple[ScanName, ...]]:
    """Return the result for a single plan. This path is about 2 us faster than the general one and serves most commands."""
    if plan is None:
        return NONE_EXAMINED, ()
    if type(plan) is MeasuredLookup:
        seen = _ONE_FOUND if plan.found == 1 else (plan.found, plan.found, 0, 0, 0)
        return seen, (("EXPRESS_IXSCAN", plan.index.spec["key"]),)
    if type(plan) is IndexedScan and plan.scan is not None:
        return (plan.scan.keys_examined, plan.scan.docs_examined, 0, 0, 0), (("IXSCAN", plan.index.spec["key"]),)
    if type(plan) is CollectionScan and plan.scan is not None:
        return _scanned(plan, sorts=False), WHOLE_SCAN
    stages = dict[str, ScanName]()
    _note_stages(stages, plan)
    return measure(plan), tuple(stages.values())


def _note_stages(stages: dict[str, ScanName], plan: Any) -> None:
    for name, key in scans_of(plan):
        stages.setdefault(name if key is None else f"{name} {key}", (name, key))


def is_finished(plan: Any) -> bool:
    """Return whether a plan has finished reading."""
    if type(plan) in (MeasuredLookup, JoinedScan):
        return True
    if type(plan) is ContestedSort:
        return False
    plan = plan.child if type(plan) is Sort else plan
    scans = [child.scan for child in plan.children] if type(plan) is Union else [getattr(plan, "scan", None)]
    return all(scan is not None and getattr(scan, "finished", False) for scan in scans)


def measure(plan: Any) -> Examined:
    """Return the counts that a plan has accumulated so far."""
    if type(plan) is MeasuredLookup:
        return plan.found, plan.found, 0, 0, 0
    if type(plan) is RepeatedLookup:
        return plan.keys_examined, plan.docs_examined, 0, 0, 0
    if type(plan) is JoinedScan:
        return 0, 0, plan.read, plan.rejected, 0
    if type(plan) is ContestedSort:
        # A rival plan that was tried and rejected has also examined keys.
        tried = NONE_EXAMINED if plan.rival is None else measure(plan.rival)
        return added(tried, _scanned(plan.child, sorts=not plan.gave_way))
    sorts = type(plan) is Sort
    plan = plan.child if sorts else plan
    if type(plan) is Union:
        total = NONE_EXAMINED
        for child in plan.children:
            total = added(total, _scanned(child, sorts=sorts))
        return total
    return _scanned(plan, sorts=sorts)


def _scanned(plan: Any, *, sorts: bool) -> Examined:
    scan = getattr(plan, "scan", None)
    if scan is None:
        return NONE_EXAMINED
    if type(plan) is DistinctPlan:
        return scan.keys_examined, 0, 0, 0, 0
    ordered = scan.advanced if sorts else 0
    whole = type(plan) is CollectionScan or (type(plan) is ClusteredScan and plan.bounds is None)
    if not whole:
        return scan.keys_examined, scan.docs_examined, 0, 0, ordered
    docs = scan.docs_examined
    if plan.match is None or (type(plan.match) is And and not plan.match.children):
        return 0, docs, 0, 0, ordered
    return 0, docs, docs, docs - scan.advanced, ordered


def scans_of(plan: Any) -> Iterator[ScanName]:
    """Yield the stage name and the index key pattern of each scan in a plan. A plan that was not executed yields nothing."""
    plan = plan.chosen if type(plan) is ContestedSort else plan
    plan = plan.child if type(plan) in (Sort, ContestedSort) else plan
    kind = type(plan)
    if kind is Union:
        for child in plan.children:
            yield from scans_of(child)
    elif kind is RepeatedLookup:
        yield "IXSCAN", plan.index.spec["key"]
    elif kind is MeasuredLookup:
        yield "EXPRESS_IXSCAN", plan.index.spec["key"]
    elif kind is EmptyScan:
        yield "EOF", None
    elif getattr(plan, "scan", None) is not None:
        yield _scan_name(plan)


def _scan_name(plan: Any) -> ScanName:
    if type(plan) is ClusteredScan:
        return ("COLLSCAN" if plan.bounds is None else "CLUSTERED_IXSCAN"), None
    if type(plan) is Near:
        return str(plan.index.kind.near_stage), plan.index.spec["key"]
    if type(plan) is TextSearchPlan:
        return "TEXT_MATCH", plan.index.spec["key"]
    if type(plan) in (IndexedScan, WildcardScan, DistinctPlan):
        return ("DISTINCT_SCAN" if type(plan) is DistinctPlan else "IXSCAN"), plan.index.spec["key"]
    return "COLLSCAN", None
