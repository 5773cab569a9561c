"""Collections whose documents are computed when they are read, such as `system.views`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from secantus_server.errors import not_supported
from secantus_server.exec.read_scope import ReadScope
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.plan import MEMORY_LIMIT, Documents, Found, Plan
from secantus_server.query.stages import PlanStage, stage


@dataclass
class ListedSource(Plan):
    """The plan for a query over a computed list of documents.

    Arguments:
        compute: returns all documents. It is called when the first document is read.

    Raises:
        CommandError: 238 NotImplemented if the query has `min` or `max`.
    """

    compute: Callable[[], list[bytes]]
    query: CanonicalQuery
    documents: ListedDocuments | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.query.min or self.query.max:
            raise not_supported("min and max over a system collection", "use a filter")

    def open(self, scope: ReadScope) -> Documents:
        """Start executing the plan and return an iterator over its documents. The iterator reads in the scope's transactions."""
        self.documents = ListedDocuments(self.compute, self.query)
        return self.documents

    def explain(self) -> PlanStage:
        """Return the stage that explain shows for this plan node."""
        documents = self.documents
        return scan_stage(self.query, None if documents is None else documents.examined, documents.advanced if documents else 0)


def scan_stage(query: CanonicalQuery, examined: int | None, returned: int, bounds: dict[str, Any] | None = None) -> PlanStage:
    """Return the top stage of explain's output for a query over computed documents.

    Arguments:
        examined: the number of documents read; None before execution.
        returned: the number of documents returned.
        bounds: additional fields of the COLLSCAN stage, or None.
    """
    shape = {"direction": "backward" if query.natural < 0 else "forward", **(bounds or {})}
    counts, done, works = ({}, None, 0) if examined is None else ({"docsExamined": examined}, returned, examined)
    scan = stage("COLLSCAN", shape, filter=query.match, returned=done, works=works, counts=counts)
    if query.sort is None:
        return scan
    pattern = {"sortPattern": query.sort.shown, "memLimit": MEMORY_LIMIT, "type": "simple"}
    return stage("SORT", pattern, returned=done, works=returned, inputs=[scan])


class ListedDocuments(Iterator[bytes]):
    """An iterator over the documents of a computed list that match a query, in the query's order.

    The RecordId of a document is its position in the list.
    """

    def __init__(self, compute: Callable[[], list[bytes]], query: CanonicalQuery) -> None:
        self.record_id = 0
        self._compute = compute
        self._query = query
        self._found: Iterator[Found] | None = None
        # The number of documents read, and the number returned.
        self.examined = self.advanced = 0

    def __next__(self) -> bytes:
        if self._found is None:
            self._found = iter(self._matches())
        self.record_id, document = next(self._found)
        self.advanced += 1
        return document

    def _matches(self) -> list[Found]:
        match, sort = self._query.match, self._query.sort
        listed = self._compute()
        self.examined = len(listed)
        found = [pair for pair in enumerate(listed, 1) if match is None or match.matches(pair[1])]
        if sort is not None:
            found.sort(key=lambda pair: sort.key(pair[1]))
        return found[::-1] if self._query.natural < 0 else found
