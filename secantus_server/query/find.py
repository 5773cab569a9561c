"""Runs a planned query: documents with skip and projection applied, or their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from secantus_server.bson import encode
from secantus_server.catalog.collection import Collection
from secantus_server.errors import not_supported
from secantus_server.exec._scan import RecordScan
from secantus_server.exec.read_scope import ReadScope
from secantus_server.exec.shown import Skipping, WithRecordId
from secantus_server.mql.projection import Projection
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.plan import Documents, IndexedScan, Sort, Source
from secantus_server.query.point import plan_of

Check = Callable[[], None]


def matching_documents(collection: Collection | None, query: CanonicalQuery, scope: ReadScope, check: Check) -> Documents:
    """The documents a query asks for in its order, without skip and limit; the iterator knows their RecordIds."""
    return plan_of(collection, query).open(scope, check)


def find_documents(
    collection: Collection | None, query: CanonicalQuery, projection: Projection | None, scope: ReadScope, check: Check
) -> Iterator[bytes]:
    """The documents of a find: matched, sorted, skipped and projected; the caller counts the limit."""
    plan = plan_of(collection, query)
    shown = keys_of(plan) if query.return_key else None if projection is None else projection.apply
    documents: Iterator[bytes] = plan.open(scope, check)
    if query.skip:
        documents = Skipping(documents, query.skip)
    if query.show_record_id:
        if collection is not None and collection.is_clustered:
            raise not_supported("showRecordId with a clustered collection", "leave it out: there it stands for the _id")
        return WithRecordId(documents, shown or _whole)
    return documents if shown is None else map(shown, documents)


def _whole(document: bytes) -> bytes:
    return document


def keys_of(plan: Source) -> Callable[[bytes], bytes]:
    """What `returnKey` shows of a document: its key in the index that the plan reads, or nothing.

    Raises:
        CommandError: 238, a document may have several keys.
    """
    source = plan.child if isinstance(plan, Sort) else plan
    if not isinstance(source, IndexedScan):
        return lambda document: encode({})
    if source.index.multikey:
        raise not_supported("returnKey with a multikey index", "leave it out")
    index, source.covered = source.index, False
    paths = [path for path, _ in index.parts]
    return lambda document: encode(dict(zip(paths, index.values(document), strict=True)))


def count_documents(collection: Collection | None, query: CanonicalQuery, scope: ReadScope, check: Check) -> int:
    """How many documents match; skip and limit are the caller's."""
    if collection is None:
        return 0
    if query.match is None and not query.hint and not query.natural:
        return count_all(collection, scope, check)
    documents = matching_documents(collection, query, scope, check)
    counted = getattr(documents, "count", None)
    return counted() if counted is not None else sum(1 for _ in documents)


def count_all(collection: Collection, scope: ReadScope, check: Check) -> int:
    """How many documents a collection has; counted once and then kept up to date by the writes."""
    known, version = collection.count()
    if known is not None:
        return known
    scan = RecordScan(collection.ident, None, check)
    scope.open(scan)
    counted = scan.count()
    collection.remember_count(counted, version)
    return counted
