"""The plans that one command executes and what they examine, for the command log.

A parse context carries `PlanNotes.add`, so that each query of the command, also inside a pipeline, notes its plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secantus_server.query.clustered import ClusteredScan
from secantus_server.query.distinct import DistinctPlan
from secantus_server.query.equality import RepeatedLookup
from secantus_server.query.plan import CollectionScan, EmptyScan, IndexedScan, Near, Sort, Union
from secantus_server.query.point import MeasuredLookup
from secantus_server.query.text import TextSearchPlan
from secantus_server.query.wildcard import WildcardScan

#: The name of a stage and the key pattern of its index, or None.
Stage = tuple[str, dict[str, Any] | None]

# A pipeline may run a sub-pipeline per document. The totals of finished plans replace the plans once there are this many.
MOST_PLANS = 64


#: What plans have examined so far: the index keys; the documents; the documents examined by scans of a whole collection with a filter
#: that an index could serve; those of them that did not match; the documents sorted in memory because no index has their order.
Examined = tuple[int, int, int, int, int]

NOTHING: Examined = (0, 0, 0, 0, 0)
_ONE_FOUND: Examined = (1, 1, 0, 0, 0)
_WHOLE_SCAN: tuple[Stage, ...] = (("COLLSCAN", None),)


def added(one: Examined, other: Examined) -> Examined:
    """Return the sum."""
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3], one[4] + other[4]


def subtracted(one: Examined, other: Examined) -> Examined:
    """Return the difference."""
    return one[0] - other[0], one[1] - other[1], one[2] - other[2], one[3] - other[3], one[4] - other[4]


class PlanNotes:
    """The plans of one command.

    Threads: only the thread of the command adds plans; a cursor's next command continues after the one before has ended.
    """

    __slots__ = ("_plans", "_seen", "_stages")

    def __init__(self) -> None:
        self._plans: list[Any] = []
        self._seen = NOTHING
        self._stages: dict[str, Stage] | None = None

    def add(self, plan: Any) -> None:
        """Note a plan that is about to be executed."""
        self._plans.append(plan)
        if len(self._plans) >= MOST_PLANS:
            self._fold()

    def result(self) -> tuple[Examined, tuple[Stage, ...]]:
        """Return what the plans have examined so far, and the distinct scans among them."""
        if len(self._plans) == 1 and self._stages is None:
            # The path of most commands: it costs about 2 us less.
            plan = self._plans[0]
            if type(plan) is MeasuredLookup:
                seen = _ONE_FOUND if plan.found == 1 else (plan.found, plan.found, 0, 0, 0)
                return seen, (("EXPRESS_IXSCAN", plan.index.spec["key"]),)
            if type(plan) is IndexedScan and plan.scan is not None:
                return (plan.scan.keys_examined, plan.scan.docs_examined, 0, 0, 0), (("IXSCAN", plan.index.spec["key"]),)
            if type(plan) is CollectionScan and plan.scan is not None:
                return _scanned(plan, sorts=False), _WHOLE_SCAN
            if type(plan) is not Union:
                return measure(plan), tuple(scans_of(plan))
        total = self._seen
        for plan in self._plans:
            total = added(total, measure(plan))
            self._note_stages(plan)
        return total, tuple((self._stages or {}).values())

    def _note_stages(self, plan: Any) -> None:
        if self._stages is None:
            self._stages = {}
        for name, key in scans_of(plan):
            self._stages.setdefault(name if key is None else f"{name} {key}", (name, key))

    def _fold(self) -> None:
        left = [plan for plan in self._plans if not is_finished(plan)]
        for plan in self._plans:
            if is_finished(plan):
                self._seen = added(self._seen, measure(plan))
                self._note_stages(plan)
        self._plans = left


def is_finished(plan: Any) -> bool:
    """Return whether a plan has read everything that it will read."""
    if type(plan) is MeasuredLookup:
        return True
    plan = plan.child if type(plan) is Sort else plan
    scans = [child.scan for child in plan.children] if type(plan) is Union else [getattr(plan, "scan", None)]
    return all(scan is not None and getattr(scan, "finished", False) for scan in scans)


def measure(plan: Any) -> Examined:
    """Return what a plan has examined so far."""
    if type(plan) is MeasuredLookup:
        return plan.found, plan.found, 0, 0, 0
    if type(plan) is RepeatedLookup:
        return plan.keys_examined, plan.docs_examined, 0, 0, 0
    sorts = type(plan) is Sort
    plan = plan.child if sorts else plan
    if type(plan) is Union:
        total = NOTHING
        for child in plan.children:
            total = added(total, _scanned(child, sorts=sorts))
        return total
    return _scanned(plan, sorts=sorts)


def _scanned(plan: Any, *, sorts: bool) -> Examined:
    scan = getattr(plan, "scan", None)
    if scan is None:
        return NOTHING
    if type(plan) is DistinctPlan:
        return scan.keys_examined, 0, 0, 0, 0
    ordered = scan.advanced if sorts else 0
    whole = type(plan) is CollectionScan or (type(plan) is ClusteredScan and plan.bounds is None)
    if not whole:
        return scan.keys_examined, scan.docs_examined, 0, 0, ordered
    docs = scan.docs_examined
    if plan.match is None:
        return 0, docs, 0, 0, ordered
    return 0, docs, docs, docs - scan.advanced, ordered


def scans_of(plan: Any) -> Iterator[Stage]:
    """Yield the name and the index of each scan of a plan, none for a plan that was not executed."""
    plan = plan.child if type(plan) is Sort else plan
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
        yield _stage(plan)


def _stage(plan: Any) -> Stage:
    if type(plan) is ClusteredScan:
        return ("COLLSCAN" if plan.bounds is None else "CLUSTERED_IXSCAN"), None
    if type(plan) is Near:
        return str(plan.index.kind.near_stage), plan.index.spec["key"]
    if type(plan) is TextSearchPlan:
        return "TEXT_MATCH", plan.index.spec["key"]
    if type(plan) in (IndexedScan, WildcardScan, DistinctPlan):
        return ("DISTINCT_SCAN" if type(plan) is DistinctPlan else "IXSCAN"), plan.index.spec["key"]
    return "COLLSCAN", None
