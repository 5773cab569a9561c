"""The catalog of a past state of the store, and what has changed since then according to the oplog."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from secantus_server.bson import decode
from secantus_server.catalog.catalog import Catalog
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.errors import CommandError
from secantus_server.oplog.reader import EVERYTHING, Operation, Rows, operations_of
from secantus_server.storage import RecoveryUnit

if TYPE_CHECKING:
    from secantus_server.dispatch.services import Services


SNAPSHOT_TOO_OLD = 239
SNAPSHOT_UNAVAILABLE = 246


class Changed(NamedTuple):
    """The namespaces that the oplog has entries of.

    Arguments:
        documents: the collections whose documents changed, as "db.name".
        definitions: the collections that were created, changed or dropped, as "db.name"; a dropped database as "db".
    """

    documents: frozenset[str]
    definitions: frozenset[str]


class PastCatalog(CatalogView):
    """Implements `CatalogView` for a past state.

    Arguments:
        catalog: the server's catalog.
        view: its view at the time of the recovery unit that reads.
        changed: what has changed between the wanted time and that of the recovery unit; None if they are the same.
    """

    __slots__ = ("_catalog", "_changed")

    def __init__(self, catalog: Catalog, view: CatalogView, changed: Changed | None) -> None:
        super().__init__(view._databases, view._kept)
        self._catalog = catalog
        self._changed = changed

    def find(self, db: str, name: str) -> Collection | None:
        """Return the collection or view of this namespace, or None.

        Raises:
            CommandError: 246 SnapshotUnavailable if the collection itself was changed since, 239 SnapshotTooOld if its documents were,
                and the old ones are not known.
        """
        namespace = f"{db}.{name}"
        changed = self._changed
        if changed is not None and (namespace in changed.definitions or db in changed.definitions):
            raise snapshot_unavailable(namespace)
        found = super().find(db, name)
        if found is not None and self._catalog.find(db, name) is not found:
            raise snapshot_unavailable(namespace)
        if changed is not None and namespace in changed.documents:
            raise snapshot_too_old(
                f"'{namespace}' was written since then, and no snapshot read has kept the state of that time. Read at a time that a "
                "snapshot read returned as atClusterTime."
            )
        return found


def snapshot_too_old(reason: str) -> CommandError:
    """Return the error of a read at a time whose state is not known any more."""
    return CommandError(SNAPSHOT_TOO_OLD, f"Read timestamp is older than the oldest available timestamp: {reason}")


def snapshot_unavailable(namespace: str) -> CommandError:
    """Return the error of a read or transaction whose collection was changed since its time."""
    return CommandError(
        SNAPSHOT_UNAVAILABLE,
        f"Unable to read from a snapshot due to pending collection catalog changes to '{namespace}'; please retry the operation.",
    )


def changed_since(services: Services, unit: RecoveryUnit, stamp: int) -> Changed:
    """Return what has changed since a time.

    Arguments:
        unit: the recovery unit that reads; its transaction has begun.
        stamp: the time as a 64-bit number.

    Raises:
        CommandError: 239 SnapshotTooOld if the oplog does not go back so far, 246 SnapshotUnavailable if a restore has undone the state
            of that time.
    """
    oplog = services.oplog
    if oplog.is_undone(stamp):
        raise CommandError(SNAPSHOT_UNAVAILABLE, "Unable to read from a snapshot whose writes were undone when the data was restored.")
    if stamp + 1 < oplog.history_begins_at(unit):
        raise snapshot_too_old("the oplog begins later.")
    documents: set[str] = set()
    definitions: set[str] = set()
    for row in Rows(stamp, EVERYTHING).read(unit, services.operations.check_waiting):
        for time, entry in row:
            for operation in operations_of(unit, time, entry, EVERYTHING):
                _note(operation, documents, definitions)
    return Changed(frozenset(documents), frozenset(definitions))


def _note(operation: Operation, documents: set[str], definitions: set[str]) -> None:
    """Add what an operation has changed."""
    fields = operation.fields
    if fields["op"] != "c":
        documents.add(fields["ns"])
        return
    db = fields["ns"].partition(".")[0]
    command = decode(fields["o"].data)
    name, target = next(iter(command.items()))
    if name == "renameCollection":
        definitions.update((target, command["to"]))
    else:
        definitions.add(db if name == "dropDatabase" else f"{db}.{target}")
