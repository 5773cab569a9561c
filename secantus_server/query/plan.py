"""The nodes of a query plan.

A plan is a tree of nodes. A node's `open` returns an iterator over documents that also provides the RecordId of the last document. All
iterators of a cursor share a ReadScope. A node's `explain` returns its stage for explain, with execution statistics if it was opened.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from bson.int64 import Int64

from secantus_server.bson.values import MISSING
from secantus_server.catalog.collection import Collection
from secantus_server.errors import not_supported
from secantus_server.exec._covered import EntryShape
from secantus_server.exec._scan import IndexScan, RecordScan
from secantus_server.exec.annotated import Annotated, SortedWithMetadata
from secantus_server.exec.nearest import NearestDocuments, Ring, Rings, shown_interval
from secantus_server.exec.read_scope import ReadScope
from secantus_server.exec.sorting import Measured, SortedDocuments
from secantus_server.exec.spilling import NOTHING_SPILLED, Spill
from secantus_server.exec.union import UnionScan
from secantus_server.index._index import Index
from secantus_server.mql.match import And
from secantus_server.mql.metadata import Metadata
from secantus_server.mql.sort import SortPattern
from secantus_server.query.bounds import IndexBounds
from secantus_server.query.stages import PlanStage, count_shape, index_shape, stage
from secantus_server.storage import RecoveryUnit

MEMORY_LIMIT = 104857600

Found = tuple[int, bytes]  # RecordId, document


class Documents(Protocol):
    """An iterator over documents that also provides the RecordId of the last document."""

    @property
    def record_id(self) -> int:
        """The RecordId of the document that the iterator returned last."""
        ...

    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...


class Source(Protocol):
    """The source of a query's documents, either a plan or a point lookup."""

    #: Whether the source has at most one document, which `first` reads without a scan.
    is_lookup: bool = False

    def open(self, scope: ReadScope) -> Documents:
        """Start executing the plan and return an iterator over its documents. The iterator reads in the scope's transactions."""
        ...

    def first(self, unit: RecoveryUnit, check: Callable[[], None]) -> Found | None:
        """Return the RecordId and the bytes of the first document, or None if the source has no document.

        Arguments:
            check: a function that is called regularly and raises an error if the operation was interrupted.
        """
        scope = ReadScope(unit, check)
        try:
            documents = self.open(scope)
            for document in documents:
                return documents.record_id, document
            return None
        finally:
            scope.close()


class Plan(Source, Protocol):
    """A node of a query plan."""

    def explain(self) -> PlanStage:
        """Return the stage that explain shows for this plan node."""
        ...


@dataclass
class CollectionScan(Plan):
    """A scan of the whole collection. With `tailing`, the scan serves a tailable cursor and also returns documents that are inserted
    later.
    """

    collection: Collection
    match: Any
    reverse: bool = False
    tailing: bool = False
    scan: RecordScan | None = field(default=None, compare=False)

    def open(self, scope: ReadScope) -> Documents:
        """Start executing the plan and return an iterator over its documents. The iterator reads in the scope's transactions."""
        self.scan = RecordScan(self.collection.ident, self.match, scope.check, self.reverse, self.tailing, self.collection.is_capped)
        self.scan.collection = self.collection
        return scope.open(self.scan)

    def explain(self) -> PlanStage:
        """Return the stage that explain shows for this plan node."""
        shape = {"direction": "backward" if self.reverse else "forward"}
        if self.scan is None:
            return stage("COLLSCAN", shape, filter=self.match)
        examined = {"docsExamined": self.scan.docs_examined}
        return stage("COLLSCAN", shape, filter=self.match, returned=self.scan.advanced, works=self.scan.docs_examined, counts=examined)


class EmptyScan(Plan):
    """A plan that returns no documents, for a nonexistent collection or a filter that cannot match."""

    def open(self, scope: ReadScope) -> Documents:
        """Start executing the plan and return an iterator over its documents. The iterator reads in the scope's transactions."""
        return NoDocuments()

    def explain(self) -> PlanStage:
        """Return the stage that explain shows for this plan node."""
        return stage("EOF", {}, returned=0)


