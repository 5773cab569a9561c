"""Past states of the store, for reads with read concern "snapshot". Each state is pinned by an open recovery unit.

https://www.mongodb.com/docs/manual/reference/read-concern-snapshot/

A state remains pinned from its first read until the history window has passed. All sessions that read at its time share it. Any other
past state is derived from the current state: the oplog shows which collections have changed since then, and each of these collections is
rebuilt when a command looks it up (see `past_catalog`). Past states therefore cause no extra cost for writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

from bson.timestamp import Timestamp

from secantus_server.bson.values import stamp_of
from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch.parameters import HISTORY_WINDOW, parameter_value
from secantus_server.errors import CommandError
from secantus_server.modules import import_late
from secantus_server.storage import RecoveryUnit, WriteConflict
from secantus_server.system._threads import Lock

if TYPE_CHECKING:
    from secantus_server.dispatch.services import Services
    from secantus_server.dispatch.unit_of_work import ReadTransaction
    from secantus_server.work.past_catalog import PastCatalog

#: The maximum number of held states. The least recently used state is released for a new one.
MAX_HELD = 64
#: The maximum total size in bytes of the collections rebuilt for held states. The collections of the state being read do not count.
MAX_BUILT_BYTES = 64 * 1024 * 1024


def _past() -> ModuleType:
    """Return the module that reads the oplog, which is imported for the first state."""
    return import_late("secantus_server.work.past_changes")


def _ended() -> CommandError:
    return CommandError(
        _past().SNAPSHOT_UNAVAILABLE,
        "Unable to read from a snapshot that has ended, because the server's data was restored; start a new session.",
    )


class HeldSnapshot:
    """A pinned state of the store, which implements `dispatch.unit_of_work.ReadTransaction`.

    Arguments:
        at: the cluster time of the state.
        unit: the state's recovery unit, with an open transaction.
        catalog: the catalog at that time.
        now: the current time on the monotonic clock.

    Threads: a command's thread holds `lock` while it reads. `lock` guards all attributes.
    """

    __slots__ = ("_past", "at", "catalog", "ended", "lock", "since", "unit", "used")

    unit: RecoveryUnit
    catalog: CatalogView

    def __init__(self, at: Timestamp, unit: RecoveryUnit, catalog: PastCatalog, now: float) -> None:
        self.at = at
        self.unit = unit
        self.catalog = self._past = catalog
        self.since = self.used = now
        self.lock = Lock()
        self.ended = False

    @property
    def built_bytes(self) -> int:
        """The total size in bytes of the collections that were rebuilt for the state."""
        return self._past.built_bytes

    def pause(self) -> None:
        """Suspend the read transaction without ending it, so that this thread can write."""
        self.unit.leave()

    def resume(self) -> None:
        """Resume reading the same state after `pause`.

        Raises:
            CommandError: 246 SnapshotUnavailable if a restore has ended the transaction.
        """
        try:
            self.unit.enter()
        except WriteConflict:
            raise _ended() from None


class SnapshotHistory:
    """The pinned past states of one server, for reads with read concern "snapshot".

    Threads: `_lock` guards `_held`.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = Lock()
        self._held: dict[Timestamp, HeldSnapshot] = {}

    @contextmanager
    def reading(self, held: HeldSnapshot) -> Iterator[ReadTransaction]:
        """Return a context manager that makes a pinned state readable in the current thread.

        Raises:
            CommandError: 239 SnapshotTooOld if the state is no longer pinned, 246 SnapshotUnavailable if a restore has ended its
                transaction.
        """
        self._services.engine.acquire_lock(held.lock)
        try:
            if held.ended:
                raise _past().snapshot_too_old("the snapshot was held for longer than the history window, or the store needed its memory")
            try:
                held.unit.enter()
            except WriteConflict:
                self._forget(held)
                raise _ended() from None
            try:
                yield held
            finally:
                held.used = self._services.clock.monotonic()
                if held.unit.in_transaction:
                    held.pause()
                if held.built_bytes:
                    self._limit_built(held)
        finally:
            held.lock.release()

    def _limit_built(self, current: HeldSnapshot) -> None:
        """Release the least recently used states until the total size of rebuilt collections is within the limit."""
        others = sorted((one for one in self.all() if one is not current and one.built_bytes), key=lambda one: one.used)
        size = sum(one.built_bytes for one in others)
        while size > MAX_BUILT_BYTES:
            oldest = others.pop(0)
            size -= oldest.built_bytes
            self._drop([oldest])

    def newest(self) -> HeldSnapshot:
        """Pin the current state if necessary, and return it."""
        newest = self._services.oplog.newest
        with self._lock:
            held = self._held.get(newest)
        return held or self._hold(None)

    def at(self, wanted: Timestamp) -> HeldSnapshot:
        """Return the state at the time `wanted`, which must not be in the future.

        Raises:
            CommandError: 72 for a null timestamp, 239 SnapshotTooOld, 246 SnapshotUnavailable.
        """
        with self._lock:
            held = self._held.get(wanted)
        if held is None:
            _past().check_snapshot_time(self._services, wanted)
        return held or self._hold(wanted)

    def _hold(self, wanted: Timestamp | None) -> HeldSnapshot:
        """Pin the state at the time `wanted`, or the current state if it is None, and return the state.

        Raises:
            CommandError: 239 SnapshotTooOld, 246 SnapshotUnavailable.
        """
        services = self._services
        services.oplog.keep_for_readers()
        # A transaction that begins now sees all commits up to this time. The newest entry may be older, because a restore advances the time
        # without writing an entry.
        least = services.oplog.newest
        unit = services.engine.acquire()
        try:
            view = services.catalog.begin(unit)
            at = max(least, services.oplog.timestamp_in(unit))
            changes = None
            if wanted is not None and wanted < at:
                changes = _past().changes_since(services, unit, stamp_of(wanted))
                at = wanted
            catalog = import_late("secantus_server.work.past_catalog").PastCatalog(services, unit, view, stamp_of(at), changes)
            held = HeldSnapshot(at, unit, catalog, services.clock.monotonic())
            unit.leave()
        except BaseException:
            services.engine.release(unit)
            raise
        with self._lock:
            first = self._held.setdefault(at, held)
            many = len(self._held) > MAX_HELD
        if first is not held:
            services.engine.release(held.unit)
        elif many:
            self._drop(sorted(self.all(), key=lambda one: one.used)[:1])
        return first

    def all(self) -> list[HeldSnapshot]:
        """Return all pinned states."""
        with self._lock:
            return list(self._held.values())

    def expire(self) -> None:
        """Release the states that are older than the history window."""
        oldest = self._services.clock.monotonic() - parameter_value(self._services, HISTORY_WINDOW)
        self._drop([held for held in self.all() if held.since <= oldest])

    def clear(self) -> None:
        """Release all states that no command is currently reading.

        This is necessary if the store needs the memory or a restore has ended the transactions of the states.
        """
        # Without the lock: a restore, which excludes other users of the store, calls this although there rarely is a state.
        if self._held:
            self._drop(self.all())

    def _drop(self, found: list[HeldSnapshot]) -> None:
        for held in found:
            if held.lock.acquire(blocking=False):
                try:
                    self._forget(held)
                finally:
                    held.lock.release()

    def _forget(self, held: HeldSnapshot) -> None:
        """Release a state. The caller must hold the state's lock."""
        if not held.ended:
            held.ended = True
            with self._lock:
                self._held.pop(held.at, None)
            self._services.engine.release(held.unit)
