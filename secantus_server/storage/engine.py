"""The storage engine, which opens the store, provides recovery units, and manages snapshots, idents and the entries of dropped idents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from secantus_server.diagnostics.crash_points import reach
from secantus_server.errors import CommandError, not_supported
from secantus_server.storage import configuration
from secantus_server.storage._gate import Gate
from secantus_server.storage._undo import UndoLog
from secantus_server.storage._unit import RecoveryUnit
from secantus_server.storage.blocks import ExclusiveAccess, ExclusiveBlock, TransactionBlock
from secantus_server.storage.errors import REFUSED, CheckpointRefused, StorageError
from secantus_server.storage.idents import Idents
from secantus_server.storage.keys import IdentRange
from secantus_server.storage.memory_store import EarlyStore, connect_memory, create_tables
from secantus_server.storage.orphans import Orphans
from secantus_server.storage.snapshots import NOTHING_RESTORED, Restored, Snapshot, SnapshotStack, ValuesAtSnapshot, write_back
from secantus_server.storage.tables import WITH_IDENTS
from secantus_server.storage.temporary import TemporaryFiles
from secantus_server.storage.tidying import Tidying
from secantus_server.storage.waiting import Check, Waits
from secantus_server.storage.wiredtiger._binding import Connection
from secantus_server.system._clock import monotonic
from secantus_server.system._threads import Lock, RLock, Thread

if TYPE_CHECKING:
    from secantus_server.storage.hot_backup import HotBackup
    from secantus_server.storage.log_cuts import Cut
    from secantus_server.storage.log_marks import LogMarks

T = TypeVar("T")

_OUT_OF_SPACE: Final = 14031
#: How many seconds close() waits for running transactions.
_CLOSE_TIMEOUT: Final = 10.0
#: How many seconds make_room() waits for a purge in another thread, which takes a few milliseconds.
_PURGE_TIMEOUT: Final = 0.2
#: How many milliseconds relieve() works before it releases the purge lock to other threads.
_RELIEF_MS: Final = 20.0
#: How many seconds relieve() waits for transactions that prevent the purge of orphans.
_PURGE_PATIENCE: Final = 1.0
#: After each run, make_room() does not run again for this multiple of the run's duration.
_SWEEP_PAUSE: Final = 5.0


def _wait_on() -> None:
    """Do nothing. This is the default interruption check, which never interrupts a wait."""


class Engine:
    """An open store, created by Engine.open(). `in_memory` is true if the store exists only until the process ends.

    Locking: the gate (see `_gate`) admits transactions unless a thread has exclusive access. The exclusive lock allows only one thread at
    a time to close the gate, and guards the snapshots. The ident lock guards the idents. The purge lock prevents a purge during another
    purge or during close(). The pool (a list) and the orphans (a deque) need no lock, because their single operations are atomic.
    """

    #: The parts of the log that were cut off and kept when the store was opened.
    log_cuts: tuple[Cut, ...] = ()

    def __init__(
        self,
        connection: Connection,
        *,
        sync_on_commit: bool = False,
        memory_size_mb: int = 0,
        check_waiting: Check = _wait_on,
        marks: LogMarks | None = None,
    ) -> None:
        self._connection, self.in_memory = connection, connection.in_memory
        self.temporary = TemporaryFiles(None)
        self._memory_size_mb, self._marks, self._sync_on_commit, self._check_waiting = memory_size_mb, marks, sync_on_commit, check_waiting
        self._waits = Waits(check_waiting)
        self._gate = Gate(self._waits)
        self._undo = UndoLog()
        self._snapshots = SnapshotStack(self._undo)
        self._pool: list[RecoveryUnit] = []
        self._access = ExclusiveAccess(self._gate, self._waits)
        self._purge_lock, self._statistics_lock, self._backup_lock = Lock(), Lock(), Lock()
        # The number of checkpoints written, for serverStatus.
        self.checkpoints, self._next_sweep = 0, 0.0
        self._when_crowded: Callable[[], object] = _wait_on
        self._closed = False
        self._refused: CheckpointRefused | None = None
        #: The number of restores. It only changes while no transaction runs.
        self.restores = 0
        self._checkpoint_due_at = configuration.CHECKPOINT_AFTER
        if marks is not None:
            connection.keep_log_marks(marks.begin())
            marks.note_checkpoint(connection.log_end())
        self._idents = Idents(self.transaction, persistent=not self.in_memory)
        self._begin_cleaning()

    def _begin_cleaning(self) -> None:
        """Prepare for purging and tidying, and load the orphans that an earlier process has left."""
        # Purges in memory have a gate of their own, so that a restore does not wait for them. They remove only unreachable entries.
        gate, memory = self._gate, self._connection
        self._purges = purges = Gate(self._waits) if self.in_memory else gate
        self._tidying: Tidying | None = None
        sweeper = None
        if self.in_memory:
            sweeper = self._new_unit_beside(gate)
            sweeper.rewrite_left_pages()
            self._tidying = Tidying(sweeper, lambda: gate.changed + purges.changed, lambda: memory.cache_bytes, lambda: self.has_orphans)
        self._orphans = Orphans(self._new_unit_beside(purges), sweeper)
        with self.transaction() as unit:
            self._orphans.load(unit)

    @classmethod
    def open(
        cls,
        path: str,
        *,
        cache_size_mb: int | None = None,
        session_max: int = configuration.SESSION_MAX,
        sync_on_commit: bool = False,
        check_waiting: Check = _wait_on,
        early: EarlyStore | None = None,
    ) -> Engine:
        """Open a store.

        Arguments:
            path: a directory, created if necessary, or ":memory:".
            cache_size_mb: the cache size, which is also the capacity of an in-memory store. The default is half of the machine's memory
                for an in-memory store. For a directory, it is a quarter but at most 1 GB. Memory is allocated as needed.
            session_max: the maximum number of recovery units.
            sync_on_commit: whether each commit waits until its data is on disk.
            check_waiting: a function that a waiting thread calls periodically; it raises an exception to end the wait.
            early: an in-memory store that another thread opens already. It is used if it fits the other arguments.

        Raises StorageError if the directory is in use by another process or cannot be used, CommandError(14031) if the disk is full.
        """
        if path == configuration.MEMORY_PATH:
            size = configuration.memory_size_mb(cache_size_mb)
            connection = (early.take(size, session_max) if early is not None else None) or connect_memory(size, session_max)
            return cls(connection, memory_size_mb=size, check_waiting=check_waiting)
        from secantus_server.storage.log_marks import reserve

        directory, marks = reserve(path)
        try:
            return cls._open_directory(directory, marks, cache_size_mb, session_max, sync_on_commit, check_waiting)
        except OSError as error:
            marks.close()
            raise StorageError(f"The storage directory cannot be read: {(error.strerror or str(error)).lower()} ({path}).") from error
        except BaseException:
            marks.close()
            raise

    @classmethod
    def _open_directory(
        cls, directory: Path, marks: LogMarks, cache_size_mb: int | None, session_max: int, sync_on_commit: bool, check_waiting: Check
    ) -> Engine:
        """Open the store in a directory. Create a store if the directory contains none."""
        # Imported here, because an in-memory store does not need them, and an import at the top would slow down its start.
        from secantus_server.storage.connections import closed_on_error, connect
        from secantus_server.storage.format import check_version
        from secantus_server.storage.inspection import inspect
        from secantus_server.storage.whole_checkpoint import checkpoint_all

        log = inspect(directory, marks.before)
        marks.note_opening(is_new=log is None)
        connection = connect(directory, cache_size_mb, session_max, exists=log is not None)
        with closed_on_error(connection):
            create_tables(connection)
            engine = cls(connection, sync_on_commit=sync_on_commit, check_waiting=check_waiting, marks=marks)
            with engine.transaction() as unit:
                check_version(unit, directory, is_new=log is None)
            if log is not None and log.needs_checkpoint:
                checkpoint_all(engine)
        engine.log_cuts = () if log is None else log.cuts
        engine.temporary = TemporaryFiles(str(directory))
        return engine

    def close(self) -> None:
        """Close the store. Write a checkpoint first if it is in a directory. A second call does nothing.

        The memory of an in-memory store is freed in another thread, so that the caller does not wait for it.

        Raises StorageError if the running transactions do not end within ten seconds.
        """
        with self._purge_lock, self._access.lock:
            if self._closed:
                return
            with self.exclusive(_CLOSE_TIMEOUT, aborts_idle=True):
                self._closed = True
                self._connection.retire()
            if self.in_memory:
                Thread(self._connection.close, name="secantus-free").start()
            else:
                self._close_directory()

    def _close_directory(self) -> None:
        """Close WiredTiger, which writes a checkpoint, and record that the log is no longer required for recovery."""
        assert self._marks is not None, "a directory has marks"
        self.temporary.close()
        try:
            if self._refused is not None:
                return self._connection.abandon()
            self._connection.close()
            self._marks.note_closed()
        finally:
            self._marks.close()

    def abandon(self) -> None:
        """Abandon the store in a forked child process. The child neither uses nor closes its copies of the parent's handles."""
        self._closed = True
        self._connection.abandon()
        if self._marks is not None:
            self._marks.close()

    def acquire(self) -> RecoveryUnit:
        """Return a recovery unit for exclusive use. The caller must return it with release()."""
        try:
            return self._pool.pop()
        except IndexError:
            return self._new_unit()

    def release(self, unit: RecoveryUnit) -> None:
        """Return a recovery unit to the pool. Roll back its transaction if one is open."""
        if unit.in_transaction and not unit.thread:
            # An idle transaction waits at the gate. If the wait were interrupted, the transaction would stay open.
            self._waits.complete(unit.rollback)
        elif unit.in_transaction:
            unit.rollback()
        self._pool.append(unit)

    def transaction(self) -> TransactionBlock:
        """Return a context manager for a transaction. It commits at the end of the block and rolls back on an exception."""
        return TransactionBlock(self.acquire, self.release)

    def exclusive(self, timeout: float | None = None, *, aborts_idle: bool = False) -> ExclusiveBlock:
        """Return a context manager for exclusive access. It waits until no transaction is running and blocks new ones. Calls may be
        nested.

        Arguments:
            timeout: the maximum number of seconds to wait, or None for no limit.
            aborts_idle: whether to roll back idle transactions, which are open between two commands. Otherwise they remain open.

        Raises StorageError if the running transactions do not end in time, AssertionError if the caller has a transaction, and the error
        of `check_waiting` if this thread's operation is interrupted.
        """
        return ExclusiveBlock(self._access, timeout, aborts_idle=aborts_idle)

    def acquire_lock(self, lock: Lock) -> None:
        """Acquire a lock. As in every wait of the store, an interruption of this thread's operation ends the wait with an error."""
        if not lock.acquire(blocking=False):
            self._waits.acquire(lock)

    def hold(self, lock: Lock | RLock) -> AbstractContextManager[None]:
        """Return a context manager that holds a lock. As in `acquire_lock`, an interruption ends the wait for the lock with an error."""
        return self._waits.hold(lock)

    def describe_idents(self, describe: Callable[[int, int], str]) -> None:
        """Set the function that describes the collection or index with an ident. The error for a damaged file contains this description."""
        self._connection.describe_idents(describe)

    def checkpoint(self) -> None:
        """Write all committed data to the tables' files, so that a restart reads only a small part of the log."""
        if self._marks is not None:
            self._checkpoint_due_at = self._gate.changed + configuration.CHECKPOINT_AFTER
            end = self._connection.log_end()
            reach("checkpoint-begin")
            self._write_checkpoint()
            reach("checkpoint-end")
            self._marks.note_checkpoint(end)
            self.checkpoints += 1

    def _write_checkpoint(self) -> None:
        """Write a checkpoint. If the operating system refused an earlier one, raise that error again, because WiredTiger would crash."""
        if self._refused is None:
            try:
                return self._with_unit(RecoveryUnit.checkpoint)
            except StorageError as error:
                if error.fatal or error.code not in REFUSED:
                    raise
                self._connection.retire()
                self._refused = CheckpointRefused(error)
        raise self._refused

    @contextmanager
    def backup(self, note: Callable[[], object] = _wait_on) -> Iterator[HotBackup]:
        """Return a context manager for a hot backup of the store's files as they are at one moment. Writes may continue meanwhile.

        Arguments:
            note: a function that is called at that moment, while no transaction is running.

        Raises CommandError: 238 for an in-memory store, 117 while another backup is open.
        """
        from secantus_server.storage.hot_backup import HotBackup

        if self._marks is None:
            raise not_supported("a backup of an in-memory store", "use a storage directory, or mongodump")
        if not self._backup_lock.acquire(blocking=False):
            raise CommandError(117, "Another backup is running: wait until it has ended.")
        try:
            self.checkpoint()
            with self.exclusive():
                backup = HotBackup(self._connection, self._marks.directory)
                note()
            try:
                yield backup
            finally:
                backup.close()
        finally:
            self._backup_lock.release()

    def statistics(self) -> dict[str, int]:
        """Return WiredTiger's statistics, keyed by description. Only gauges, such as the bytes in the cache, are meaningful."""
        with self.transaction(), self._statistics_lock:
            return self._connection.statistics()

    def flush_log(self) -> None:
        """Block until all commits so far are on disk. Concurrent callers share one fsync."""
        if not self.in_memory:
            self._with_unit(RecoveryUnit.flush_log)

    def new_ident(self) -> int:
        """Return a new ident for a collection or an index. Idents are never reused.

        Call this in the transaction that creates the collection or index. Otherwise a restore before that transaction could release the
        ident before it is used.
        """
        assert self._gate.is_held(), "new_ident() belongs in the transaction that uses the ident"
        return self._idents.take()

    def drop_ident(self, table: int, ident: int) -> None:
        """Drop an ident in a separate transaction. To combine this with other changes, call RecoveryUnit.drop_ident() instead."""
        with self.transaction() as unit:
            unit.drop_ident(table, ident)

    @property
    def is_closed_here(self) -> bool:
        """Whether this thread has exclusive access to the store."""
        return self._gate.is_closed_here()

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is running."""
        return self._gate.running == 0

    @property
    def begun(self) -> int:
        """The number of transactions begun since the store was opened."""
        return self._gate.entered

    def is_untouched(self, begun: int, innermost: Snapshot | None = None) -> bool:
        """Return whether no transaction is running or has begun since `begun` had this value, and a given snapshot is the innermost one."""
        gate = self._gate
        return gate.entered == begun and gate.running == 0 and (innermost is None or self._snapshots.innermost is innermost)

    @property
    def bytes_changed(self) -> int:
        """The approximate number of bytes that commands have written since the store was opened."""
        return self._gate.changed

    @property
    def is_checkpoint_due(self) -> bool:
        """Whether so much was written since the last checkpoint that a restart would be slow without a new one."""
        return not self.in_memory and self._gate.changed >= self._checkpoint_due_at

    def is_untidy(self, *, idle: bool) -> bool:
        """Return whether an in-memory store contains enough removed data for tidy(). Less suffices if the server is `idle`."""
        return self._tidying is not None and self._tidying.is_due(idle=idle)

    def call_when_due(self, wake: Callable[[], object]) -> None:
        """Register a function to be called once when a checkpoint or tidy() becomes due. The committing thread calls it."""
        self._gate.wake_at(self._checkpoint_due_at if self._tidying is None else self._tidying.due_at - self._purges.changed, wake)

    def tidy(self, budget_ms: float) -> None:
        """Free a part of the memory that overwritten and removed entries occupy. The periodic thread calls this.

        The call takes about `budget_ms`, or less if commands are running and the memory is not needed.
        """
        assert self._tidying is not None, "only a store in memory is tidied"
        with self._purge_lock:
            if not self._closed:
                self._tidying.run(budget_ms, lambda: not self.is_idle)

    def is_crowded(self, incoming: int = 0) -> bool:
        """Return whether an in-memory store contains so much overwritten or dropped data that a writer must call relieve() first.

        Arguments:
            incoming: the number of bytes that the caller is about to write; 0 for a small write.
        """
        return self._tidying is not None and self._connection.cache_bytes + incoming > self._tidying.crowded_at

    def call_when_crowded(self, remove: Callable[[], object]) -> None:
        """Set a function that removes expendable entries. relieve() calls it before it frees other memory."""
        self._when_crowded = remove

    def relieve(self, incoming: int = 0) -> None:
        """Free the memory of overwritten and dropped data until the store is no longer crowded.

        A thread that is about to write calls this. It must not have an open transaction. Fast writers are thereby slowed down, because
        the periodic thread alone could not free memory fast enough.

        Arguments:
            incoming: see is_crowded().

        Raises the error of `check_waiting` if this thread's operation is interrupted.
        """
        if self._tidying is None or self._gate.closed:
            return
        self._when_crowded()
        patience = monotonic() + _PURGE_PATIENCE
        walks = self._tidying.walks
        # Another thread may free the memory while this one waits for the lock.
        going_on = self._take_purge_lock(incoming)
        while going_on:
            try:
                # The current walk may have begun earlier. Only the next walk is certain to remove all garbage that exists now.
                going_on = self._relieve_some(self._tidying, patience) and self._tidying.walks < walks + 2
            finally:
                self._purge_lock.release()
            self._check_waiting()
            going_on = going_on and self._take_purge_lock(incoming)

    def _take_purge_lock(self, incoming: int) -> bool:
        """Wait for the purge lock as long as the store is crowded. Return whether this thread has acquired the lock."""
        # Wait with a timeout, to avoid a deadlock: the lock's owner may wait for the gate, and the gate's owner for this thread.
        while self.is_crowded(incoming) and not self._gate.closed:
            if self._purge_lock.acquire(timeout=_PURGE_TIMEOUT):
                if self.is_crowded(incoming):
                    return True
                self._purge_lock.release()
            self._check_waiting()
        return False

    def _relieve_some(self, tidying: Tidying, patience: float) -> bool:
        """Purge orphans or rewrite pages for some milliseconds, and return whether to continue. The caller must hold the purge lock."""
        if self._closed:
            return False
        if not self.has_orphans or monotonic() >= patience or not self._orphans.purge(_RELIEF_MS, lambda: False):
            tidying.run(_RELIEF_MS, lambda: False)
        return tidying.is_walking or self.has_orphans or self.is_crowded()

    @property
    def has_orphans(self) -> bool:
        """Whether the store still contains entries of dropped idents."""
        return bool(self._orphans)

    @property
    def orphan_count(self) -> int:
        """The number of ranges of dropped idents that have not been purged yet."""
        return len(self._orphans)

    def purge_orphans(self, budget_ms: float = 10.0, *, gives_way: bool = False) -> bool:
        """Remove entries of dropped idents, and return whether any entries remain. The periodic thread calls this.

        Arguments:
            budget_ms: the approximate duration.
            gives_way: whether to stop when another thread starts a transaction.
        """
        if not self.has_orphans:
            return False
        if not self._purge_lock.acquire(blocking=False):
            return True
        try:
            return not self._closed and self._orphans.purge(budget_ms, lambda: gives_way and not self.is_idle)
        finally:
            self._purge_lock.release()

    @property
    def was_full(self) -> bool:
        """Whether an in-memory store has refused a write since the last make_room()."""
        return self._connection.was_full

    def note_removal(self) -> None:
        """Record that documents were removed, so that the next make_room() runs even if the last run was recent."""
        self._next_sweep = 0.0

    def make_room(self, *, at_any_cost: bool = False) -> bool:
        """Free the memory of unreachable data when an in-memory store is full. The caller must not have an open transaction.

        A run visits the whole store. Therefore the call does nothing if the last run was recent and nothing was removed since.

        Arguments:
            at_any_cost: whether to run even if the last run was recent.

        Returns:
            whether memory was freed.
        """
        begun = monotonic()
        if not self.in_memory or not (at_any_cost or self._orphans.hold_memory or begun >= self._next_sweep):
            return False
        # Wait with a timeout: a purge in another thread may be waiting for the gate that this thread has closed.
        if not self._purge_lock.acquire(timeout=_PURGE_TIMEOUT):
            return False
        try:
            if not self._closed:
                self._orphans.reclaim()
                self._connection.was_full = False
        finally:
            self._purge_lock.release()
        now = monotonic()
        self._next_sweep = now + _SWEEP_PAUSE * (now - begun)
        return True

    def push_snapshot(self) -> Snapshot:
        """Wait until no transaction is running, abort idle transactions, and take a snapshot nested in the open snapshots."""
        with self.exclusive(aborts_idle=True), self.transaction() as unit:
            return self._snapshots.push(unit, self._idents.next)

    def pop_snapshot(self, snapshot: Snapshot) -> None:
        """Discard a snapshot without changing the data. The enclosing snapshot inherits its undo records."""
        with self.exclusive():
            self._orphans.add(self._snapshots.pop(snapshot))

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The open snapshots, outermost first."""
        return self._snapshots.open

    def is_innermost(self, snapshot: Snapshot) -> bool:
        """Return whether a snapshot is the innermost one that is open."""
        return self._snapshots.innermost is snapshot

    def written_since(self, snapshot: Snapshot) -> bool:
        """Return whether anything was written since a snapshot. If nothing is recorded yet, wait until no transaction is running."""
        if self._snapshots.has_records_of(snapshot):
            return True
        with self.exclusive():
            return self._snapshots.written_since(snapshot, self._idents.next)

    def values_at(self, snapshot: Snapshot) -> ValuesAtSnapshot:
        """Return the keys written since a snapshot, with their values at the snapshot. The caller must have exclusive access."""
        return self._snapshots.values_at(snapshot)

    def restore(self, snapshot: Snapshot) -> Restored:
        """Restore the store to a snapshot, which remains open. Later snapshots are discarded.

        First wait until no transaction is running, and abort idle transactions.
        """
        with self.exclusive(aborts_idle=True):
            return self.restore_alone(snapshot)

    def restore_alone(self, snapshot: Snapshot) -> Restored:
        """Restore the store as `restore` does. The caller must have exclusive access, and must have aborted idle transactions."""
        self._snapshots.unwind(snapshot)
        if snapshot.is_clean(self._idents.next):
            return NOTHING_RESTORED
        low, high = snapshot.watermark, self._idents.next
        made = [IdentRange(table, low, high) for table in WITH_IDENTS] if high > low else []
        try:
            restored = self._write_back(snapshot, made)
        except CommandError as error:
            if not self.in_memory or error.code != _OUT_OF_SPACE:
                raise
            restored = self._write_back_when_full(snapshot, made)
        reach("restore-commit")
        self.restores += 1
        self._snapshots.settle(snapshot, self._idents.next)
        self._orphans.add(made)
        return restored

    def _write_back(self, snapshot: Snapshot, made: list[IdentRange]) -> Restored:
        """Write the values at the snapshot back in one transaction."""
        with self.transaction() as unit:
            restored = write_back(unit, snapshot, made, listed=not self.in_memory)
            reach("restore")
            return restored

    def _write_back_when_full(self, snapshot: Snapshot, made: list[IdentRange]) -> Restored:
        """Write the values at the snapshot back to a full store with temporarily doubled capacity. The result fits the old capacity."""
        self._connection.reconfigure(configuration.cache_config(self._memory_size_mb * 2).encode())
        try:
            return self._write_back(snapshot, made)
        finally:
            self._connection.reconfigure(configuration.cache_config(self._memory_size_mb).encode())

    def _new_unit_beside(self, gate: Gate) -> RecoveryUnit:
        """Return a recovery unit for the holder of the purge lock, which prevents close() while the unit is in use."""
        return RecoveryUnit(self._connection, gate, self._undo, False, self._ident_dropped)

    def _new_unit(self) -> RecoveryUnit:
        """Return a new recovery unit."""
        unit = RecoveryUnit(self._connection, self._gate, self._undo, self._sync_on_commit, self._ident_dropped)
        self._gate.units.append(unit)
        return unit

    def _with_unit(self, action: Callable[[RecoveryUnit], T]) -> T:
        """Call a function with a recovery unit from the pool, and return its result."""
        unit = self.acquire()
        try:
            return action(unit)
        finally:
            self.release(unit)

    def _ident_dropped(self, dropped: IdentRange) -> None:
        """Schedule the removal of a dropped ident's entries after the commit. Defer it while an open snapshot may need the entries."""
        innermost = self._snapshots.innermost
        if innermost is not None and dropped.low < innermost.watermark:
            innermost.deferred.append(dropped)
        else:
            self._orphans.add([dropped])