class NoDocuments(Iterator[bytes]):
    """An empty iterator."""

    record_id = 0

    def __next__(self) -> bytes:
        raise StopIteration


@dataclass
class IndexedScan(Plan):
    """A scan of an index within bounds, followed by a fetch of the documents.

    Arguments:
        match: the residual filter for the documents, or None.
        key_filter: a filter that entries must match before their documents are read, or None.
        covered: whether documents are built from the index entries instead of being fetched.
        seen: the RecordIds that all scans of a union have already returned, or None outside a union.
    """

    collection: Collection
    index: Index
    bounds: IndexBounds
    match: Any
    key_filter: Any = None
    reverse: bool = False
    covered: bool = False
    seen: set[int] | None = field(default=None, compare=False)
    scan: IndexScan | None = field(default=None, compare=False)

    def open(self, scope: ReadScope) -> Documents:
        """Start executing the plan and return an iterator over its documents. The iterator reads in the scope's transactions."""
        index, intervals, paths = self.stored()
        index.uses += 1
        self.scan = IndexScan(
            index,
            intervals[::-1] if self.reverse else intervals,
            self.collection.ident,
            self.match,
            scope.check,
            self.reverse,
            self.index.multikey if self.seen is None else self.seen,
            EntryShape(paths, True) if self.covered else None,
            self.key_filter,
            EntryShape(paths, False) if self.key_filter is not None else None,
        )
        self.scan.collection = self.collection
        return scope.open(self.scan)

    def stored(self) -> tuple[Index, list[tuple[bytes, bytes]], list[str]]:
        """Return the index whose entries are read, the ranges of keys to read, and the paths whose values an entry contains."""
        return self.index, self.bounds.intervals, [path for path, _ in self.index.parts]

    def entries(self) -> PlanStage:
        """Return the IXSCAN stage."""
        shape = index_shape(self.index, self.bounds, self.reverse)
        scan = self.scan
        if scan is None:
            return stage("IXSCAN", shape, filter=self.key_filter)
        returned = scan.advanced if self.covered else max(scan.advanced, scan.docs_examined)
        counts = {"keysExamined": scan.keys_examined, "seeks": scan.seeks, "dupsTested": 0, "dupsDropped": scan.duplicates}
        if self.index.multikey:
            counts["dupsTested"] = scan.keys_examined
        return stage("IXSCAN", shape, filter=self.key_filter, returned=returned, works=scan.keys_examined, counts=counts)

    def counted(self) -> PlanStage:
        """Return the stage for a count of index entries: a COUNT_SCAN if the bounds are a single range, else an IXSCAN."""
        scan = self.scan
        if self.key_filter is None and self.bounds.single_range:
            shape = count_shape(self.index, self.bounds)
            counts = {} if scan is None else {"keysExamined": scan.keys_examined}
            returned, works = (None, 0) if scan is None else (scan.advanced, scan.keys_examined)
            return stage("COUNT_SCAN", shape, returned=returned, works=works, counts=counts)
        below = self.entries()
        if scan is not None:
            below.returned = scan.advanced
        return below

    def explain(self) -> PlanStage:
        """Return the stage that explain shows for this plan node."""
        if self.covered:
            return self.entries()
        return fetch_stage(self.match, [self.scan] if self.scan else [], self.entries())


def fetch_stage(match: Any, scans: list[IndexScan], below: PlanStage) -> PlanStage:
    """Return a FETCH stage on top of the stage of one or more index scans."""
    if not scans:
        return stage("FETCH", {}, filter=match, inputs=[below])
    examined = sum(scan.docs_examined for scan in scans)
    counts = {"docsExamined": examined, "alreadyHasObj": 0}
    returned = sum(scan.advanced for scan in scans)
    return stage(
        "FETCH", {}, filter=match, returned=returned, works=sum(scan.keys_examined for scan in scans), counts=counts, inputs=[below]
    )


