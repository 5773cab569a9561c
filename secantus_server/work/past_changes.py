"""The changes since a past time, read from the oplog: changed documents and changed namespaces.

https://www.mongodb.com/docs/manual/reference/read-concern-snapshot/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from secantus_server.bson import RawDocument, decode, key_string
from secantus_server.dispatch.parameters import HISTORY_WINDOW, parameter_value
from secantus_server.errors import CommandError
from secantus_server.oplog._read import value_of
from secantus_server.oplog.reader import EVERYTHING, Operation, Rows, operations_of
from secantus_server.storage import RecoveryUnit

if TYPE_CHECKING:
    from bson.timestamp import Timestamp

    from secantus_server.dispatch.services import Services

SNAPSHOT_TOO_OLD = 239
SNAPSHOT_UNAVAILABLE = 246
_HISTORY_LOST = 286
#: The value in place of a UUID for a namespace whose definition at the time is unknown.
UNKNOWN = b""


class DocumentChange:
    """The changes of a document since a past time.

    Arguments:
        first: the first operation after that time: "i", "u" or "d".
        image: the document before that operation, or None if the oplog does not contain it.

    The attribute `died` is true if the document was deleted in the meantime. A current document with the same `_id` was then inserted
    later.
    """

    __slots__ = ("died", "first", "image")

    def __init__(self, first: str, image: RawDocument | None) -> None:
        self.first = first
        self.image = None if image is None else image.data
        self.died = False


class Changes:
    """The changes of all collections since a past time.

    Attributes:
        documents: the changed documents, by collection UUID and by the key string of `_id`.
        namespaces: for each namespace that was created, dropped or renamed, the UUID of its collection at that time, or None if there was
            no collection.
        redefined: the UUIDs of collections whose options or indexes have changed.
    """

    def __init__(self) -> None:
        self.documents: dict[bytes, dict[bytes, DocumentChange]] = {}
        self.namespaces: dict[str, bytes | None] = {}
        self.redefined: set[bytes] = set()

    def __bool__(self) -> bool:
        return bool(self.documents or self.namespaces or self.redefined)

    def note_document(self, fields: dict[str, Any]) -> None:
        """Record an insert, update or delete of a document."""
        changed = self.documents.setdefault(bytes(fields["ui"]), {})
        key, op = document_key(fields), fields["op"]
        change = changed.get(key)
        if change is None:
            change = changed[key] = DocumentChange(op, fields.get("$pre"))
        change.died = change.died or op == "d"

    def undo_command(self, fields: dict[str, Any]) -> None:
        """Revert a catalog change in `namespaces` and `redefined`. Call this method for all changes, from the newest to the oldest."""
        db = fields["ns"].partition(".")[0]
        command = decode(fields["o"].data)
        name, target = next(iter(command.items()))
        uuid = bytes(fields["ui"]) if "ui" in fields else UNKNOWN
        namespace = f"{db}.{target}"
        if name == "create":
            self.namespaces[namespace] = None
        elif name == "drop":
            self.namespaces[namespace] = uuid
        elif name == "renameCollection":
            dropped = command.get("dropTarget")
            self.namespaces[command["to"]] = None if dropped is None else bytes(dropped)
            self.namespaces[target] = uuid
        elif name in ("createIndexes", "dropIndexes", "collMod") and uuid is not UNKNOWN:
            self.redefined.add(uuid)
        elif name != "dropDatabase":
            # Earlier entries record the drop of each collection.
            self.namespaces[namespace] = UNKNOWN


def document_key(fields: dict[str, Any]) -> bytes:
    """Return the key string of the `_id` of the document that an operation changes."""
    return key_string(value_of(fields["o" if fields["op"] == "d" else "o2"].data, b"_id"))


def operations(services: Services, unit: RecoveryUnit, after: int, uuid: bytes = b"") -> Iterator[Operation]:
    """Yield the operations in the oplog after a given time.

    Arguments:
        unit: the recovery unit that reads; its transaction must have begun.
        after: the time, as a 64-bit number.
        uuid: the UUID of the collection whose operations to yield; empty means all operations.

    Raises:
        CommandError: 239 SnapshotTooOld if a part of a transaction was removed from the oplog.
    """
    try:
        for row in Rows(after, EVERYTHING).read(unit, services.operations.check_waiting):
            for stamp, entry in row:
                if uuid not in entry:
                    continue
                for operation in operations_of(unit, stamp, entry, EVERYTHING):
                    if not uuid or bytes(operation.fields.get("ui", b"")) == uuid:
                        yield operation
    except CommandError as error:
        if error.code == _HISTORY_LOST:
            raise snapshot_too_old("the oplog no longer has a transaction as a whole.") from None
        raise


def check_snapshot_time(services: Services, wanted: Timestamp) -> None:
    """Raise if a time is before the history window, so that no snapshot can be read at that time.

    Raises:
        CommandError: 72 for a null timestamp, 239 SnapshotTooOld.
    """
    if wanted.time == 0:
        raise CommandError(72, "readConcern.atClusterTime cannot be a null timestamp")
    window_s = parameter_value(services, HISTORY_WINDOW)
    if wanted.time < services.oplog.newest.time - window_s:
        raise snapshot_too_old(f"it lies before the history window of {window_s} seconds ({HISTORY_WINDOW})")


def changes_since(services: Services, unit: RecoveryUnit, stamp: int) -> Changes:
    """Return the changes of all collections since a given time.

    Arguments:
        unit: the recovery unit that reads; its transaction must have begun.
        stamp: the time as a 64-bit number.

    Raises:
        CommandError: 239 SnapshotTooOld if the oplog does not go back to that time. 246 SnapshotUnavailable if a restore has undone the
            state at that time, or if documents were changed later without oplog entries.
    """
    oplog = services.oplog
    if oplog.is_undone(stamp) or stamp < oplog.complete_since:
        raise CommandError(SNAPSHOT_UNAVAILABLE, "Unable to read from a snapshot whose writes were undone when the data was restored.")
    if stamp + 1 < oplog.history_begins_at(unit):
        raise snapshot_too_old("the oplog begins later.")
    changes, commands = Changes(), []
    for operation in operations(services, unit, stamp):
        if operation.fields["op"] == "c":
            commands.append(operation.fields)
        elif operation.fields["op"] != "n":
            changes.note_document(operation.fields)
    for fields in reversed(commands):
        changes.undo_command(fields)
    return changes


def snapshot_too_old(reason: str) -> CommandError:
    """Return the error for a read at a time whose state can no longer be reconstructed."""
    return CommandError(SNAPSHOT_TOO_OLD, f"Read timestamp is older than the oldest available timestamp: {reason}")


def snapshot_unavailable(namespace: str) -> CommandError:
    """Return the error for a snapshot read of a collection that was changed after the time of the snapshot."""
    return CommandError(
        SNAPSHOT_UNAVAILABLE,
        f"Unable to read from a snapshot due to pending collection catalog changes to '{namespace}'; please retry the operation.",
    )
