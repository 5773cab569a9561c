"""The documents that a statement writes, found before it writes them."""

from __future__ import annotations

from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.request import Request
from secantus_server.exec.read_scope import ReadScope
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.find import matching_documents
from secantus_server.query.point import point_document, point_index
from secantus_server.storage import RecoveryUnit
from secantus_server.work.batches import Target


def find_targets(request: Request, collection: Collection, query: CanonicalQuery, unit: RecoveryUnit, most: int) -> list[Target]:
    """Return the documents that a statement writes, with their RecordIds; all are read before any is written.

    Arguments:
        most: 1 for a statement about one document, 0 for all. `batches.Targets` reads in batches what may be many documents.
    """
    index = point_index(collection, query)
    if index is not None:
        only = point_document(collection, index, query, unit)
        return [] if only is None else [only]
    scope = ReadScope(unit)
    documents = matching_documents(collection, query, scope, request.operation.check)
    found: list[Target] = []
    try:
        for document in documents:
            found.append((documents.record_id, document))
            if most and len(found) == most:
                break
    finally:
        scope.close()
    return found
