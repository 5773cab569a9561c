"""The documents of a collection at a past time, reconstructed by undoing later changes with the help of the oplog."""

from __future__ import annotations

from collections.abc import Collection as Keys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from secantus_server.bson import decode, decode_stored, encode, key_string
from secantus_server.oplog._read import value_of
from secantus_server.oplog.reader import Operation
from secantus_server.oplog.update_description import apply_diff
from secantus_server.work.past_changes import DocumentChange, document_key, operations, snapshot_too_old

if TYPE_CHECKING:
    from secantus_server.dispatch.services import Services
    from secantus_server.storage import RecoveryUnit

# The last complete version of a document as BSON bytes, followed by the diffs of later updates.
_Versions = list[bytes]


class EarlierDocuments:
    """The documents of a collection at a past time, as far as the oplog contains them.

    Attributes:
        created: the options with which the collection was created, or None if the oplog does not contain the creation. Changes by collMod
            are ignored, because they do not affect reads.
        specs: the definitions of the indexes that existed at that time and whose creation is in the oplog.

    Arguments:
        services: the server.
        unit: the recovery unit that reads; its transaction must have begun.
        uuid: the collection's UUID.
        stamp: the time as a 64-bit number.
        wanted: the keys of the required documents; None means all documents.
    """

    def __init__(self, services: Services, unit: RecoveryUnit, uuid: bytes, stamp: int, wanted: Keys[bytes] | None) -> None:
        self.created: dict[str, Any] | None = None
        self.specs: list[dict[str, Any]] = []
        self._wanted = wanted
        self._versions: dict[bytes, _Versions] = {}
        self._births: dict[bytes, int] = {}
        self._inserted = 0
        for operation in operations(services, unit, services.oplog.complete_since, uuid):
            if operation.stamp > stamp:
                break
            self._note(operation)

    def _note(self, operation: Operation) -> None:
        fields = operation.fields
        op = fields["op"]
        if op == "c":
            self._note_command(decode(fields["o"].data))
            return
        key = document_key(fields)
        if op == "i":
            self._inserted += 1
            self._births[key] = self._inserted
        if self._wanted is not None and key not in self._wanted:
            return
        data = fields["o"].data
        if op == "d":
            self._versions.pop(key, None)
        elif op == "i" or value_of(data, b"$v") is None:
            self._versions[key] = [data]
        elif key in self._versions:
            self._versions[key].append(data)

    def _note_command(self, command: dict[str, Any]) -> None:
        name = next(iter(command))
        if name == "create":
            self.created = {option: value for option, value in command.items() if option not in ("create", "idIndex")}
        elif name == "createIndexes":
            self.specs.append({option: value for option, value in command.items() if option != "createIndexes"})
        elif name == "dropIndexes":
            self.specs = [spec for spec in self.specs if spec["name"] != command["index"]]

    def documents(self) -> Iterator[bytes]:
        """Yield all documents that existed at the past time, in insertion order."""
        for key in sorted(self._versions, key=lambda key: self._births.get(key, 0)):
            version = self.version(key)
            assert version is not None, "it has versions"
            yield version

    def birth(self, key: bytes) -> int | None:
        """Return a document's rank in insertion order, or None if the oplog does not contain its insert."""
        return self._births.get(key)

    def version(self, key: bytes) -> bytes | None:
        """Return a document as it was at the past time, or None if the oplog does not contain that version.

        Raises:
            CommandError: 238 if the document was updated before that time, and has duplicate field names.
        """
        versions = self._versions.get(key)
        if versions is None:
            return None
        whole, *diffs = versions
        if not diffs:
            return whole
        document = decode_stored(whole)
        for diff in diffs:
            document = apply_diff(document, decode(diff)["diff"])
        return encode(document)


def documents_before(
    present: Iterator[bytes], changed: dict[bytes, DocumentChange], earlier: EarlierDocuments, namespace: str
) -> Iterator[bytes]:
    """Yield the documents of a collection as they were before later changes, in natural order.

    Arguments:
        present: the current documents in natural order.
        changed: the later changes, by document key.
        earlier: the versions of the documents before these changes.
        namespace: the collection's namespace, for error messages.

    Raises:
        CommandError: 239 SnapshotTooOld if the oplog does not contain the earlier version of a changed document.
    """
    births = {key: earlier.birth(key) or 0 for key, change in changed.items() if change.died and change.first != "i"}
    # The deleted documents, from the last one to the first. Those inserted before the oplog begins are yielded first, in the order of
    # their deletion.
    dead = sorted(births, key=births.__getitem__)[::-1]
    while dead and not births[dead[-1]]:
        yield _version(dead.pop(), changed, earlier, namespace)
    for document in present:
        key = key_string(value_of(document, b"_id"))
        change = changed.get(key)
        if change is not None and (change.first == "i" or change.died):
            continue
        birth = earlier.birth(key)
        while dead and birth is not None and births[dead[-1]] < birth:
            yield _version(dead.pop(), changed, earlier, namespace)
        yield document if change is None else _version(key, changed, earlier, namespace)
    while dead:
        yield _version(dead.pop(), changed, earlier, namespace)


def _version(key: bytes, changed: dict[bytes, DocumentChange], earlier: EarlierDocuments, namespace: str) -> bytes:
    """Return a document as it was before its later changes.

    Raises:
        CommandError: 239 SnapshotTooOld if the oplog does not contain that version.
    """
    found = changed[key].image or earlier.version(key)
    if found is None:
        raise snapshot_too_old(
            f"'{namespace}' was written since then, and the oplog does not go back to the last write of a whole document before it. Read "
            "at a time that a snapshot read returned as atClusterTime."
        )
    return found
