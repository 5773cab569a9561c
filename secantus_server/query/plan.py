"""The nodes of a query's plan: what they read, and how explain shows them.

A plan is a tree. `open` gives an iterator over documents that also has `record_id`, the RecordId of the last document it gave; the iterators
of a cursor share a ReadScope.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from secantus_server.catalog.collection import Collection
from secantus_server.exec._scan import IndexScan, RecordScan, Scan
from secantus_server.exec.read_scope import ReadScope
from secantus_server.exec.sorting import SortedDocuments
from secantus_server.exec.union import UnionScan
from secantus_server.index._index import Index
from secantus_server.mql.sort import SortPattern
from secantus_server.query.bounds import IndexBounds

Check = Callable[[], None]


class Documents(Protocol):
    """An iterator over documents that knows the RecordId of the last one."""

    record_id: int

    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...


@dataclass
class CollectionScan:
    """Every document of the collection."""

    collection: Collection
    match: Any
    reverse: bool = False
    scan: Scan | None = field(default=None, compare=False)

    def open(self, scope: ReadScope, check: Check) -> Documents:
        """Begin to read."""
        self.scan = scope.open(RecordScan(self.collection.ident, self.match, check, self.reverse))
        return self.scan

    def explain(self) -> dict[str, Any]:
        """The node as explain shows it."""
        shown: dict[str, Any] = {"stage": "COLLSCAN"}
        if self.match is not None:
            shown["filter"] = self.match.serialize()
        return {**shown, "direction": "backward" if self.reverse else "forward"}

    def stats(self) -> dict[str, Any]:
        """What it did, for executionStats."""
        assert self.scan is not None, "the plan was opened"
        return {"nReturned": self.scan.advanced, "docsExamined": self.scan.docs_examined}


@dataclass
class EmptyScan:
    """No documents: the collection does not exist, or the filter can match nothing."""

    def open(self, scope: ReadScope, check: Check) -> Documents:
        """Begin to read."""
        return Nothing()

    def explain(self) -> dict[str, Any]:
        """The node as explain shows it."""
        return {"stage": "EOF"}

    def stats(self) -> dict[str, Any]:
        """What it did, for executionStats."""
        return {"nReturned": 0}


class Nothing(Iterator[bytes]):
    """An iterator without documents."""

    record_id = 0

    def __next__(self) -> bytes:
        raise StopIteration


@dataclass
class IndexedScan:
    """The entries of an index within bounds, and their documents.

    Arguments:
        match: what the documents are still to be held against; None where the bounds say it all.
        covered: no document is read; the entries' values are given (as `decode_covered` reads them).
    """

    collection: Collection
    index: Index
    bounds: IndexBounds
    match: Any
    reverse: bool = False
    covered: bool = False
    dedupe: bool = False
    scan: Scan | None = field(default=None, compare=False)

    def open(self, scope: ReadScope, check: Check) -> Documents:
        """Begin to read."""
        intervals = self.bounds.intervals[::-1] if self.reverse else self.bounds.intervals
        records = None if self.covered else self.collection.ident
        dedupe = self.dedupe or self.index.multikey
        self.scan = scope.open(IndexScan(self.index, intervals, records, self.match, check, self.reverse, dedupe))
        return self.scan

    def _entries(self) -> dict[str, Any]:
        index = self.index
        return {
            "stage": "IXSCAN",
            "keyPattern": index.spec["key"],
            "indexName": index.name,
            "isMultiKey": index.multikey,
            "multiKeyPaths": {path: [] for path, _ in index.parts},
            "isUnique": index.unique,
            "isSparse": index.sparse,
            "isPartial": index.partial_filter is not None,
            "indexVersion": index.spec.get("v", 2),
            "direction": "backward" if self.reverse else "forward",
            "indexBounds": self.bounds.shown(self.reverse),
        }

    def explain(self) -> dict[str, Any]:
        """The node as explain shows it."""
        if self.covered:
            return self._entries()
        shown: dict[str, Any] = {"stage": "FETCH"}
        if self.match is not None:
            shown["filter"] = self.match.serialize()
        return {**shown, "inputStage": self._entries()}

    def stats(self) -> dict[str, Any]:
        """What it did, for executionStats."""
        assert self.scan is not None, "the plan was opened"
        keys = {"nReturned": self.scan.keys_examined, "keysExamined": self.scan.keys_examined}
        if self.covered:
            return keys
        return {"nReturned": self.scan.advanced, "docsExamined": self.scan.docs_examined, "inputStage": keys}


@dataclass
class Union:
    """The documents of several index scans, each document once."""

    children: list[IndexedScan]

    def open(self, scope: ReadScope, check: Check) -> Documents:
        """Begin to read."""
        return UnionScan([child.open(scope, check) for child in self.children])

    def explain(self) -> dict[str, Any]:
        """The node as explain shows it."""
        return {"stage": "SUBPLAN", "inputStage": {"stage": "FETCH", "inputStage": {"stage": "OR", "inputStages": [c.explain()["inputStage"] for c in self.children]}}}

    def stats(self) -> dict[str, Any]:
        """What it did, for executionStats."""
        inner = [child.stats() for child in self.children]
        return {"nReturned": sum(child["nReturned"] for child in inner), "inputStages": inner}


@dataclass
class Sort:
    """The documents of another node, sorted."""

    child: Any
    pattern: SortPattern
    limit: int = 0

    def open(self, scope: ReadScope, check: Check) -> Documents:
        """Begin to read."""
        return SortedDocuments(self.child.open(scope, check), self.pattern.key, self.limit)

    def explain(self) -> dict[str, Any]:
        """The node as explain shows it."""
        shown: dict[str, Any] = {"stage": "SORT", "sortPattern": dict(self.pattern.parts), "memLimit": 104857600}
        if self.limit:
            shown["limitAmount"] = self.limit
        return {**shown, "type": "simple", "inputStage": self.child.explain()}

    def stats(self) -> dict[str, Any]:
        """What it did, for executionStats."""
        inner = self.child.stats()
        returned = min(self.limit, inner["nReturned"]) if self.limit else inner["nReturned"]
        return {"nReturned": returned, "inputStage": inner}
