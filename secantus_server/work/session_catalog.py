"""The catalog that a multi-document transaction sees: the state at its start, with the transaction's own changes applied."""

from __future__ import annotations

from collections.abc import Callable

from secantus_server.catalog.catalog import Catalog
from secantus_server.catalog.changes import CatalogChanges
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.errors import CommandError
from secantus_server.modules import import_late
from secantus_server.sessions.namespace_locks import Namespace

LOCK_TIMEOUT = 24


class SessionCatalog(CatalogView):
    """A `CatalogView` for one multi-document transaction. It locks each collection on first use.

    Arguments:
        catalog: the server's catalog.
        view: the catalog at the transaction's start.
        lock: a function that locks a namespace until the transaction ends. It returns False on timeout.
    """

    __slots__ = ("_catalog", "_lock", "created", "used")

    def __init__(self, catalog: Catalog, view: CatalogView, lock: Callable[[Namespace], bool]) -> None:
        super().__init__(view._databases, view._kept)
        self._catalog = catalog
        self._lock = lock
        # The idents of collections created by the transaction.
        self.created: set[int] = set()
        self.used: set[Namespace] = set()

    def close(self) -> None:
        """Drop the reference to the lock function at the end of the transaction.

        The function belongs to the unit of work that owns this catalog, so that the two objects form a reference cycle. Breaking the
        cycle here saves work for the garbage collector.
        """
        del self._lock

    def find(self, db: str, name: str) -> Collection | None:
        """Return the collection or view of this namespace, or None.

        Raises:
            CommandError: 24 LockTimeout if another client is changing the collection, 246 SnapshotUnavailable if the collection was changed
                after the transaction began.
        """
        found = super().find(db, name)
        if found is not None and (db, name) not in self.used:
            self._use(found)
        return found

    def has_created(self, collection: Collection) -> bool:
        """Return whether the transaction created a collection; see `CatalogView.has_created`."""
        return collection.ident in self.created

    def _use(self, found: Collection) -> None:
        """Lock a collection for the transaction."""
        namespace = (found.db, found.name)
        if not self._lock(namespace):
            raise CommandError(LOCK_TIMEOUT, f"Unable to acquire a lock on '{found.namespace}' within the transaction's lock timeout.")
        self.used.add(namespace)
        if self._catalog.find(*namespace) is not found:
            raise import_late("secantus_server.work.past_changes").snapshot_unavailable(found.namespace)

    def apply(self, changes: CatalogChanges) -> None:
        """Make the transaction's own catalog changes visible in this view."""
        changed = self.changed(changes.put, changes.removed)
        self._databases = changed._databases
        self.created.update(one.ident for one in changes.put)
        self.used.update((one.db, one.name) for one in changes.put)
