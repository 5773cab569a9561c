"""renameCollection. https://www.mongodb.com/docs/manual/reference/command/renameCollection/"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bson.binary import Binary

from secantus_server.auth.privileges import Grants
from secantus_server.bson import encode
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import check_collection_uuid, check_database_name, collection_name, is_too_long
from secantus_server.dispatch.privileges import Authorized, on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import CatalogTransaction
from secantus_server.errors import CommandError
from secantus_server.oplog.oplog import Entry
from secantus_server.reserved_names import BUCKETS
from secantus_server.work.catalog_entries import is_shown_as_view
from secantus_server.work.collections import check_database_case, drop_collection, empty_collection, log_creation, log_rename, recall
from secantus_server.work.writers import open_writer
from secantus_server.work.writing import check_not_view


def _drop_target(name: str, value: Any) -> bool | Binary:
    if type(value) is bool:
        return value
    if type(value) is Binary:
        return a.exact_uuid(value)
    raise a.wrong_type(name, value, "[bool, binData]")


FIELDS = {
    "to": a.string(required=True),
    "dropTarget": a.Field(_drop_target, False, null_is_absent=False),
    "stayTemp": a.strict_boolean(),
    "collectionUUID": a.uuid(),
}


@dataclass(frozen=True)
class _Place:
    """The source or target namespace of a rename, as a database name and a collection name."""

    db: str
    name: str

    def __str__(self) -> str:
        return f"{self.db}.{self.name}"


def _may_rename(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may rename the collection.

    https://www.mongodb.com/docs/manual/reference/command/renameCollection/

    A rename to another database requires the privileges to copy and to drop the collection.
    """
    (source_db, _, source), (target_db, _, target) = (
        value.partition(".") if type(value) is str else ("", "", "") for value in (call.body[call.name], call.body.get("to"))
    )
    before, after = grants.on(source_db, source), grants.on(target_db, target)
    if call.body.get("dropTarget") and "dropCollection" not in after:
        return False
    if source_db == target_db and "renameCollectionSameDB" in grants.on(source_db) and ("find" in before or "find" not in after):
        return True
    copies = all(action in after for action in ("insert", "createIndex"))
    return copies and all(action in before for action in ("find", "dropCollection"))


@command(
    "renameCollection",
    FIELDS,
    admin_only=True,
    in_api_v1=True,
    is_write=True,
    privileges=on_collection(by_arguments=("renameCollectionSameDB", "find", "dropCollection", "insert", "createIndex"), check=_may_rename),
)
def rename_collection(request: Request, args: dict[str, Any]) -> Reply:
    """Rename a collection."""
    source, target = _place(a.own_string(request.name, request.body[request.name])), _place(args["to"])
    _check_places(source, target)
    if type(args["dropTarget"]) is not bool and source.db != target.db:
        raise CommandError(72, "dropTarget may not be a UUID when a collection moves to another database")
    services = request.services
    recall(services, source.db, source.name)

    # Exclusive access ensures that no transaction writes to the collection under its old name.
    def body(transaction: CatalogTransaction) -> None:
        collection = _source(request, transaction, source, args)
        dropped = _make_room(request, transaction, target, args["dropTarget"])
        if source.db != target.db:
            check_database_case(services.catalog, target.db)
        if collection.is_timeseries:
            _rename_series(request, transaction, collection, target, dropped)
        elif source.db == target.db:
            _rename(transaction, collection, target, dropped)
        else:
            _move(request, transaction, collection, target, dropped)

    namespaces = [(source.db, source.name), (target.db, target.name)]
    request.work.change_catalog(body, request.operation.check, exclusive=True, namespaces=namespaces)
    # Like after a drop, a collection that gets one of the names begins without usage statistics.
    for db, name in namespaces:
        services.connections.forget(db, name)
    return {}


def _place(namespace: str) -> _Place:
    db, _, name = namespace.partition(".")
    if "$" in namespace:
        raise CommandError(20, f"renaming a namespace with a '$' is not allowed: {namespace}")
    check_database_name(db)
    collection_name("renameCollection", db, name)
    return _Place(db, name)


def _check_places(source: _Place, target: _Place) -> None:
    if source == target:
        raise CommandError(20, "Can't rename a collection to itself")
    for place, role in ((source, "from"), (target, "to")):
        if place.name.startswith("system."):
            raise CommandError(20, f"renaming {role} a system collection is not allowed: {place}")
        if place.db == "local" and place.name.startswith("oplog."):
            raise CommandError(20, f"renaming {role} the oplog is not allowed: {place}")
        if is_too_long(place.db, place.name):
            raise CommandError(20, f"Fully qualified namespace is too long. Namespace: {place}")


