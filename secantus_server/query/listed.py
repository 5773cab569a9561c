"""Documents that the server computes when they are read, such as those of `system.views`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from secantus_server.errors import not_supported
from secantus_server.exec.read_scope import ReadScope
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.plan import Documents, Found, Source


@dataclass
class ListedSource(Source):
    """The source of a query over a computed list of documents.

    Arguments:
        compute: returns all documents; it is called at the first document that is read.

    Raises:
        CommandError: 238 NotImplemented, the query has `min` or `max`.
    """

    compute: Callable[[], list[bytes]]
    query: CanonicalQuery

    def __post_init__(self) -> None:
        if self.query.min or self.query.max:
            raise not_supported("min and max over a system collection", "use a filter")

    def open(self, scope: ReadScope) -> Documents:
        """Return an iterator that reads in a scope's transactions."""
        return ListedDocuments(self.compute, self.query)


class ListedDocuments(Iterator[bytes]):
    """An iterator over the matching documents of a list, in the query's order. A document's position is its RecordId."""

    def __init__(self, compute: Callable[[], list[bytes]], query: CanonicalQuery) -> None:
        self.record_id = 0
        self._compute = compute
        self._query = query
        self._found: Iterator[Found] | None = None

    def __next__(self) -> bytes:
        if self._found is None:
            self._found = iter(self._matches())
        self.record_id, document = next(self._found)
        return document

    def _matches(self) -> list[Found]:
        match, sort = self._query.match, self._query.sort
        found = [pair for pair in enumerate(self._compute(), 1) if match is None or match.matches(pair[1])]
        if sort is not None:
            found.sort(key=lambda pair: sort.key(pair[1]))
        return found[::-1] if self._query.natural < 0 else found
