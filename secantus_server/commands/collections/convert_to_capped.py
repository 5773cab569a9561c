"""convertToCapped and cloneCollectionAsCapped.

https://www.mongodb.com/docs/manual/reference/command/convertToCapped/
"""

from __future__ import annotations

from typing import Any

from bson.binary import Binary

from secantus_server.auth.privileges import Grants
from secantus_server.bson import int_value
from secantus_server.bson.values import is_number
from secantus_server.catalog.collection import Collection
from secantus_server.commands.collections.create_options import MAX_CAPPED_SIZE
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import check_length, check_new_collection_name, collection_name, is_too_long
from secantus_server.dispatch.privileges import Authorized, on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import CatalogTransaction
from secantus_server.errors import CommandError
from secantus_server.reserved_names import BUCKETS
from secantus_server.work.collections import log_creation, new_collection, recall
from secantus_server.work.writers import open_writer
from secantus_server.work.writing import check_not_view

# The prefix of the temporary collection that MongoDB uses. It limits the length of the collection's name, because the temporary name must
# not exceed the limit either.
_TEMPORARY = "tmp00000.convertToCapped."
# The options that the capped collection keeps. MongoDB's page names only the indexes as not kept, and a conversion that silently ended a
# collection's validation would let invalid documents in.
_KEPT = ("validator", "validationLevel", "validationAction", "collation", "changeStreamPreAndPostImages")


@command("convertToCapped", lenient=True, is_write=True, privileges=on_collection("convertToCapped"))
def convert_to_capped(request: Request, _args: dict[str, Any]) -> Reply:
    """Convert a collection to a capped collection.

    Drop all indexes except `_id`, and remove the oldest documents until the remaining documents fit into the maximum size.
    """
    value = request.body[request.name]
    if type(value) is str and value.startswith("$"):
        raise _no_source(request.db, value)
    name = collection_name("convertToCapped", request.db, value)
    size = _size(request.body.get("size"))
    _check_system(request.db, name)
    recall(request.services, request.db, name)

    def body(transaction: CatalogTransaction) -> None:
        collection = _source(transaction, request.db, name)
        check_length(request.db, _TEMPORARY + name)
        transaction.changes.remove(collection)
        _copy(request, transaction, collection, name, size, replaced=collection.uuid)

    request.work.change_catalog(body, request.operation.check, exclusive=True, namespaces=[(request.db, name)])
    return {}


def _may_clone(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may create and fill the new collection."""
    target = call.body.get("toCollection")
    actions = grants.on(call.db, target if type(target) is str else "")
    return all(action in actions for action in ("insert", "createIndex", "convertToCapped"))


@command(
    "cloneCollectionAsCapped",
    lenient=True,
    is_write=True,
    privileges=on_collection("find", by_arguments=("insert", "createIndex", "convertToCapped"), check=_may_clone),
)
def clone_collection_as_capped(request: Request, _args: dict[str, Any]) -> Reply:
    """Copy a collection to a new capped collection."""
    for key in (request.name, "toCollection"):
        if type(request.body.get(key)) is not str:
            raise CommandError(14, f"The '{key}' field must be a string")
    name, target = request.body[request.name], request.body["toCollection"]
    if is_too_long(request.db, name):
        raise _no_source(request.db, name)
    for each in (name, target):
        check_new_collection_name(request.db, each)
        _check_buckets(request.db, each)
    size = _size(request.body.get("size"))
    services = request.services
    recall(services, request.db, name)
    recall(services, request.db, target)

    def body(transaction: CatalogTransaction) -> None:
        collection = _source(transaction, request.db, name)
        existing = transaction.catalog.find(request.db, target)
        check_not_view(existing)
        if existing is not None:
            raise CommandError(48, f"cloneCollectionAsCapped failed - destination collection {request.db}.{target} already exists")
        _copy(request, transaction, collection, target, size)

    request.work.change_catalog(body, request.operation.check)
    return {}


def _size(value: Any) -> int:
    size = a.whole_number(value) if is_number(value) else 0
    if size <= 0:
        raise CommandError(72, "Capped collection size must be greater than zero")
    if size > MAX_CAPPED_SIZE:
        raise CommandError(2, "Capped collection size cannot exceed 1 PB")
    return size


def _check_buckets(db: str, name: str) -> None:
    if name.startswith(BUCKETS):
        raise CommandError(20, f"cannot make the buckets of a time-series collection capped: {db}.{name}")


def _check_system(db: str, name: str) -> None:
    _check_buckets(db, name)
    if name.startswith("system."):
        raise CommandError(2, f"cannot make a system collection capped: {db}.{name}")


def _no_source(db: str, name: str) -> CommandError:
    return CommandError(26, f"source collection {db}.{name} does not exist")


def _source(transaction: CatalogTransaction, db: str, name: str) -> Collection:
    collection = transaction.catalog.find(db, name)
    if collection is None:
        raise _no_source(db, name)
    check_not_view(collection)
    return collection


def _copy(
    request: Request, transaction: CatalogTransaction, collection: Collection, name: str, size: int, replaced: Binary | None = None
) -> None:
    """Create the capped collection and copy the documents into it, oldest first, so that the oldest documents are removed at the maximum
    size.

    Arguments:
        replaced: the UUID of the collection that the new collection replaces, or None.
    """
    services = request.services
    options = {"capped": True, "size": int_value(size), **{name: collection.options[name] for name in _KEPT if name in collection.options}}
    capped = new_collection(services, request.db, name, options)
    transaction.changes.save(capped)
    log_creation(transaction, capped, replaced=replaced)
    open_writer(services, transaction, capped, bypass_validation=True).copy_from(collection, request.operation.check)
