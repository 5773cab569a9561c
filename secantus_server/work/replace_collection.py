"""Atomic replacement of a collection's documents, for `$out`."""

from __future__ import annotations

from secantus_server.dispatch.names import check_new_collection_name
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import CatalogTransaction
from secantus_server.work.collections import check_database_case, empty_collection, log_creation, new_collection, recall
from secantus_server.work.writers import open_writer
from secantus_server.work.writing import check_not_view

# A document is written to the collection and to the oplog.
WRITTEN_TWICE = 2


def replace_collection(request: Request, db: str, name: str, documents: list[bytes], bypass_validation: bool) -> None:
    """Replace a collection's documents; keep its options and indexes. Create the collection if it does not exist.

    Arguments:
        documents: prepared documents.

    Raises:
        CommandError: 11000, 121, or an interruption; the collection is unchanged in that case.
    """
    services, check = request.services, request.operation.check
    check_new_collection_name(db, name)
    check_database_case(services.catalog, db)
    recall(services, db, name)
    incoming = WRITTEN_TWICE * sum(map(len, documents))
    if services.engine.is_crowded(incoming):
        services.engine.relieve(incoming)

    def body(transaction: CatalogTransaction) -> None:
        existing = transaction.catalog.find(db, name)
        check_not_view(existing)
        if existing is None:
            fresh = new_collection(services, db, name, {})
        else:
            fresh = empty_collection(services, db, name, existing.options, [index.spec for index in existing.indexes])
            transaction.changes.remove(existing)
            transaction.changes.removed.clear()
        transaction.changes.save(fresh)
        log_creation(transaction, fresh, replaced=None if existing is None else existing.uuid)
        writer = open_writer(services, transaction, fresh, bypass_validation=bypass_validation)
        for document in documents:
            check()
            writer.insert(document)

    request.work.change_catalog(body, check)
