"""Finds or counts the documents of a query. `plan_of` selects the plan by which they are read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from secantus_server.bson import encode
from secantus_server.catalog.collection import Collection
from secantus_server.errors import not_supported
from secantus_server.exec._scan import RecordScan
from secantus_server.exec.annotated import SortKeys
from secantus_server.exec.find_output import Skipping, WithRecordId
from secantus_server.exec.read_scope import ReadScope
from secantus_server.exec.sorting import SortedDocuments
from secantus_server.mql.projection import Projection
from secantus_server.query.canonical import CanonicalQuery, PointQuery
from secantus_server.query.plan import Documents, IndexedScan, Plan, Sort, Source, with_metadata
from secantus_server.query.plan_cache import cache_plan
from secantus_server.query.planner import plan_query
from secantus_server.query.point import point_lookup


def plan_of(collection: Collection | None, query: CanonicalQuery, *, noted: bool = False) -> Source:
    """Return the source of a query's documents, which is a point lookup if a unique index determines the document, else the planner's
    plan.

    Arguments:
        noted: whether to add a point lookup to the command's plan notes even if the context does not request it. Commands that read a
            single document pass False and count it themselves, because adding a note would take a noticeable part of their time.

    Raises:
        CommandError: the errors of `plan_query`.
    """
    if query.wanted_metadata is not None:
        # A point lookup does not provide the metadata of the document that it finds.
        return WithMetadata(_cached(collection, query), query)
    lookup = point_lookup(collection, query) if type(query) is PointQuery and _is_unlisted(query) else None
    if lookup is None:
        return _cached(collection, query)
    note = query.context.note_plan
    if note is not None and (noted or query.context.notes_lookups):
        lookup.is_noted = True
        note(lookup, query)
    return lookup


def _cached(collection: Collection | None, query: CanonicalQuery) -> Plan:
    plan = plan_query(collection, query)
    if query.rivals and query.is_cached and collection is not None:
        cache_plan(collection, query, plan)
    return plan


def _is_unlisted(query: CanonicalQuery) -> bool:
    """Return whether the query is unaffected by index filters and query settings."""
    return query.context.index_filters is None and query.context.allowed_indexes is None


class WithMetadata(Source):
    """A plan that also provides document metadata. Reading a document stores its metadata in the query's context.

    Arguments:
        plan: the query's plan.
        query: the query, which must need some metadata.
    """

    def __init__(self, plan: Plan, query: CanonicalQuery) -> None:
        self.plan = plan
        self._query = query

    def open(self, scope: ReadScope) -> Documents:
        """Start executing the plan and return an iterator over its documents. The iterator reads in the scope's transactions."""
        plan, query, metadata = self.plan, self._query, self._query.wanted_metadata
        assert metadata is not None, "the query wants some metadata"
        documents = plan.open(scope)
        if not isinstance(plan, Sort):
            documents = with_metadata(plan, documents, metadata)
        if "sortKey" in metadata.wanted and query.sort is not None:
            return SortKeys(documents, query.sort.values, metadata)
        return documents


def matching_documents(collection: Collection | None, query: CanonicalQuery, scope: ReadScope) -> Documents:
    """Return the documents that match a query, in the query's sort order. Skip and limit are not applied."""
    return plan_of(collection, query, noted=True).open(scope)


def find_documents(
    plan: Source, collection: Collection | None, query: CanonicalQuery, projection: Projection | None, scope: ReadScope
) -> Iterator[bytes]:
    """Return the documents of a find after filter, sort, skip and projection. The caller applies the limit."""
    project = keys_of(plan) if query.return_key else None if projection is None else projection.apply
    documents: Iterator[bytes] = plan.open(scope)
    if projection is not None and _project_early(documents, query, projection):
        return documents
    if query.skip:
        documents = Skipping(documents, query.skip)
    if query.show_record_id:
        if collection is not None and collection.is_clustered:
            raise not_supported("showRecordId with a clustered collection", "leave it out: there it stands for the _id")
        return WithRecordId(documents, project or _whole)
    return documents if project is None else map(project, documents)


def _project_early(documents: Iterator[bytes], query: CanonicalQuery, projection: Projection) -> bool:
    """Let a sort apply the projection to each document that it reads, and return True. Return False if the projection must come later."""
    if type(documents) is not SortedDocuments or not projection.only_selects:
        return False
    if query.return_key or query.skip or query.show_record_id:
        return False
    return documents.project(projection.apply)


def _whole(document: bytes) -> bytes:
    return document


def keys_of(plan: Source) -> Callable[[bytes], bytes]:
    """Return the function that implements `returnKey` for a plan.

    The function maps a document to its key in the index that the plan reads. Without an index, the result is an empty document.

    Raises:
        CommandError: 238 NotImplemented for a multikey index.
    """
    whole: Any = plan.plan if isinstance(plan, WithMetadata) else plan
    source = whole.child if isinstance(whole, Sort) else whole
    if not isinstance(source, IndexedScan):
        return lambda document: encode({})
    if source.index.multikey:
        raise not_supported("returnKey with a multikey index", "leave it out")
    index, source.covered = source.index, False
    paths = [path for path, _ in index.parts]
    return lambda document: encode(dict(zip(paths, index.values(document), strict=True)))


def count_documents(plan: Source, collection: Collection | None, query: CanonicalQuery, scope: ReadScope) -> int:
    """Return the number of documents that a plan finds, before skip and limit. See `count_read`."""
    if collection is not None and query.match is None and not query.hint and not query.natural:
        return count_all(collection, scope)
    return count_read(plan.open(scope), query)


def count_read(documents: Documents, query: CanonicalQuery) -> int:
    """Return the number of documents, before skip and limit. Read no more documents than the limit requires."""
    most = min(query.skip + query.limit, sys.maxsize) if query.limit else sys.maxsize
    counted = getattr(documents, "count", None)
    return counted(most) if counted is not None else sum(1 for _ in islice(documents, most))


def count_all(collection: Collection, scope: ReadScope) -> int:
    """Return the number of documents in a collection. The first call counts them. Later calls return a number that each write updates."""
    known = collection.count()
    if known is not None:
        return known
    scan = RecordScan(collection.ident, None, scope.check)
    scope.open(scan)
    counted = scan.count()
    collection.remember_count(counted, scope.unit.serial)
    return counted