@dataclass
class Union(Plan):
    """The union of several index scans, without duplicates."""

    children: list[Any]

    def open(self, scope: ReadScope) -> Documents:
        """Start executing the plan and return an iterator over its documents. The iterator reads in the scope's transactions."""
        seen: set[int] = set()
        for child in self.children:
            child.seen = seen
        return UnionScan([child.open(scope) for child in self.children])

    def explain(self) -> PlanStage:
        """Return the stage that explain shows for this plan node."""
        scans = [child.scan for child in self.children if child.scan]
        inner = [child.entries() for child in self.children]
        counts = {"dupsTested": sum(scan.keys_examined for scan in scans), "dupsDropped": sum(scan.duplicates for scan in scans)}
        found = None if not scans else sum(below.returned or 0 for below in inner)
        either = stage("OR", {}, returned=found, works=sum(scan.keys_examined for scan in scans), counts=counts, inputs=inner)
        return fetch_stage(self.children[0].match, scans, either)


@dataclass
class Near(Plan):
    """A search for the documents of a `$near`, which returns them sorted by distance.

    Arguments:
        match: the filter without the `$near`, or None.
        near: the `$near` node of the filter, which computes distances.
        ordered: whether to sort by distance; False if the query has its own sort.
        search: starts a search of the index; None to read all documents instead.
    """

    collection: Collection
    index: Index
    match: Any
    near: Any
    ordered: bool = True
    limit: int = 0
    search: Callable[[], Rings] | None = None
    scan: Any = field(default=None, compare=False)

    def open(self, scope: ReadScope) -> Documents:
        """Start executing the plan and return an iterator over its documents. The iterator reads in the scope's transactions."""
        self.index.uses += 1
        if self.search is not None:
            self.scan = NearestDocuments(self.index, self.collection, self.match, self.near.distance, self.search(), scope.check)
            return scope.open(self.scan)  # type: ignore[no-any-return]
        whole = self.near if self.match is None else And([self.near, self.match])
        self.scan = RecordScan(self.collection.ident, whole, scope.check)
        self.scan.collection = self.collection
        documents: Documents = scope.open(self.scan)
        return SortedDocuments(documents, self._key, self.limit) if self.ordered else documents

    def _key(self, document: bytes) -> bytes:
        # Big-endian bytes of non-negative doubles sort like the doubles.
        return struct.pack(">d", self.near.distance(document))

    def explain(self) -> PlanStage:
        """Return the stage that explain shows for this plan node."""
        shape = {"keyPattern": self.index.spec["key"], "indexName": self.index.name, "indexVersion": self.index.spec.get("v", 2)}
        name, scan = self.index.kind.near_stage, self.scan
        assert name is not None, "the planner chose an index that measures distances"
        if scan is None:
            return stage(name, shape, filter=self.match)
        if self.search is None:
            counts = {"docsExamined": scan.docs_examined}
            return stage(name, shape, filter=self.match, returned=scan.advanced, works=scan.docs_examined, counts=counts)
        counts = {"searchIntervals": [shown_interval(ring) for ring in scan.read]}
        works = sum(ring.keys_examined for ring in scan.read)
        inputs = [self._ring_stage(ring) for ring in scan.read]
        return stage(name, shape, filter=self.match, returned=scan.advanced, works=works, counts=counts, inputs=inputs)

    def _ring_stage(self, ring: Ring) -> PlanStage:
        examined = {"keysExamined": ring.keys_examined, "seeks": len(ring.intervals), "dupsTested": ring.keys_examined}
        found = ring.keys_examined - ring.duplicates
        counts = {**examined, "dupsDropped": ring.duplicates}
        below = stage("IXSCAN", index_shape(self.index, ring.bounds, False), returned=found, works=ring.keys_examined, counts=counts)
        counts = {"docsExamined": ring.docs_examined, "alreadyHasObj": 0}
        return stage("FETCH", {}, returned=ring.buffered, works=ring.keys_examined, counts=counts, inputs=[below])


