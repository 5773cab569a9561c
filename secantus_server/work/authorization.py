"""Users and roles: documents of `admin.system.users` and `admin.system.roles`, as MongoDB stores them. Authorization is not enforced yet.

https://www.mongodb.com/docs/manual/reference/system-users-collection/
https://www.mongodb.com/docs/manual/reference/system-roles-collection/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from secantus_server.bson import decode, encode
from secantus_server.bson.values import type_name
from secantus_server.dispatch.concerns import waits_for_disk
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.unit_of_work import MissingCollection, ReadTransaction, Transaction
from secantus_server.errors import CommandError
from secantus_server.exec._scan import RecordScan
from secantus_server.exec.interruption import never_interrupt
from secantus_server.work.writers import open_writer

USERS = "system.users"
ROLES = "system.roles"

# https://www.mongodb.com/docs/manual/reference/built-in-roles/
_OF_EVERY_DATABASE = frozenset(["read", "readWrite", "dbAdmin", "dbOwner", "userAdmin", "enableSharding"])
_OF_ADMIN = frozenset(
    """
    backup restore clusterAdmin clusterManager clusterMonitor hostManager readAnyDatabase readWriteAnyDatabase userAdminAnyDatabase
    dbAdminAnyDatabase root directShardOperations searchCoordinator __system __queryableBackup
    """.split()
)

T = TypeVar("T")
# By `_id`.
Documents = dict[str, dict[str, Any]]


def is_builtin(role: str, db: str) -> bool:
    """Return whether a role is built in."""
    return role in _OF_EVERY_DATABASE or (db == "admin" and role in _OF_ADMIN)


def builtin_roles(db: str) -> list[str]:
    """Return the names of the built-in roles of a database."""
    return sorted(_OF_EVERY_DATABASE | _OF_ADMIN if db == "admin" else _OF_EVERY_DATABASE)


def read_documents(services: Services, collection: str) -> Documents:
    """Return all users or roles."""
    with services.work.reading() as transaction:
        return {key: document for key, (document, _) in _stored(transaction, collection).items()}


def _stored(transaction: ReadTransaction | Transaction, collection: str) -> dict[str, tuple[dict[str, Any], tuple[bytes, int]]]:
    """Return the documents by `_id`, each with its bytes and its RecordId."""
    found = transaction.catalog.find("admin", collection)
    if found is None:
        return {}
    scan = RecordScan(found.ident, None, never_interrupt)
    scan.attach(transaction.unit)
    documents = {}
    for raw in scan:
        document = decode(raw)
        documents[str(document["_id"])] = (document, (raw, scan.record_id))
    scan.close()
    return documents


def change_documents(request: Request, collection: str, change: Callable[[Documents], T]) -> T:
    """Change users or roles in one transaction.

    Arguments:
        change: receives the documents by `_id` and adds, replaces or removes entries of that dict; it must not modify a document
            in place. May be called several times.

    Raises:
        CommandError: the error of `change`; nothing is written in that case.
    """
    services = request.services

    def body(transaction: Transaction) -> T:
        stored = _stored(transaction, collection)
        documents = {key: document for key, (document, _) in stored.items()}
        result = change(documents)
        target = transaction.catalog.find("admin", collection)
        if target is None and documents:
            raise MissingCollection("admin", collection)
        if target is None:
            return result
        writer = open_writer(services, transaction, target)
        for key, (_, place) in stored.items():
            if key not in documents:
                writer.delete(*place)
        for key, document in documents.items():
            if key not in stored:
                writer.insert(encode(document))
            elif document is not stored[key][0]:
                writer.update(stored[key][1][0], encode(document), stored[key][1][1])
        return result

    result = request.work.write(body, request.operation.check)
    if waits_for_disk(request.body.get("writeConcern")) or services.settings.sync_on_commit:
        services.engine.flush_log()
    return result


def parse_name(kind: str, value: Any, db: str) -> tuple[str, str]:
    """Return the name of a user or role and its database.

    Arguments:
        kind: "user" or "role".
        value: a name, or a document with a name and a database.
        db: the database of a name without one.

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
            # MongoDB's text lacks the second quote.
            raise CommandError(2, f"{what} contains an unknown field named: '{field}")
        if type(given) is not str:
            raise CommandError(2, f"{what} must contain a string field named: {field}. But, has type {type_name(given)}")
    for field in (kind, "db"):
        if field not in value:
            raise CommandError(2, f"{what} must contain a field named: {field}")
    return value[kind], value["db"]


def parse_roles(services: Services, values: list[Any], db: str) -> list[dict[str, Any]]:
    """Return the roles of a list in stored form, without duplicates.

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
    """Return roles and all inherited roles, without duplicates.

    Arguments:
        known: the user-defined roles; built-in roles have no stored inheritance.
    """
    found: list[dict[str, Any]] = []
    waiting = list(roles)
    while waiting:
        role = waiting.pop(0)
        if role not in found:
            found.append(role)
            waiting += known.get(f"{role['db']}.{role['role']}", {}).get("roles", [])
    return found


def check_restrictions(restrictions: list[Any] | None) -> None:
    """Validate the authentication restrictions of a user or role.

    Raises:
        CommandError: 2 BadValue.
    """
    for restriction in restrictions or []:
        if type(restriction) is not dict:
            raise CommandError(2, "authenticationRestrictions must be an array of documents")
        for field, addresses in restriction.items():
            if field not in ("clientSource", "serverAddress"):
                raise CommandError(2, f"Unknown authentication restriction '{field}'")
            if type(addresses) is not list or any(type(address) is not str for address in addresses):
                raise CommandError(2, f"The authentication restriction '{field}' must be an array of strings")
