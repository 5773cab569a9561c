"""The catalog at a past time, for snapshot reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bson.binary import Binary

from secantus_server.catalog._document_count import DocumentCount
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.exec._scan import RecordScan
from secantus_server.exec._write import CollectionWriter
from secantus_server.index.build import make_index
from secantus_server.reserved_names import PROFILE
from secantus_server.storage import CacheTooSmall, RecoveryUnit
from secantus_server.work.collections import empty_collection, id_index_spec
from secantus_server.work.past_changes import UNKNOWN, Changes, snapshot_too_old, snapshot_unavailable
from secantus_server.work.past_documents import EarlierDocuments, documents_before

if TYPE_CHECKING:
    from secantus_server.dispatch.services import Services

# The number of documents between two checks for an interruption.
_RUN = 128


class PastCatalog(CatalogView):
    """A `CatalogView` at a past time.

    The requested time may be earlier than the recovery unit's snapshot. A collection that has changed in between is then rebuilt in its
    past state on its first lookup. The copy has new idents. It is written in the unit's transaction, which never commits. Other
    transactions therefore neither see the copy nor conflict with it. `built_bytes` is the total size of the rebuilt documents.

    Arguments:
        services: the server.
        unit: the recovery unit that reads; its transaction must have begun.
        view: the catalog at the unit's snapshot.
        stamp: the requested time, as a 64-bit number.
        changes: the changes between the requested time and the unit's snapshot; None if the times are equal.

    Threads: an instance is used by one command at a time, under the lock of the `HeldSnapshot`.
    """

    __slots__ = ("_changes", "_found", "_services", "_stamp", "_unit", "built_bytes")

    def __init__(self, services: Services, unit: RecoveryUnit, view: CatalogView, stamp: int, changes: Changes | None) -> None:
        super().__init__(view._databases, view._kept)
        self._services = services
        self._unit = unit
        self._stamp = stamp
        self._changes = changes
        self._found: dict[str, Collection | None] = {}
        self.built_bytes = 0

    def find(self, db: str, name: str) -> Collection | None:
        """Return the collection or view of this namespace at the requested time, or None.

        Raises:
            CommandError: 239 SnapshotTooOld if documents were changed later and the oplog does not contain the old versions, 246
                SnapshotUnavailable if the definition was changed later and the oplog does not contain the old definition.
        """
        namespace = f"{db}.{name}"
        if namespace not in self._found:
            self._found[namespace] = self._find(db, name)
        return self._found[namespace]

    def _find(self, db: str, name: str) -> Collection | None:
        """Return a collection or view at the requested time, or None; see `find`."""
        namespace, changes = f"{db}.{name}", self._changes
        present = super().find(db, name)
        if changes is None:
            return present and _kept(db, name, present)
        if namespace in changes.namespaces:
            uuid = changes.namespaces[namespace]
            present = next((one for one in self.all() if bytes(one.uuid) == uuid), None)
        else:
            uuid = None if present is None else bytes(present.uuid)
        if uuid is None:
            return None
        if uuid == UNKNOWN or name == PROFILE or (present is not None and present.is_view and uuid in changes.redefined):
            raise snapshot_unavailable(namespace)
        if present is None or uuid in changes.documents or uuid in changes.redefined:
            return self._build(db, name, uuid, present, changes)
        return _kept(db, name, present)

    def _build(self, db: str, name: str, uuid: bytes, present: Collection | None, changes: Changes) -> Collection:
        """Rebuild a collection in its state at the requested time, and return it.

        Arguments:
            present: the current collection with this UUID, or None if it was dropped.
        """
        services, namespace = self._services, f"{db}.{name}"
        changed = changes.documents.get(uuid, {})
        earlier = EarlierDocuments(services, self._unit, uuid, self._stamp, None if present is None else changed)
        if present is not None:
            options = present.options
            # If indexes have changed, keep only the index on `_id`. The results do not depend on indexes.
            specs = [index.spec for index in present.indexes if index.is_id or uuid not in changes.redefined]
        elif earlier.created is None:
            raise snapshot_unavailable(namespace)
        else:
            options, specs = earlier.created, [id_index_spec(earlier.created), *earlier.specs]
        built = empty_collection(services, db, name, options, specs, Binary(uuid, 4))
        built.search_indexes = () if present is None else present.search_indexes
        try:
            if present is None:
                self._store(built, earlier.documents())
            else:
                with self._scan(present) as scan:
                    self._store(built, documents_before(scan, changed, earlier, namespace))
        except CacheTooSmall:
            raise snapshot_too_old(f"'{namespace}' was written since then, and is too large to be built anew in the cache.") from None
        return built

    @contextmanager
    def _scan(self, collection: Collection) -> Iterator[RecordScan]:
        """Return a context manager that opens a scan of a collection in RecordId order."""
        scan = RecordScan(collection.ident, None, self._services.operations.check_waiting)
        scan.attach(self._unit)
        try:
            yield scan
        finally:
            scan.close()

    def _store(self, built: Collection, documents: Iterator[bytes]) -> None:
        """Store the documents and index entries of a rebuilt collection."""
        writer = CollectionWriter(self._unit, built.ident, built.indexes)
        count = 0
        for count, document in enumerate(documents, 1):
            if count % _RUN == 0:
                self._services.operations.check_waiting()
            writer.insert(document, count)
            self.built_bytes += len(document)
        for index in writer.became_multikey:
            index.multikey = True
        built.document_count = DocumentCount()
        built.remember_count(count, 1)


def _kept(db: str, name: str, collection: Collection) -> Collection:
    """Return a copy of a collection under its past name.

    A later drop of the collection or its indexes does not abort reads of the copy, because the past state still contains them.
    """
    if collection.is_view:
        return collection
    indexes = [make_index(index.spec, index.ident, index.multikey) for index in collection.indexes]
    return Collection(db, name, collection.uuid, collection.ident, collection.options, indexes, collection.search_indexes)