def _source(request: Request, transaction: CatalogTransaction, place: _Place, args: dict[str, Any]) -> Collection:
    collection = transaction.catalog.find(place.db, place.name)
    if type(args["dropTarget"]) is not bool and collection is None:
        raise CommandError(361, "Collection UUID does not match that specified")
    check_collection_uuid(transaction.catalog, place.db, place.name, args["collectionUUID"])
    if collection is None:
        raise CommandError(26, f"Source collection {place} does not exist")
    if _is_view(request, collection):
        check_not_view(collection)
    return collection


def _is_view(request: Request, collection: Collection) -> bool:
    """Return whether a rename must treat the collection as a view.

    A time-series collection normally counts as a view. It does not while applyOps applies oplog entries, because a server that emulates
    MongoDB 9.0 may have written an entry that renames one.
    """
    if collection.is_timeseries and request.applies_oplog:
        return False
    return is_shown_as_view(collection, request.services.release)


def _make_room(request: Request, transaction: CatalogTransaction, place: _Place, drop: bool | Binary) -> Binary | None:
    """Drop the target collection if `drop` (the argument `dropTarget`) allows it.

    Return the target collection's UUID, or None if it did not exist.
    """
    existing = transaction.catalog.find(place.db, place.name)
    if type(drop) is not bool and (existing is None or existing.uuid != drop):
        raise CommandError(361, "Collection UUID does not match that specified")
    if existing is None:
        return None
    if _is_view(request, existing):
        raise CommandError(48, f"a view already exists with that name: {place}")
    if drop is False:
        raise CommandError(48, "target namespace exists")
    if existing.is_timeseries:
        drop_collection(transaction, existing)
        existing = _buckets_of(transaction, existing)
    transaction.changes.remove(existing)
    return existing.uuid


def _buckets_of(transaction: CatalogTransaction, series: Collection) -> Collection:
    """Return the buckets collection of a time-series collection."""
    buckets = transaction.catalog.find(series.db, series.options["viewOn"])
    assert buckets is not None, "a time series has buckets"
    return buckets


def _rename_series(request: Request, transaction: CatalogTransaction, series: Collection, place: _Place, dropped: Binary | None) -> None:
    """Rename a time-series collection and its buckets collection."""
    buckets = _buckets_of(transaction, series)
    options, below = {**series.options, "viewOn": BUCKETS + place.name}, _Place(place.db, BUCKETS + place.name)
    if series.db == place.db:
        _rename(transaction, buckets, below, dropped)
        _rename(transaction, series, place, None, options)
        return
    _move(request, transaction, buckets, below, dropped)
    drop_collection(transaction, series)
    moved = empty_collection(request.services, place.db, place.name, options, [])
    transaction.changes.save(moved)
    log_creation(transaction, moved)


def _rename(
    transaction: CatalogTransaction, collection: Collection, place: _Place, dropped: Binary | None, options: dict[str, Any] | None = None
) -> None:
    old = collection
    options = old.options if options is None else options
    renamed = Collection(place.db, place.name, old.uuid, old.ident, options, old.indexes, old.search_indexes)
    renamed.continue_from(collection)
    transaction.changes.remove_row(collection)
    transaction.changes.save(renamed)
    log_rename(transaction, collection.uuid, collection.namespace, str(place), dropped, options.get("viewOn"))


def _move(request: Request, transaction: CatalogTransaction, collection: Collection, place: _Place, dropped: Binary | None) -> None:
    """Move a collection to another database. As in MongoDB, copy its documents to a new collection with a new UUID."""
    services = request.services
    specs = [index.spec for index in collection.indexes]
    moved = empty_collection(services, place.db, place.name, collection.options, specs)
    transaction.changes.remove(collection)
    transaction.changes.save(moved)
    transaction.log(Entry(f"{collection.db}.$cmd", collection.uuid, encode({"drop": collection.name})))
    if dropped is not None:
        transaction.log(Entry(f"{place.db}.$cmd", dropped, encode({"drop": place.name})))
    log_creation(transaction, moved)
    open_writer(services, transaction, moved, known_valid=True).copy_from(collection, request.operation.check)
