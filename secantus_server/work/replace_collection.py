"""Atomic replacement of a collection's documents, for `$out`."""

from __future__ import annotations

from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.timeseries import complete_options, view_options
from secantus_server.dispatch.names import check_new_collection_name
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.unit_of_work import CatalogTransaction
from secantus_server.errors import CommandError
from secantus_server.work.collections import check_database_case, empty_collection, log_creation, new_buckets, new_collection, recall
from secantus_server.work.special_collections import parse_timeseries
from secantus_server.work.writers import open_writer
from secantus_server.work.writers.buckets import BucketWriter
from secantus_server.work.writing import check_not_view

# Each document is written twice: to the collection and to the oplog.
WRITTEN_TWICE = 2


def replace_collection(
    request: Request, db: str, name: str, documents: list[bytes], bypass_validation: bool, timeseries: dict[str, Any] | None
) -> None:
    """Replace a collection's documents atomically and retain its options and indexes. Create the collection if it does not exist.

    Arguments:
        documents: documents that are already prepared for storage.
        timeseries: the time-series options of a new collection; None for an ordinary collection.

    Raises:
        CommandError: 11000, 121, 2 for a measurement without a time, or the interruption's error. The collection is then unchanged.
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
        # Another thread may have created the other database since the first check.
        check_database_case(services.catalog, db)
        if timeseries is not None or (existing is not None and existing.is_timeseries):
            _replace_measurements(request, transaction, existing or _new_timeseries(services, db, name, timeseries), documents)
            return
        check_not_view(existing)
        fresh = _save_empty(services, transaction, existing, db, name)
        writer = open_writer(services, transaction, fresh, bypass_validation=bypass_validation)
        for document in documents:
            check()
            writer.insert(document)

    request.work.change_catalog(body, check)


def _save_empty(services: Services, transaction: CatalogTransaction, existing: Collection | None, db: str, name: str) -> Collection:
    """Stage an empty collection in place of the existing one, and return it."""
    if existing is None:
        fresh = new_collection(services, db, name, {})
    else:
        fresh = empty_collection(services, db, name, existing.options, [index.spec for index in existing.indexes])
        transaction.changes.remove(existing)
        transaction.changes.removed.clear()
    transaction.changes.save(fresh)
    log_creation(transaction, fresh, replaced=None if existing is None else existing.uuid)
    return fresh


def _new_timeseries(services: Services, db: str, name: str, timeseries: dict[str, Any] | None) -> Collection:
    options = complete_options(parse_timeseries("$out.timeseries", timeseries or {}))
    return new_collection(services, db, name, view_options(name, options, {}))


def _replace_measurements(request: Request, transaction: CatalogTransaction, collection: Collection, documents: list[bytes]) -> None:
    """Replace the buckets of a time-series collection. Create the collection if it does not exist.

    Raises:
        CommandError: 166 if the target is another kind of view, 7268700 if it is an ordinary collection, 2 for a measurement without a
            time.
    """
    if not collection.is_timeseries:
        check_not_view(collection)
        text = f"Cannot create a time-series collection from a non time-series collection: {collection.namespace}"
        raise CommandError(7268700, text)
    services, changes = request.services, transaction.changes
    old = transaction.catalog.find(collection.db, collection.options["viewOn"])
    buckets = new_buckets(services, collection, None if old is None else [index.spec for index in old.indexes[1:]])
    if old is not None:
        changes.remove(old)
        changes.removed.clear()
    changes.save(buckets)
    log_creation(transaction, buckets, replaced=None if old is None else old.uuid)
    if transaction.catalog.find(collection.db, collection.name) is None:
        changes.save(collection)
        log_creation(transaction, collection)
    writer = BucketWriter(services, transaction, buckets)
    _, error = writer.insert_run(documents, 0, len(documents), lambda: 0, request.operation.check)
    if error is not None:
        raise error