@dataclass
class Sort(Plan):
    """A sort of the documents from a child plan.

    Arguments:
        limit: the number of documents to return; 0 means all.
        max_bytes: the memory limit in bytes if the disk must not be used, or None.
        metadata: the document metadata that the query needs, or None.
        spill: the memory limit and the files if the disk may be used, or None.
        measured: whether to count the bytes that are sorted.
    """

    child: Plan
    pattern: SortPattern
    limit: int = 0
    max_bytes: int | None = None
    metadata: Metadata | None = None
    spill: Spill | None = field(default=None, compare=False)
    measured: bool = field(default=False, compare=False)
    source: Measured | None = field(default=None, compare=False)

    def open(self, scope: ReadScope) -> Documents:
        """Start executing the plan and return an iterator over its documents. The iterator reads in the scope's transactions."""
        documents = self.child.open(scope)
        if self.metadata is not None:
            documents = with_metadata(self.child, documents, self.metadata)
        self.source = Measured(documents) if self.measured else None
        if self.spill is not None:
            self.spill.check = scope.check
        if self.metadata is not None:
            return SortedWithMetadata(self.source or documents, self.pattern.key, self.limit, self.max_bytes, self.spill, self.metadata)
        return SortedDocuments(self.source or documents, self.pattern.key, self.limit, self.max_bytes, self.spill)

    def explain(self) -> PlanStage:
        """Return the stage that explain shows for this plan node."""
        below = self.child.explain()
        shape: dict[str, Any] = {"sortPattern": self.pattern.shown, "memLimit": MEMORY_LIMIT}
        if self.limit:
            shape["limitAmount"] = self.limit
        shape["type"] = "simple"
        if self.source is None:
            return stage("SORT", shape, inputs=[below])
        counts = {"totalDataSizeSorted": Int64(self.source.size), **(NOTHING_SPILLED if self.spill is None else self.spill.shown())}
        returned = below.returned or 0
        returned = min(self.limit, returned) if self.limit else returned
        return stage("SORT", shape, returned=returned, works=(below.returned or 0) + returned, counts=counts, inputs=[below])


def with_metadata(plan: Plan, documents: Documents, metadata: Metadata) -> Documents:
    """Wrap a plan's documents in an iterator that stores each document's metadata in `metadata`. The plan must not be a sort.

    Raises:
        CommandError: 238 NotImplemented for `indexKey` with a multikey index, or `geoNearPoint`.
    """
    sources: list[tuple[str, Callable[[bytes], Any]]] = []
    if "recordId" in metadata.wanted:
        sources.append(("recordId", lambda document: Int64(documents.record_id)))
    if "textScore" in metadata.wanted:
        sources.append(("textScore", _text_score(plan, documents)))
    if "geoNearDistance" in metadata.wanted and isinstance(plan, Near):
        sources.append(("geoNearDistance", plan.near.distance))
    if "geoNearPoint" in metadata.wanted and isinstance(plan, Near):
        raise not_supported("{$meta: 'geoNearPoint'} in a find", "use the stage $geoNear")
    if "indexKey" in metadata.wanted and isinstance(plan, IndexedScan):
        sources.append(("indexKey", index_key(plan)))
    return Annotated(documents, sources, metadata)


def _text_score(plan: Any, documents: Any) -> Callable[[bytes], Any]:
    """Return a function that maps a document to its text score.

    If the plan is a Union, the function computes the score itself, because the scans of a Union provide no scores.
    """
    if not isinstance(plan, Union):
        return lambda document: documents.score
    node = next(child.node for child in plan.children if hasattr(child, "node"))
    return lambda document: node.search.score(document) if node.matches(document) else MISSING


def index_key(plan: IndexedScan) -> Callable[[bytes], dict[str, Any]]:
    """Return a function that maps a document to its key in the index that a plan scans. This disables the covered mode of the plan.

    Raises:
        CommandError: 238 NotImplemented for a multikey index.
    """
    if plan.index.multikey:
        raise not_supported("the key of a multikey index", "leave it out")
    index, plan.covered = plan.index, False
    key, kind = index.spec["key"], index.kind
    paths = [path for path, _ in index.parts]

    def shown(document: bytes) -> dict[str, Any]:
        pairs = zip(paths, index.values(document), strict=True)
        return {path: kind.transformed(value) if kind.is_transformed(key[path]) else value for path, value in pairs}

    return shown
