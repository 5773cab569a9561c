"""Creation and removal of collections and views."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from uuid import UUID

from bson.binary import Binary
from bson.int64 import Int64

from secantus_server.bson import encode
from secantus_server.bson.shell import document_text
from secantus_server.catalog.catalog import Catalog
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch.names import check_new_collection_name, check_not_oplog
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.unit_of_work import CatalogTransaction, UnitOfWork
from secantus_server.errors import CommandError
from secantus_server.index.build import make_index
from secantus_server.modules import import_late
from secantus_server.oplog.oplog import Entry
from secantus_server.reserved_names import BUCKETS, INTERNAL_DATABASES

_TIME_SERIES = "secantus_server.catalog.timeseries"


def create_collection(
    services: Services,
    db: str,
    name: str,
    options: dict[str, Any],
    *,
    if_missing: bool = False,
    work: UnitOfWork | None = None,
    uuid: Binary | None = None,
) -> Collection:
    """Create a view, or a collection with its index on `_id`, and return it.

    Arguments:
        if_missing: whether to return an existing collection with this name unchanged instead of raising an error.
        work: the unit of work that creates the collection; None means the server's unit of work.
        uuid: the UUID of the collection; None means a new UUID.

    Raises:
        CommandError: 48 NamespaceExists, 73 InvalidNamespace, 13297 DatabaseDifferCase.
    """
    check_namespace(services, db, name)
    work = services.work if work is None else work
    if if_missing and work is services.work and (recalled := recall(services, db, name)) is not None:
        return recalled

    def body(transaction: CatalogTransaction) -> Collection:
        existing = transaction.catalog.find(db, name)
        if existing is not None:
            if not if_missing:
                if transaction.in_session:
                    raise CommandError(48, f"Collection {existing.namespace} already exists.")
                _check_same(existing, options)
            return existing
        # Since the first check, which also covers existing collections, the other database may have been created.
        check_database_case(transaction.catalog if transaction.in_session else services.catalog, db)
        # In a session's transaction, `recall` has not been called.
        recreated = _recreate(services, transaction, db, name) if if_missing else None
        return recreated or _save_new(services, transaction, new_collection(services, db, name, options, uuid))

    return work.change_catalog(body, services.operations.check_waiting)


def create_series(services: Services, work: UnitOfWork, db: str, name: str, options: dict[str, Any], uuid: Binary | None) -> None:
    """Create a time-series collection unless a collection with its name exists.

    Arguments:
        options: the options of the buckets collection.
        uuid: the UUID of the buckets collection; None means a new UUID.
    """

    def body(transaction: CatalogTransaction) -> None:
        if transaction.catalog.find(db, name) is not None:
            return
        view_options = import_late(_TIME_SERIES).view_options
        series = new_collection(services, db, name, view_options(name, options["timeseries"], options))
        for collection in (new_buckets(services, series, uuid=uuid), series):
            transaction.changes.save(collection)
            log_creation(transaction, collection)

    work.change_catalog(body, services.operations.check_waiting)


def save_new_collection(
    services: Services, transaction: CatalogTransaction, db: str, name: str, indexes: Iterable[dict[str, Any]]
) -> Collection:
    """Stage the catalog row of a new collection without options, and return the collection.

    Arguments:
        indexes: the definitions of its indexes, in their stored form, except for the index on `_id`.
    """
    return _save_new(services, transaction, empty_collection(services, db, name, {}, [id_index_spec({}), *indexes]))


def _save_new(services: Services, transaction: CatalogTransaction, collection: Collection) -> Collection:
    """Stage the catalog row of a new collection or view, and return the collection. For a time series, also stage its buckets collection.

    Raises:
        CommandError: 48 NamespaceExists if the name of the buckets collection is in use, 263 in a session's transaction.
    """
    if collection.is_timeseries:
        if transaction.in_session:
            raise CommandError(263, f"Cannot create the time-series collection {collection.namespace} in a multi-document transaction")
        buckets = transaction.catalog.find(collection.db, BUCKETS + collection.name)
        if buckets is not None:
            raise CommandError(48, f"Collection {buckets.namespace} already exists.")
        buckets = new_buckets(services, collection)
        transaction.changes.save(buckets)
        log_creation(transaction, buckets)
    transaction.changes.save(collection)
    log_creation(transaction, collection)
    return collection


def new_buckets(
    services: Services, collection: Collection, indexes: Iterable[dict[str, Any]] | None = None, uuid: Binary | None = None
) -> Collection:
    """Return a new, empty buckets collection for a time-series collection.

    Arguments:
        collection: the time-series collection.
        indexes: the definitions of all indexes except the index on `_id`; None means the default indexes.
        uuid: the UUID of the buckets collection; None means a new UUID.
    """
    rules = import_late(_TIME_SERIES)
    options = rules.bucket_options(collection.options)
    if indexes is None:
        index = rules.default_index(options["timeseries"])
        indexes = [] if index is None else [_with_collation(index, options)]
    specs = [id_index_spec(options), *indexes]
    return empty_collection(services, collection.db, BUCKETS + collection.name, options, specs, uuid)


def _with_collation(spec: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    return {**spec, "collation": options["collation"]} if "collation" in options else spec


def check_namespace(services: Services, db: str, name: str) -> None:
    """Raise if no collection can be created with this namespace.

    Raises:
        CommandError: 73 InvalidNamespace, 13297 DatabaseDifferCase.
    """
    _check_name(db, name, bool(services.settings.replica_set))
    check_database_case(services.catalog, db)


@lru_cache(maxsize=1024)
def _check_name(db: str, name: str, is_replicated: bool) -> None:
    """Raise if no collection can have this namespace. The cache contains only valid names."""
    check_new_collection_name(db, name)
    if name.startswith(BUCKETS):
        raise CommandError(73, f"{db}.{name} is created together with the time-series collection {name.removeprefix(BUCKETS)}")
    if is_replicated:
        check_not_oplog(db, name)


def is_surely_empty(services: Services, db: str, name: str) -> bool:
    """Return whether a read of all documents of a missing collection finds nothing, so that it need not take the general path.

    The general path must answer for the server's own databases and collections, and for a collection whose definition a restore retained.

    Raises:
        CommandError: 73 InvalidNamespace.
    """
    _check_name(db, name, bool(services.settings.replica_set))
    is_internal = db in INTERNAL_DATABASES or name.startswith("system.")
    return not is_internal and services.catalog.kept_definition(db, name) is None


def log_creation(transaction: CatalogTransaction, collection: Collection, *, replaced: Binary | None = None) -> None:
    """Stage the oplog entries for the creation of a collection or view and of its indexes.

    Arguments:
        replaced: the UUID of an existing collection that the same operation replaces, or None. If given, the entries describe the
            creation of a collection with a temporary name, followed by a rename.
    """
    namespace = f"{collection.db}.$cmd"
    name = collection.name if replaced is None else f"tmp.agg_out.{UUID(bytes=collection.uuid)}"
    first = collection.indexes[0].spec if collection.indexes and collection.indexes[0].is_id and not collection.is_clustered else None
    transaction.log(Entry(namespace, collection.uuid, _creation(name, collection.options, first)))
    for index in collection.indexes[1:]:
        transaction.log(Entry(namespace, collection.uuid, encode({"createIndexes": name, **index.spec})))
    if replaced is not None:
        log_rename(transaction, collection.uuid, f"{collection.db}.{name}", collection.namespace, replaced)


def _creation(name: str, options: dict[str, Any], id_index: dict[str, Any] | None) -> bytes:
    """Return the `o` of the oplog entry for the creation of a collection or view.

    Arguments:
        id_index: the definition of the index on `_id`, or None for a view and a clustered collection.
    """
    o = {"create": name, **options}
    return encode(o if id_index is None else {**o, "idIndex": id_index})


@lru_cache(maxsize=1024)
def plain_creation(name: str) -> bytes:
    """Return the `o` of the oplog entry for the creation of a collection without options."""
    return _creation(name, {}, id_index_spec({}))


def log_rename(
    transaction: CatalogTransaction, uuid: Binary, source: str, target: str, dropped: Binary | None, view_on: str | None = None
) -> None:
    """Stage the oplog entry for the rename of a collection.

    Arguments:
        uuid: the collection's UUID.
        source, target: the old and the new namespace.
        dropped: the UUID of the collection that the rename replaced, or None.
        view_on: the new name of the buckets if the collection is a time series.
    """
    o: dict[str, Any] = {"renameCollection": source, "to": target, "stayTemp": False}
    if dropped is not None:
        o["dropTarget"] = dropped
    transaction.log(Entry(f"{source.partition('.')[0]}.$cmd", uuid, encode(o), None if view_on is None else encode({"viewOn": view_on})))


def recall(services: Services, db: str, name: str) -> Collection | None:
    """Return the collection or view of a namespace, or None. Recreate it empty if a restore dropped it but retained its definition."""
    if services.catalog.kept_definition(db, name) is None:
        return services.catalog.find(db, name)

    def body(transaction: CatalogTransaction) -> Collection | None:
        return _recreate(services, transaction, db, name) or transaction.catalog.find(db, name)

    return services.work.change_catalog(body, services.operations.check_waiting)


def _recreate(services: Services, transaction: CatalogTransaction, db: str, name: str) -> Collection | None:
    """Stage an empty collection or a view from the definition that a restore retained. Return None if there is no such definition."""
    kept = services.catalog.kept_definition(db, name)
    if kept is None:
        return None
    collection = empty_collection(services, db, name, kept.options, kept.indexes, kept.uuid)
    if collection.is_timeseries and transaction.catalog.find(db, BUCKETS + name) is None:
        below = services.catalog.kept_definition(db, BUCKETS + name)
        buckets = new_buckets(services, collection, None if below is None else below.indexes[1:])
        transaction.changes.save(buckets)
    transaction.changes.save(collection)
    return collection


def new_collection(services: Services, db: str, name: str, options: dict[str, Any], uuid: Binary | None = None) -> Collection:
    """Return a new view, or an empty collection with an index on `_id`. The caller must save it in a catalog change."""
    return empty_collection(services, db, name, options, [] if "viewOn" in options else [id_index_spec(options)], uuid)


def empty_collection(
    services: Services, db: str, name: str, options: dict[str, Any], specs: Iterable[dict[str, Any]], uuid: Binary | None = None
) -> Collection:
    """Return a new, empty collection or a view. The caller must save it in a catalog change.

    Arguments:
        specs: the definitions of the indexes, beginning with the index on `_id`; empty for a view.
        uuid: the UUID of the collection; None means a new UUID.
    """
    new_ident = services.engine.new_ident
    ident = 0 if "viewOn" in options else new_ident()
    indexes = [make_index(spec, new_ident()) for spec in specs]
    collection = Collection(db, name, services.catalog.new_uuid() if uuid is None else uuid, ident, options, indexes)
    collection.record_ids.begin()
    collection.document_count.remember(0, 0)
    return collection


def id_index_spec(options: dict[str, Any]) -> dict[str, Any]:
    """Return the definition of the index on `_id` for a collection with the given options."""
    spec: dict[str, Any] = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
    if options.get("clusteredIndex") is True:
        spec = {**spec, "unique": True, "clustered": True}
    elif "clusteredIndex" in options:
        spec = {**options["clusteredIndex"], "clustered": True}
    return {**spec, "collation": options["collation"]} if "collation" in options else spec


def check_database_case(catalog: Catalog | CatalogView, db: str) -> None:
    """Raise if a database name differs from a name in the catalog only in case.

    Raises:
        CommandError: 13297 DatabaseDifferCase.
    """
    if (other := database_of_other_case(catalog, db)) is not None:
        raise CommandError(13297, f"db already exists with different case already have: [{other}] trying to create [{db}]")


def database_of_other_case(catalog: Catalog | CatalogView, db: str) -> str | None:
    """Return the name in the catalog from which the name of a new database differs only in case, or None."""
    names = catalog.databases()
    return None if not names or db in names else next((name for name in names if name.lower() == db.lower()), None)


def _check_same(existing: Collection, options: dict[str, Any]) -> None:
    """Raise if an existing collection has different options. With equal options, creating it again is a no-op."""
    if encode(existing.options) != encode(options):
        if existing.is_view:
            raise CommandError(48, f"A view already exists. NS: {existing.namespace}")
        shown = document_text(existing.options)
        raise CommandError(48, f"namespace {existing.namespace} already exists, but with different options: {shown}")


def drop_collection(transaction: CatalogTransaction, collection: Collection) -> None:
    """Stage the removal of a collection or view."""
    transaction.changes.remove(collection)
    # The oplog entry of a dropped view has no UUID.
    uuid = None if collection.is_view else collection.uuid
    # The number of documents is unknown if they have not been counted since the server started.
    count = None if collection.is_view else collection.document_count.value
    removed = None if count is None else encode({"numRecords": Int64(count)})
    transaction.log(Entry(f"{collection.db}.$cmd", uuid, encode({"drop": collection.name}), removed))
