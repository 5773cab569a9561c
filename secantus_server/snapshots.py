"""Snapshots of a server, which combine a snapshot of the storage engine with in-memory state such as cursors and the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

from secantus_server.dispatch.adjustments import Adjustments, Changes
from secantus_server.dispatch.fail_points import FailPoint
from secantus_server.dispatch.services import Services
from secantus_server.modules import import_late
from secantus_server.records import NamedTuple
from secantus_server.sessions.retry_rows import rewrite
from secantus_server.storage import Snapshot
from secantus_server.work.query_setting_rows import store_current

if TYPE_CHECKING:
    from secantus_server.dispatch.harness import Difference
    from secantus_server.work.set_aside import NamespaceChange

_SET_ASIDE = "secantus_server.work.set_aside"


class ServerSnapshot:
    """The state of a server to which `SecantusDBServer.restore` can return.

    Arguments:
        storage: the snapshot of the storage engine.
        number: the number by which the command secantusTest refers to the snapshot.
    """

    #: The cursors that were open at the snapshot. A restore closes all others.
    cursors: frozenset[int]
    #: The sessions that were known at the snapshot. A restore forgets all others.
    sessions: frozenset[bytes]
    #: The newest retryable write of each session at the snapshot. A restore forgets later ones.
    writes: dict[bytes, Any]
    #: The parameters, the profiler's settings, the query settings and the index filters at the snapshot. A restore sets them again.
    adjustments: Adjustments
    #: The fail points that were set at the snapshot. A restore sets them again, and ends all others.
    fail_points: Mapping[str, FailPoint]
    #: The cluster time at which the store was last in this state, as a 64-bit number.
    time: int
    #: The number of transactions that had begun when the store was last known to be in this state.
    begun: int

    def __init__(self, storage: Snapshot, number: int) -> None:
        self.storage = storage
        self.number = number


class SetAside(NamedTuple):
    """Snapshots that `Snapshots.set_aside` has closed, outermost first, with the data to recreate them.

    For each snapshot, this contains the writes and adjustments (for example of parameters) made after it. It also contains the cursors,
    sessions and fail points that existed when the snapshots were set aside.
    """

    parts: tuple[tuple[ServerSnapshot, list[NamespaceChange], tuple[Changes, ...]], ...]
    cursors: frozenset[int]
    sessions: frozenset[bytes]
    fail_points: dict[str, FailPoint]


class Snapshots:
    """The open snapshots of a running server."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._taken: list[ServerSnapshot] = []
        self._numbers = count(1)
        #: Called after a restore, `set_aside` or `put_back` has changed the contents.
        self.when_changed: Callable[[], None] | None = None

    @property
    def open(self) -> tuple[ServerSnapshot, ...]:
        """Return the open snapshots, outermost first."""
        still_open = self._services.engine.snapshots
        # Every snapshot of the engine belongs to one in `_taken`.
        if len(still_open) != len(self._taken):
            self._taken = [snapshot for snapshot in self._taken if snapshot.storage in still_open]
        return tuple(self._taken)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Return a context manager that excludes all other writers from its `with` block.

        It first aborts open transactions, and releases the past states of the store that reads with `atClusterTime` use.
        """
        with self._services.engine.exclusive(aborts_idle=True):
            self._end_others()
            yield

    def _end_others(self) -> None:
        """Abort open transactions and release past states. The caller must have exclusive access to the store."""
        transactions = self._services.sessions.transactions
        if transactions.open:
            transactions.abort_where(lambda _transaction: True, None)
        self._services.history.clear()

    def take(self) -> ServerSnapshot:
        """Take a snapshot. First abort the sessions' open transactions, because their writes would be neither before nor after the
        snapshot.
        """
        services = self._services
        with self._alone():
            snapshot = ServerSnapshot(services.engine.push_snapshot(), next(self._numbers))
            self._note_time(snapshot)
        snapshot.adjustments = Adjustments.of(self._services)
        self._note_state(snapshot)
        self._taken.append(snapshot)
        return snapshot

    def _note_time(self, snapshot: ServerSnapshot) -> None:
        """Record that the store is now in the state of a snapshot. The caller must have excluded all other writers."""
        snapshot.time = self._services.oplog.settled_stamp()
        snapshot.begun = self._services.engine.begun

    def _note_state(self, snapshot: ServerSnapshot) -> None:
        """Record the server's current in-memory state in a snapshot, except for the adjustments."""
        services = self._services
        snapshot.cursors = services.cursors.open_ids()
        snapshot.sessions = services.sessions.known()
        snapshot.writes = services.sessions.retries.newest()
        snapshot.fail_points = services.fail_points.active

    def renew(self, snapshot: ServerSnapshot) -> bool:
        """Make a snapshot represent the current state, as if it were taken now. This is cheaper than releasing it and taking a new
        snapshot.

        Returns:
            whether that was possible. It is possible if the snapshot is the innermost open snapshot and nothing was written since then.
        """
        services = self._services
        engine = services.engine
        # Usually the next test begins right after a test that has not used the server.
        if not engine.is_untouched(snapshot.begun, snapshot.storage) or services.sessions.transactions.open:
            if not engine.is_innermost(snapshot.storage):
                return False
            with self._alone():
                if engine.written_since(snapshot.storage):
                    return False
                self._note_time(snapshot)
        if not snapshot.adjustments.are_those_of(services):
            snapshot.adjustments = Adjustments.of(services)
        self._note_state(snapshot)
        return True

    def restore(self, snapshot: ServerSnapshot) -> None:
        """Restore the server to the state of a snapshot, including parameters and fail points.

        Close the cursors and sessions that were opened since then. If the node has stepped down, make it the primary again.
        """
        services = self._services
        # Restore the fail points first, so that no command waits in one while the store is restored.
        services.fail_points.restore(snapshot.fail_points)
        services.fsync_lock.release_all()
        if not services.topology.is_primary:
            services.topology.elect()
        services.cursors.kill_where(lambda cursor: cursor.id not in snapshot.cursors)
        services.sessions.forget_all_but(snapshot.sessions)
        changed = services.sessions.retries.restore(snapshot.writes)
        if changed and not services.engine.in_memory:
            rewrite(services.engine, changed, services.sessions.retries.newest())
        snapshot.adjustments.apply(services)
        # Writers are excluded during both steps, because between them the catalog in memory is still that from before the restore.
        with services.engine.exclusive(aborts_idle=True):
            self._end_others()
            restored = services.engine.restore_alone(snapshot.storage)
            services.oplog.note_restore(snapshot.time)
            lost = services.catalog.keep_definitions(restored)
            services.catalog.reload(restored)
            # After the transactions of these two, which only read, and before the indexes are built, which is a write since the snapshot.
            self._note_time(snapshot)
            for indexes in lost:
                import_late(_SET_ASIDE).build_again(services, indexes)
        self._renew_access()
        if services.engine.was_full:
            services.engine.make_room(at_any_cost=True)
        self._tell()

    def _tell(self) -> None:
        if self.when_changed is not None:
            self.when_changed()

    def _renew_access(self) -> None:
        """Clear the cache of users and roles, because a restore may have changed them."""
        if self._services.access is not None:
            self._services.access.renew()

    def release(self, snapshot: ServerSnapshot) -> None:
        """Close a snapshot and all later snapshots without undoing their writes."""
        self._services.engine.pop_snapshot(snapshot.storage)

    def written_since(self, snapshot: ServerSnapshot) -> bool:
        """Return whether anything has changed since a snapshot: a write, an adjustment such as a parameter, the fsync lock, a fail point,
        or a step-down.
        """
        engine = self._services.engine
        # If no transaction has begun since the store was last in the snapshot's state, it is unchanged, without a comparison of contents.
        return self._is_adjusted_since(snapshot) or (not engine.is_untouched(snapshot.begun) and engine.written_since(snapshot.storage))

    def _is_adjusted_since(self, snapshot: ServerSnapshot) -> bool:
        """Return whether anything but the contents has changed since a snapshot."""
        services = self._services
        return (
            not snapshot.adjustments.are_those_of(services)
            or services.fail_points.active is not snapshot.fail_points
            or services.fsync_lock.count > 0
            or not services.topology.is_primary
        )

    def is_unchanged(self, snapshot: ServerSnapshot) -> bool:
        """Return whether a snapshot is the innermost open snapshot and nothing has changed since it (see `written_since`)."""
        if self._is_adjusted_since(snapshot):
            return False
        engine, storage = self._services.engine, snapshot.storage
        return engine.is_untouched(snapshot.begun, storage) or (engine.is_innermost(storage) and not engine.written_since(storage))

    def differences(self, snapshot: ServerSnapshot) -> list[Difference]:
        """Abort open transactions, then return the collections that differ from a snapshot."""
        # Imported here, because few servers use it, and an import at the top would slow down every start of a server.
        from secantus_server.work.dump import differences

        with self._alone():
            return differences(self._services, snapshot.storage)

    def set_aside(self, snapshot: ServerSnapshot) -> SetAside:
        """Undo the writes since a snapshot, and close this and all later snapshots. Abort open transactions, but leave cursors open.

        Return the data with which `put_back` recreates the snapshots and repeats the writes.
        """
        cursors, sessions = self._services.cursors.open_ids(), self._services.sessions
        later = self.open[self.open.index(snapshot) :]
        stages = [*(one.adjustments for one in later), Adjustments.of(self._services)]
        changes = [before.changes_to(after) for before, after in pairwise(stages)]
        snapshot.adjustments.apply(self._services)
        fail_points = self._services.fail_points.set_aside(snapshot.fail_points)
        with self._alone():
            written = [self._undo(one.storage) for one in reversed(later)]
            self._services.oplog.note_restore(snapshot.time)
            self._renew_access()
        self._taken = [one for one in self._taken if one not in later]
        self._tell()
        return SetAside(tuple(zip(later, written[::-1], changes, strict=True)), cursors, sessions.known(), fail_points)

    def _undo(self, snapshot: Snapshot) -> list[NamespaceChange]:
        """Undo all writes since the innermost snapshot, discard the snapshot, and return the undone changes."""
        engine = self._services.engine
        with engine.exclusive(aborts_idle=True):
            changes = import_late(_SET_ASIDE).collect(self._services, snapshot) if engine.written_since(snapshot) else []
            self._services.catalog.reload(engine.restore(snapshot))
            engine.pop_snapshot(snapshot)
        return changes

    def put_back(self, aside: SetAside) -> None:
        """Recreate snapshots that were set aside, inside the currently open snapshots, and repeat the writes since each of them.

        Raises:
            CommandError: 11000 if a document conflicts with a document written in the meantime. In that case, nothing of `aside` is
                applied.
        """
        opened_meanwhile = self._services.cursors.open_ids() - aside.cursors
        started_meanwhile = self._services.sessions.known() - aside.sessions
        try:
            for snapshot, written, changes in aside.parts:
                with self._alone():
                    snapshot.storage = self._services.engine.push_snapshot()
                    self._note_time(snapshot)
                snapshot.cursors |= opened_meanwhile
                snapshot.sessions |= started_meanwhile
                snapshot.adjustments = Adjustments.of(self._services)
                snapshot.fail_points = self._services.fail_points.active
                self._taken.append(snapshot)
                if written:
                    import_late(_SET_ASIDE).put_back(self._services, written)
                snapshot.adjustments.changed(changes).apply(self._services)
                if self._services.query_settings is not snapshot.adjustments.query_settings:
                    # The restored settings document contains only the settings at the time when it was written, so write the current
                    # settings.
                    store_current(self._services)
                self._services.oplog.note_unlogged_writes()
                self._renew_access()
            if aside.fail_points:
                self._services.fail_points.restore({**self._services.fail_points.active, **aside.fail_points})
        except BaseException:
            outermost = aside.parts[0][0]
            self.restore(outermost)
            self.release(outermost)
            raise
        self._tell()
