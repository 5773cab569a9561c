"""Application of oplog entries. An entry describes a change of a document or a command that changes collections.

Entries may be applied to a state that already contains their changes. An insert then replaces the document with the same `_id`. Deleting
a missing document has no effect. Updating a missing document is an error, except if all entries are applied again (`is_repeated`),
because a later entry may have deleted the document.

https://www.mongodb.com/docs/manual/core/replica-set-oplog/
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

from bson.binary import Binary

from secantus_server.bson import decode_stored, encode, type_name
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.privileges import is_authorized
from secantus_server.dispatch.registry import find_command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.errors import UNAUTHORIZED, CommandError
from secantus_server.oplog.update_description import apply_diff
from secantus_server.query.canonical import parse_query
from secantus_server.query.find import plan_of
from secantus_server.reserved_names import BUCKETS
from secantus_server.work.batches import Target
from secantus_server.work.collections import create_collection, create_series
from secantus_server.work.diff_checks import check_diff
from secantus_server.work.reading import command_context
from secantus_server.work.writers import open_writer
from secantus_server.work.writing import check_not_view

_NAMESPACE_NOT_FOUND = 26
_INDEX_NOT_FOUND = 27
# The action that creating a collection with a certain UUID requires.
_FORCE_UUID = "forceUUID"


def apply_operation(request: Request, entry: Any, *, is_repeated: bool = False) -> bool:
    """Apply an oplog entry. Return False if the entry is a no-op, else True.

    Arguments:
        request: the command that applies the entry.
        entry: the entry with `op`, `ns`, `o`, and `o2` for an update.
        is_repeated: whether the documents may already contain the changes of later entries.

    Raises:
        CommandError: if the entry is malformed or cannot be applied.
    """
    if type(entry) is not dict:
        raise CommandError(14, f"applyOps must contain operations, not {type_name(entry)}")
    op, namespace = _operation(entry), entry.get("ns")
    if op == "n":
        return False
    if type(namespace) is not str or not namespace:
        raise CommandError(20, "the 'ns' of an operation must be a namespace")
    if "o" not in entry:
        raise CommandError(40414, "BSON field 'applyOps.o' is missing but a required field")
    if type(entry.get("o")) is not dict:
        raise CommandError(14, f"BSON field 'applyOps.o' is the wrong type '{type_name(entry.get('o'))}', expected type 'object'")
    db, _, name = namespace.partition(".")
    inner = request.in_database(db)
    inner.applies_oplog = True
    if op in _ACTIONS:
        _check_allowed(inner, _ACTIONS[op] <= _granted(inner, name), namespace)
    if op == "c":
        _apply_command(inner, entry, is_repeated=is_repeated)
    elif op in _CHANGES:
        found = inner.work.write(lambda transaction: _CHANGES[op](inner, transaction, name, entry), request.operation.check)
        if not found and not is_repeated:
            raise CommandError(8, f"Failed to apply the update of {namespace}: there is no document with the _id of 'o2'")
    else:
        raise CommandError(2, f"bad operation type: {op}")
    return True


# The actions that a user needs for each kind of change. An insert also needs "update" because it may replace a document.
_ACTIONS = {"i": {"insert", "update"}, "u": {"update"}, "d": {"remove"}}


def _granted(request: Request, name: str) -> AbstractSet[str]:
    """Return the actions that the user may perform on a collection. Without access control, these are all actions that an entry can
    require.
    """
    if request.services.access is None:
        return {"insert", "update", "remove"}
    return frozenset() if request.client.grants is None else request.client.grants.on(request.db, name)


def _check_allowed(request: Request, is_allowed: bool, target: str) -> None:
    """Raise if the user is not authorized to make an entry's change.

    The privilege to run applyOps does not include the changes in its entries.

    Raises:
        CommandError: 13 Unauthorized.
    """
    if not is_allowed:
        raise CommandError(UNAUTHORIZED, f"not authorized to apply an operation on {target}")


def _operation(entry: dict[str, Any]) -> str:
    if "op" not in entry:
        raise CommandError(4, "BSON field 'applyOps.op' is missing but a required field")
    value = entry["op"]
    if type(value) is not str:
        raise CommandError(14, f"BSON field 'applyOps.op' is the wrong type '{type_name(value)}', expected type 'string'")
    if not value:
        raise CommandError(20, "the 'op' of an operation must not be empty")
    return value


def _collection(request: Request, transaction: Transaction, name: str) -> Collection:
    collection = transaction.catalog.find(request.db, name)
    if collection is None:
        raise CommandError(_NAMESPACE_NOT_FOUND, f"Failed to apply operation due to missing collection: {request.db}.{name}")
    check_not_view(collection)
    return collection


def _find(request: Request, transaction: Transaction, collection: Collection, source: Any) -> Target | None:
    """Return the stored document that has the same `_id` as an entry's document, or None if no such document exists."""
    if type(source) is not dict or "_id" not in source:
        raise CommandError(4, "applyOps: the operation has no _id")
    query = parse_query({"_id": {"$eq": source["_id"]}}, command_context(request, let={}, collation=None, collection=collection), limit=1)
    return plan_of(collection, query).first(transaction.unit, request.operation.check)


