"""The operations of a bulkWrite. As in MongoDB, all operations are parsed before the first one runs.

https://www.mongodb.com/docs/manual/reference/command/bulkWrite/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bson.binary import Binary

from secantus_server.bson.values import type_name
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import check_collection_uuid, check_database_name
from secantus_server.dispatch.raw_data import FIELD, buckets_of
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError


def _update_mods(name: str, value: Any) -> Any:
    if type(value) not in (dict, list):
        raise CommandError(9, f"Update argument must be either an object or an array, not {type_name(value)}")
    return value


_NAMESPACE = a.Arguments(
    "bulkWrite.nsInfo",
    {
        "ns": a.string(required=True),
        "collectionUUID": a.uuid(),
        "encryptionInformation": a.document(),
        "isTimeseriesNamespace": a.boolean(),
        "shardVersion": a.anything(),
        "databaseVersion": a.anything(),
    },
    generic=False,
)

_KINDS = {
    "insert": a.Arguments("insert", {"insert": a.number(required=True), "document": a.document(required=True)}, generic=False),
    "update": a.Arguments(
        "update",
        {
            "update": a.number(required=True),
            "filter": a.document(required=True),
            "updateMods": a.Field(_update_mods, None, True, null_is_absent=False),
            "sort": a.document({}),
            "multi": a.strict_boolean(),
            "upsert": a.strict_boolean(),
            "arrayFilters": a.array([]),
            "hint": a.hint(),
            "constants": a.document(),
            "collation": a.document(),
            "upsertSupplied": a.boolean(),
            "sampleId": a.anything(),
        },
        generic=False,
    ),
    "delete": a.Arguments(
        "delete",
        {
            "delete": a.number(required=True),
            "filter": a.document(required=True),
            "multi": a.strict_boolean(),
            "hint": a.hint(),
            "collation": a.document(),
            "sampleId": a.anything(),
        },
        generic=False,
    ),
}


@dataclass(frozen=True)
class Target:
    """A parsed entry of `nsInfo`: a collection that the operations refer to by the entry's index.

    Arguments:
        request: the bulkWrite command, but with the collection's database as its database.
        name: the collection's name in that database.
        uuid: the UUID that the client expects the collection to have, or None.
        encryption: the entry's `encryptionInformation`, or None.
    """

    request: Request
    name: str
    uuid: Binary | None = None
    encryption: dict[str, Any] | None = None

    def check(self) -> None:
        """Check that the collection has the UUID that the client expects.

        Raises:
            CommandError: 361 CollectionUUIDMismatch.
        """
        check_collection_uuid(self.request.services.catalog, self.request.db, self.name, self.uuid)


@dataclass(frozen=True)
class BulkOperation:
    """One operation of a bulkWrite.

    Arguments:
        index: the operation's position in `ops`.
        kind: insert, update or delete.
        args: the operation's checked fields.
    """

    index: int
    kind: str
    target: Target
    args: dict[str, Any]


def parse_targets(request: Request, entries: list[dict[str, Any]]) -> list[Target]:
    """Parse the collections of `nsInfo`.

    Raises:
        CommandError: 73 InvalidNamespace, or the error of an invalid entry.
    """
    requests: dict[str, Request] = {}
    targets = []
    raw = bool(request.body.get(FIELD))
    for entry in entries:
        parsed = _NAMESPACE.parse(entry)
        namespace: str = parsed["ns"]
        db, dot, name = namespace.partition(".")
        check_database_name(db)
        if not dot or not name or name.startswith(".") or "\0" in name:
            raise CommandError(73, f"Invalid namespace specified for bulkWrite: '{namespace}'")
        if raw:
            name = buckets_of(request.services, db, name) or name
        targets.append(
            Target(requests.setdefault(db, request.in_database(db)), name, parsed["collectionUUID"], parsed["encryptionInformation"])
        )
    return targets


def parse_operations(entries: list[dict[str, Any]], targets: list[Target]) -> list[BulkOperation]:
    """Parse the operations of `ops`.

    Raises:
        CommandError: 2 for an index out of the range of `nsInfo`, 40415, 40414, 14, 9.
    """
    operations = [_parse(index, entry, targets) for index, entry in enumerate(entries)]
    if any(target.encryption is not None for target in targets):
        _check_encrypted(operations, targets)
    return operations


def _check_encrypted(operations: list[BulkOperation], targets: list[Target]) -> None:
    """Check that a command with Queryable Encryption has one collection, and only inserts or a single update or delete.

    Raises:
        CommandError: 2 BadValue.
    """
    if len(targets) > 1:
        raise CommandError(2, "BulkWrite with Queryable Encryption supports only a single namespace.")
    if len(operations) > 1 and any(operation.kind != "insert" for operation in operations):
        raise CommandError(2, "A command with Queryable Encryption can have only one update or delete")


def _parse(index: int, entry: dict[str, Any], targets: list[Target]) -> BulkOperation:
    kind = next(iter(entry), "")
    if kind not in _KINDS:
        raise CommandError(40415, f"BSON field 'bulkWrite.ops.{kind}' is an unknown field.")
    args = _KINDS[kind].parse(entry)
    number = args[kind]
    if not 0 <= number < len(targets):
        raise CommandError(2, f"BulkWrite ops entry {index} has an invalid nsInfo index.")
    return BulkOperation(index, kind, targets[number], args)
