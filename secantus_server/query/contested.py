"""Sorts that compete with the scan of an index in sort order, for queries with a limit.

MongoDB runs such plans side by side for a while and keeps the one that returns documents first
(https://www.mongodb.com/docs/manual/core/query-plans/). Secantus first runs the scan below the sort. When that scan has returned FIRST_LOOK
documents, the rival is tried, which is the scan in sort order. It may examine as many keys as the first scan has returned documents. If
the rival reaches the limit, its documents are the result. Otherwise the first scan continues, and the rival is tried again when FACTOR
times as many documents have been read. So a query takes at most a few times as long as with the better plan, and a query with few
matches takes no longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from secantus_server.exec.read_scope import AnyReader, ReadScope
from secantus_server.exec.sorting import LONGEST_TOP, Measured, Row, SortedDocuments
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.plan import Documents, Plan, Sort
from secantus_server.query.stages import PlanStage
from secantus_server.storage import RecoveryUnit

#: How many documents the scan below the sort returns before the first trial, and the factor between two trials.
FIRST_LOOK = 1000
FACTOR = 4


class _Exceeded(Exception):
    """Raised when a trial has examined its maximum number of keys."""


@dataclass
class ContestedSort(Sort):
    """A sort of an index scan that competes with a rival, a scan in sort order. If the rival reaches the limit soon, it replaces the sort.

    Arguments:
        make_rival: returns the rival plan.
        rival: the rival plan after its last trial, or None before the first trial.
        gave_way: whether the rival returned the documents.
    """

    make_rival: Callable[[], Plan] = field(kw_only=True, compare=False)
    rival: Any = field(default=None, compare=False)
    gave_way: bool = field(default=False, compare=False)

    def open(self, scope: ReadScope) -> Documents:
        """Return an iterator over the documents, which reads in the scope's transactions."""
        documents = self.child.open(scope)
        self.source = Measured(documents) if self.measured else None
        self.rival, self.gave_way = None, False
        return ContestedDocuments(self, self.source or documents, scope)

    @property
    def chosen(self) -> Plan:
        """The plan that returned the documents."""
        return self.rival if self.gave_way else self

    def explain(self) -> PlanStage:
        """Return the node as explain shows it."""
        return self.rival.explain() if self.gave_way else super().explain()

    @property
    def sort(self) -> Sort:
        """The sort without its competition and without execution statistics, for explain."""
        child: Any = self.child
        return Sort(replace(child, scan=None), self.pattern, self.limit)

    def attempt(self, scope: ReadScope, keys: int) -> list[Row] | None:
        """Return the rows of the rival, or None if the rival examines more than `keys` keys."""
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
    """A wrapper of a `ReadScope` that limits the number of keys which a plan may examine.

    Arguments:
        scope: the wrapped scope of the query.
        plan: the plan that is tried.
        keys: the maximum number of keys.
    """

    def __init__(self, scope: ReadScope, plan: Any, keys: int) -> None:
        self._scope = scope
        self._plan = plan
        self._keys = keys

    @property
    def unit(self) -> RecoveryUnit:
        """The recovery unit whose transaction the scan reads in."""
        return self._scope.unit

    def open(self, scan: AnyReader) -> AnyReader:
        """Attach a new scan to the scope of the query."""
        return self._scope.open(scan)

    def check(self) -> None:
        """Raise an error if the operation was interrupted or the trial has exceeded its keys. Scans call this regularly."""
        self._scope.check()
        scan = self._plan.scan
        if scan is not None and scan.keys_examined > self._keys:
            raise _Exceeded


class ContestedDocuments(SortedDocuments):
    """An iterator over the sorted documents of a `ContestedSort`, which may switch to the other plan while it reads."""

    def __init__(self, plan: ContestedSort, source: Any, scope: ReadScope) -> None:
        super().__init__(source, plan.pattern.key, plan.limit)
        self._plan: Any = plan
        self._scope = scope

    def _sorted(self) -> list[Row]:
        plan, documents = self._plan, iter(self._source)
        kept: list[Row] = []
        read = 0
        look = FIRST_LOOK
        while True:
            kept = self._best(kept, islice(documents, look - read))
            if plan.child.scan.finished:
                return kept
            rows = plan.attempt(self._scope, look)
            if rows is not None:
                plan.gave_way = True
                self._scope.forget(plan.child.scan)
                return rows  # type: ignore[no-any-return]
            read, look = look, look * FACTOR

    def _best(self, kept: list[Row], documents: Iterator[bytes]) -> list[Row]:
        """Return the best rows among the rows kept so far and further documents."""
        keys = [row[0] for row in kept]
        self.keep_best(documents, keys, kept)
        return kept


def contested(plan: Plan, query: CanonicalQuery, make_rival: Callable[[], Plan]) -> Plan:
    """Return the plan as a ContestedSort, which uses the rival if that is faster; return the plan unchanged if it cannot be contested.

    Arguments:
        plan: the plan of a query with a sort and a limit. Only a sort of an index scan can be contested.
        make_rival: returns the plan of the scan in sort order.
    """
    simple = query.wanted_metadata is None and query.sort_bytes is None and not query.return_key
    if type(plan) is not Sort or not simple or not 0 < plan.limit <= LONGEST_TOP:
        return plan
    return ContestedSort(plan.child, plan.pattern, plan.limit, make_rival=make_rival)