def _insert(request: Request, transaction: Transaction, name: str, entry: dict[str, Any]) -> bool:
    collection = _collection(request, transaction, name)
    document, found = encode(entry["o"]), _find(request, transaction, collection, entry["o"])
    writer = open_writer(request.services, transaction, collection, bypass_validation=True)
    if found is None:
        writer.insert(document)
    elif found[1] != document:
        writer.update(found[1], document, found[0])
    return True


def _update(request: Request, transaction: Transaction, name: str, entry: dict[str, Any]) -> bool:
    """Apply an update entry. Return whether the document to update exists."""
    collection, o = _collection(request, transaction, name), entry["o"]
    found = _find(request, transaction, collection, entry.get("o2", o))
    if found is None:
        return False
    if "$v" in o or "diff" in o:
        if type(o.get("diff")) is not dict or o.get("$v") != 2:
            raise CommandError(4772600, "applyOps supports updates of the form {$v: 2, diff: ...} and whole documents")
        check_diff(o["diff"])
        changed = apply_diff(decode_stored(found[1]), o["diff"])
    else:
        changed = o if "_id" in o else {"_id": entry["o2"]["_id"], **o}
    document = encode(changed)
    if document != found[1]:
        open_writer(request.services, transaction, collection, bypass_validation=True).update(found[1], document, found[0])
    return True


def _delete(request: Request, transaction: Transaction, name: str, entry: dict[str, Any]) -> bool:
    collection = _collection(request, transaction, name)
    found = _find(request, transaction, collection, entry["o"])
    if found is not None:
        open_writer(request.services, transaction, collection).delete(found[1], found[0])
    return True


_CHANGES: dict[str, Callable[[Request, Transaction, str, dict[str, Any]], bool]] = {"i": _insert, "u": _update, "d": _delete}


def _apply_command(request: Request, entry: dict[str, Any], *, is_repeated: bool) -> None:
    """Run the command of an entry. Ignore a drop or dropIndexes if the collection or index no longer exists."""
    o = entry["o"]
    name = next(iter(o), "")
    if name in ("create", *_COMMANDS) and request.services.access is not None:
        grants = request.client.grants
        inner = request.with_command(name, o)
        is_allowed = grants is not None and is_authorized(find_command(name).privileges, inner, grants)
        if name == "create" and "ui" in entry:
            is_allowed = is_allowed and grants is not None and _FORCE_UUID in grants.on_cluster()
        _check_allowed(request, is_allowed, request.db)
    if name in ("drop", "renameCollection") and _is_of_buckets(o[name] if name == "drop" else o[name].partition(".")[2]):
        # The following entry, of the time series, also applies to the buckets.
        return
    if name == "applyOps":
        for one in o[name]:
            apply_operation(request, one, is_repeated=is_repeated)
    elif name == "create":
        uuid = entry.get("ui")
        if type(uuid) is Binary and not is_repeated:
            _check_uuid_is_new(request, uuid, o[name])
        _create(request, o, uuid)
    elif name in _COMMANDS:
        body = _COMMANDS[name](o)
        try:
            _run(request if name != "renameCollection" else request.in_database("admin"), name, body)
        except CommandError as error:
            if name not in ("drop", "dropIndexes") or error.code not in (_NAMESPACE_NOT_FOUND, _INDEX_NOT_FOUND):
                raise
    else:
        raise CommandError(9, f"applyOps does not apply the command {name}")


def _is_of_buckets(name: Any) -> bool:
    return type(name) is str and name.startswith(BUCKETS)


def _check_uuid_is_new(request: Request, uuid: Binary, name: Any) -> None:
    """Raise if another collection already has this UUID, because the oplog and change streams identify collections by UUID.

    Raises:
        CommandError: 48 NamespaceExists.
    """
    for other in request.services.catalog.view.all():
        if other.uuid == uuid and (other.db, other.name) != (request.db, name):
            raise CommandError(48, f"Collection {other.namespace} already has the UUID of the collection to create: {request.db}.{name}")


def _create(request: Request, o: dict[str, Any], uuid: Any) -> None:
    options = {key: value for key, value in o.items() if key not in ("create", "idIndex")}
    uuid = uuid if type(uuid) is Binary else None
    if _is_of_buckets(o["create"]) and "timeseries" in o:
        create_series(request.services, request.work, request.db, o["create"].removeprefix(BUCKETS), options, uuid)
        return
    # The preceding entry, of the buckets, has created the time series.
    is_series = "timeseries" in options
    create_collection(request.services, request.db, o["create"], options, if_missing=is_series, uuid=uuid)


def _run(request: Request, name: str, body: dict[str, Any]) -> None:
    command = find_command(name)
    arguments = command.arguments.parse(body, name) if command.arguments else {}
    command.run(request.with_command(name, body), arguments)


def _create_indexes(o: dict[str, Any]) -> dict[str, Any]:
    return {"createIndexes": o["createIndexes"], "indexes": [{key: value for key, value in o.items() if key != "createIndexes"}]}


def _rename(o: dict[str, Any]) -> dict[str, Any]:
    return {"renameCollection": o["renameCollection"], "to": o["to"], "dropTarget": bool(o.get("dropTarget", False))}


def _as_it_is(o: dict[str, Any]) -> dict[str, Any]:
    return o


_COMMANDS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "createIndexes": _create_indexes,
    "renameCollection": _rename,
    **dict.fromkeys(("drop", "dropDatabase", "dropIndexes", "collMod"), _as_it_is),
}
