"""Storage and parsing of users and roles, which are documents in `admin.system.users` and `admin.system.roles` in MongoDB's format.

https://www.mongodb.com/docs/manual/reference/system-users-collection/
https://www.mongodb.com/docs/manual/reference/system-roles-collection/
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

from secantus_server.auth.builtin_roles import is_builtin
from secantus_server.auth.collections import ROLES, USERS
from secantus_server.bson import decode, encode
from secantus_server.bson.values import type_name
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.unit_of_work import MissingCollection, ReadTransaction, Transaction
from secantus_server.errors import CommandError
from secantus_server.exec._scan import RecordScan
from secantus_server.exec.interruption import never_interrupt
from secantus_server.modules import import_late
from secantus_server.work.writers import open_writer

# An `_id` that no user can have, because the `_id` of a user contains a dot.
_NOBODY = "nobody"

T = TypeVar("T")
# Users or roles by `_id`.
Documents = dict[str, dict[str, Any]]
# Users or roles by `_id`, each with its BSON bytes and its RecordId.
Stored = dict[str, tuple[dict[str, Any], tuple[bytes, int]]]


def read_documents(services: Services, collection: str) -> Documents:
    """Return all documents of a collection of users or roles, keyed by `_id`."""
    with services.work.reading() as transaction:
        return {key: document for key, (document, _) in _stored(transaction, collection).items()}


def _stored(transaction: ReadTransaction | Transaction, collection: str, limit: int | None = None) -> Stored:
    """Return the stored documents keyed by `_id`, each with its BSON bytes and its RecordId.

    Arguments:
        limit: the maximum number of documents to return; None means no limit.
    """
    found = transaction.catalog.find("admin", collection)
    if found is None:
        return {}
    scan = RecordScan(found.ident, None, never_interrupt)
    scan.attach(transaction.unit)
    documents = {}
    for raw in itertools.islice(scan, limit):
        document = decode(raw)
        documents[str(document["_id"])] = (document, (raw, scan.record_id))
    scan.close()
    return documents


def find_user(services: Services, db: str, name: str) -> dict[str, Any] | None:
    """Return the document of a user, or None if the user does not exist."""
    with services.work.reading() as transaction:
        found = transaction.catalog.find("admin", USERS)
        user = None if found is None else _by_id(transaction, found, f"{db}.{name}")
    return _checked(user, db, name)


def find_login(services: Services, db: str, name: str) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return the document of the user who logs in, or None, and a dummy document.

    If the user does not exist, the dummy document is the document of the first stored user. Otherwise it is empty. In both cases the
    function makes two lookups, of which one finds a document. The duration of a login therefore does not reveal whether the user exists.
    """
    with services.work.reading() as transaction:
        found = transaction.catalog.find("admin", USERS)
        if found is None:
            return None, {}
        first = next(iter(_stored(transaction, USERS, limit=1)), _NOBODY)
        user = _by_id(transaction, found, f"{db}.{name}")
        other = _by_id(transaction, found, first if user is None else _NOBODY)
    return _checked(user, db, name), other or {}


def _by_id(transaction: ReadTransaction, found: Collection, key: str) -> dict[str, Any] | None:
    stored = import_late("secantus_server.query.point").id_lookup(found, key).first(transaction.unit)
    return None if stored is None else decode(stored[1])


def _checked(user: dict[str, Any] | None, db: str, name: str) -> dict[str, Any] | None:
    """Return a user's document, or None if its name or database does not match its `_id`. A client may have written such a document."""
    return user if user is not None and (user.get("user"), user.get("db")) == (name, db) else None


def has_documents(services: Services, collection: str) -> bool:
    """Return whether a collection of users or roles contains any documents."""
    return bool(read_documents(services, collection))


def change_documents(request: Request, collection: str, change: Callable[[Documents], T]) -> T:
    """Change users or roles in one transaction and return the result of `change`. See `change_together` for the arguments."""
    return change_together(request, (collection,), change)


def change_together(request: Request, collections: tuple[str, ...], change: Callable[..., T]) -> T:
    """Change users and roles in one transaction, and return the result of `change`.

    Arguments:
        change: a function that receives a dict of documents by `_id` for each collection and adds, replaces or removes entries of these
            dicts. It must not modify a document in place, and may be called several times.

    Raises:
        CommandError: the error of `change`. Nothing is written in that case.
    """
    services = request.services

    def body(transaction: Transaction) -> T:
        stored = [_stored(transaction, name) for name in collections]
        documents = [{key: document for key, (document, _) in one.items()} for one in stored]
        result = change(*documents)
        for name, before, after in zip(collections, stored, documents, strict=True):
            _write(services, transaction, name, before, after)
        return result

    return request.work.write(body, request.operation.check)


def _write(services: Services, transaction: Transaction, name: str, stored: Stored, documents: Documents) -> None:
    """Write the differences between the stored documents and the changed documents to the collection."""
    if all(documents.get(key) is document for key, (document, _) in stored.items()) and len(documents) == len(stored):
        return
    target = transaction.catalog.find("admin", name)
    if target is None:
        raise MissingCollection("admin", name)
    writer = open_writer(services, transaction, target)
    for key, (_, place) in stored.items():
        if key not in documents:
            writer.delete(*place)
    for key, document in documents.items():
        if key not in stored:
            writer.insert(encode(document))
        elif document is not stored[key][0]:
            writer.update(stored[key][1][0], encode(document), stored[key][1][1])


def parse_name(kind: str, value: Any, db: str) -> tuple[str, str]:
    """Parse the name of a user or role, and return the name and its database.

    Arguments:
        kind: "user" or "role".
        value: a name, or a document with a name and a database.
        db: the default database.

    Raises:
        CommandError: 2 BadValue.
    """
    what = f"{kind.capitalize()}Name"
    if type(value) is str:
        return value, db
    if type(value) is not dict:
        raise CommandError(2, f"{what} must be either a string or an object")
    for field, given in value.items():
        if field not in (kind, "db"):
            # The closing quote is missing in MongoDB's text too.
            raise CommandError(2, f"{what} contains an unknown field named: '{field}")
        if type(given) is not str:
            raise CommandError(2, f"{what} must contain a string field named: {field}. But, has type {type_name(given)}")
    for field in (kind, "db"):
        if field not in value:
            raise CommandError(2, f"{what} must contain a field named: {field}")
    return value[kind], value["db"]


def parse_roles(services: Services, values: list[Any], db: str) -> list[dict[str, Any]]:
    """Parse a list of roles and return the roles in their stored form, without duplicates.

    Raises:
        CommandError: 31 RoleNotFound, 2 BadValue.
    """
    known = read_documents(services, ROLES)
    roles = []
    for value in values:
        name, of = parse_name("role", value, db)
        if not is_builtin(name, of) and f"{of}.{name}" not in known:
            raise CommandError(31, f"Could not find role: {name}@{of}")
        role = {"role": name, "db": of}
        if role not in roles:
            roles.append(role)
    return roles


def role_closure(known: Documents, roles: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the given roles and all roles that they inherit, without duplicates.

    Arguments:
        known: the user-defined roles; built-in roles do not inherit other roles.
    """
    found: list[dict[str, Any]] = []
    waiting = list(roles)
    while waiting:
        role = waiting.pop(0)
        if role not in found:
            found.append(role)
            waiting += known.get(f"{role['db']}.{role['role']}", {}).get("roles", [])
    return found
