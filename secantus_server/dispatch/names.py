"""The rules for the names of databases and collections.

https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bson.binary import Binary

from secantus_server.auth.collections import ROLES, USERS
from secantus_server.bson.values import type_name
from secantus_server.errors import CommandError
from secantus_server.reserved_names import BUCKETS, PROFILE, VIEWS

if TYPE_CHECKING:
    from secantus_server.catalog.catalog import Catalog
    from secantus_server.catalog.view import CatalogView

MAX_DATABASE_BYTES = 63
MAX_NAMESPACE_BYTES = 255
#: The database and the name of the oplog's collection.
OPLOG_DATABASE = "local"
OPLOG_NAME = "oplog.rs"
_FORBIDDEN_IN_DATABASE = frozenset('/\\. "$\0')


@lru_cache(maxsize=1024)
def check_database_name(name: str) -> None:
    """Validate a database name.

    Raises:
        CommandError: 73 InvalidNamespace.
    """
    if name == "$external":
        return
    if not name or len(name.encode("utf-8", "surrogateescape")) > MAX_DATABASE_BYTES or not _FORBIDDEN_IN_DATABASE.isdisjoint(name):
        raise CommandError(73, f"Invalid database name: '{name}'")
    _check_utf8(name)


def collection_name(command: str, db: str, value: Any) -> str:
    """Validate a collection name for reading, and return it.

    Raises:
        CommandError: 73 InvalidNamespace, also for a value that is not a string.
    """
    if type(value) is not str:
        raise CommandError(73, f"collection name has invalid type {type_name(value)}")
    if not value or value.startswith(".") or "\0" in value or (value.startswith("$") and not value.startswith("$cmd.")):
        raise CommandError(73, f"Invalid namespace specified '{db}.{value}'")
    if not value.isascii():
        _check_utf8(value)
    return value


def _check_utf8(name: str) -> None:
    """Raise an error if a name is not valid UTF-8, because drivers could not decode a reply that contains it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise CommandError(73, f"Invalid namespace, it is not valid UTF-8: '{name}'") from None


def check_new_collection_name(db: str, name: str) -> None:
    """Validate the name of a collection to create.

    Raises:
        CommandError: 73 InvalidNamespace.
    """
    collection_name("create", db, name)
    if "$" in name:
        raise CommandError(73, f"Invalid collection name: {name}")
    if name.startswith("system.") and not _allowed_system(db, name):
        raise CommandError(73, f"Invalid system namespace: {db}.{name}")
    check_length(db, name)


def is_too_long(db: str, name: str) -> bool:
    """Return whether a namespace is longer than MongoDB allows."""
    return len(f"{db}.{name}".encode("utf-8", "surrogateescape")) > MAX_NAMESPACE_BYTES


def check_length(db: str, name: str) -> None:
    """Raise an error if a namespace is longer than MongoDB allows.

    Raises:
        CommandError: 73 InvalidNamespace.
    """
    if is_too_long(db, name):
        raise CommandError(73, f"Fully qualified namespace is too long. Namespace: {db}.{name} Max: {MAX_NAMESPACE_BYTES}")


def check_collection_uuid(catalog: Catalog | CatalogView, db: str, name: str, uuid: Binary | None) -> None:
    """Raise an error if a collection does not have the UUID that the command expects.

    Raises:
        CommandError: 361 CollectionUUIDMismatch.
    """
    if uuid is None:
        return
    collection = catalog.find(db, name)
    if collection is None or collection.is_view or collection.uuid != uuid:
        actual = catalog.find_uuid(db, uuid)
        info = {"db": db, "collectionUUID": uuid, "expectedCollection": name, "actualCollection": actual.name if actual else None}
        raise CommandError(361, "Collection UUID does not match that specified", info=info)


def _allowed_system(db: str, name: str) -> bool:
    if name in (VIEWS, PROFILE, USERS, ROLES, "system.js", "system.version"):
        return True
    return name.startswith(BUCKETS) or db in ("config", "local")


def is_oplog(db: str, name: str) -> bool:
    """Return whether a namespace is the oplog."""
    return name == OPLOG_NAME and db == OPLOG_DATABASE


def check_not_oplog(db: str, name: str) -> None:
    """Raise if the namespace of a write is the oplog.

    Raises:
        CommandError: 73 InvalidNamespace.
    """
    if is_oplog(db, name):
        raise CommandError(73, f"cannot write to {OPLOG_DATABASE}.{OPLOG_NAME}: only the server writes the oplog")
