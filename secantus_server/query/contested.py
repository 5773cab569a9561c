"""Plans for queries with a sort and a limit, if one plan scans an index and sorts the result, and another scans an index in sort order.

MongoDB runs such plans in parallel for a while and selects the plan that returns documents first
(https://www.mongodb.com/docs/manual/core/query-plans/). Secantus first runs the scan below the sort. After that scan has returned
FIRST_LOOK documents, Secantus tries the rival plan, which is the scan in sort order. A trial may examine as many keys as the first scan
has returned documents. If the rival reaches the query's limit, its documents are the result. Otherwise the first scan continues, and the
next trial starts when FACTOR times as many documents have been read. Consequently, a query takes at most a few times as long as with the
better plan, and a query with few matches has no overhead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from secantus_server.exec._rows import SortBuffer
from secantus_server.exec.read_scope import AnyReader, ReadScope
from secantus_server.exec.sorting import LONGEST_TOP, Measured, SortedDocuments
from secantus_server.exec.spilling import Row
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.plan import Documents, Plan, Sort
from secantus_server.query.stages import PlanStage
from secantus_server.storage import RecoveryUnit

#: How many documents the scan below the sort returns before the first trial, and the factor between two trials.
FIRST_LOOK = 1000
FACTOR = 4


class _Exceeded(Exception):
    """Raised when a trial of a rival plan has examined its maximum number of keys."""


@dataclass
class ContestedSort(Sort):
    """A sort of an index scan that competes with a rival plan, a scan in sort order. If the rival reaches the limit soon, it replaces the
    sort.

    Arguments:
        make_rival: creates the rival plan.
        rival: the rival plan of the last trial, or None before the first trial.
        gave_way: whether the query's documents came from the rival plan instead of the sort.
    """

    make_rival: Callable[[], Plan] = field(kw_only=True, compare=False)
    rival: Any = field(default=None, compare=False)
    gave_way: bool = field(default=False, compare=False)

    def open(self, scope: ReadScope) -> Documents:
        """Start executing the plan and return an iterator over its documents. The iterator reads in the scope's transactions."""
        documents = self.child.open(scope)
        self.source = Measured(documents) if self.measured else None
        self.rival, self.gave_way = None, False
        return ContestedDocuments(self, self.source or documents, scope)

    @property
    def chosen(self) -> Plan:
        """The plan that produced the documents, which is this sort or the rival plan."""
        return self.rival if self.gave_way else self

    def explain(self) -> PlanStage:
        """Return the stage that explain shows for this plan node."""
        return self.rival.explain() if self.gave_way else super().explain()

    @property
    def sort(self) -> Sort:
        """This sort as a plain Sort, without the rival plan and without execution statistics, for explain."""
        child: Any = self.child
        return Sort(replace(child, scan=None), self.pattern, self.limit)

    def attempt(self, scope: ReadScope, keys: int) -> list[Row] | None:
        """Run the rival plan up to the query's limit and return its rows. Return None if it examines more than `keys` keys."""
        self.rival = self.make_rival()
        trial = _Trial(scope, self.rival, keys)
        try:
            documents = self.rival.open(trial)
            return [(b"", document, documents.record_id) for document in islice(documents, self.limit)]
        except _Exceeded:
            return None
        finally:
            scope.forget(self.rival.scan)


class _Trial:
    """A wrapper of a `ReadScope` that limits how many keys a trial of a rival plan may examine.

    Arguments:
        scope: the wrapped scope of the query.
        plan: the rival plan.
        keys: the maximum number of keys.
    """

    def __init__(self, scope: ReadScope, plan: Any, keys: int) -> None:
        self._scope = scope
        self._plan = plan
        self._keys = keys

    @property
    def unit(self) -> RecoveryUnit:
        """The recovery unit whose transaction the scan uses."""
        return self._scope.unit

    def open(self, scan: AnyReader) -> AnyReader:
        """Attach a new scan to the wrapped scope."""
        return self._scope.open(scan)

    def check(self) -> None:
        """Raise an error if the operation was interrupted or the trial has examined too many keys. Scans call this method regularly."""
        self._scope.check()
        scan = self._plan.scan
        if scan is not None and scan.keys_examined > self._keys:
            raise _Exceeded


class ContestedDocuments(SortedDocuments):
    """An iterator over the sorted documents of a `ContestedSort`, which may switch to the rival plan during the sort."""

    def __init__(self, plan: ContestedSort, source: Any, scope: ReadScope) -> None:
        super().__init__(source, plan.pattern.key, plan.limit, spill=plan.spill)
        self._plan: Any = plan
        self._scope = scope

    def _sorted(self) -> Iterable[Row] | SortBuffer:
        plan, documents = self._plan, iter(self._source)
        kept: list[Row] = []
        read = 0
        look = FIRST_LOOK
        while True:
            if not self.keep_best(islice(documents, look - read), [row[0] for row in kept], kept):
                return self._all(kept)
            if plan.child.scan.finished:
                return kept
            rows = plan.attempt(self._scope, look)
            if rows is not None:
                plan.gave_way = True
                self._scope.forget(plan.child.scan)
                return rows  # type: ignore[no-any-return]
            read, look = look, look * FACTOR


def contested(plan: Plan, query: CanonicalQuery, make_rival: Callable[[], Plan]) -> Plan:
    """Wrap a sort in a ContestedSort so that a rival plan may replace it. Return the plan unchanged if it cannot be contested.

    Arguments:
        plan: the plan of a query with a sort and a limit. Only a sort of an index scan can be contested.
        make_rival: creates the rival plan, a scan in sort order.
    """
    simple = query.wanted_metadata is None and query.sort_bytes is None and not query.return_key
    if type(plan) is not Sort or not simple or not 0 < plan.limit <= LONGEST_TOP:
        return plan
    return ContestedSort(plan.child, plan.pattern, plan.limit, spill=plan.spill, make_rival=make_rival)
