"""The storage engine: opens the store, lends recovery units, and keeps snapshots, idents and dropped entries in order."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from secantus_server.errors import CommandError
from secantus_server.storage import configuration
from secantus_server.storage._gate import Gate
from secantus_server.storage._undo import UndoLog
from secantus_server.storage._unit import RecoveryUnit
from secantus_server.storage.errors import StorageError
from secantus_server.storage.idents import Idents
from secantus_server.storage.inspection import check_files, check_log, log_files
from secantus_server.storage.keys import IdentRange
from secantus_server.storage.log_marks import LogMarks
from secantus_server.storage.orphans import Orphans
from secantus_server.storage.snapshots import NOTHING, Restored, Snapshot, SnapshotStack, Touched, write_back
from secantus_server.storage.tables import WITH_IDENTS
from secantus_server.storage.tidying import Tidying
from secantus_server.storage.waiting import Check, Waits
from secantus_server.storage.wiredtiger._binding import Connection
from secantus_server.system._clock import monotonic
from secantus_server.system._threads import Lock, RLock, Thread

_OUT_OF_SPACE: Final = 14031
#: How long close() waits for transactions that are still running.
_CLOSE_TIMEOUT: Final = 10.0
#: How long make_room() waits for a purge in another thread, which takes some milliseconds.
_PURGE_TIMEOUT: Final = 0.2
#: relieve() lets others have the purge lock after so long.
_RELIEF_MS: Final = 20.0
#: How long relieve() waits for transactions that keep orphans from being purged.
_PURGE_PATIENCE: Final = 1.0
#: make_room() rests for this many times as long as it took.
_SWEEP_PAUSE: Final = 5.0


def _wait_on() -> None:
    """Let every wait of the store last as long as it takes."""


class Engine:
    """One open store. Engine.open() makes it.

    What guards what: the gate (see `_gate`) separates transactions from whoever needs the store for himself; the exclusive lock
    lets one thread at a time close the gate, and guards the snapshots; the ident lock guards the idents; the pool and the
    list of orphans are a list and a deque, whose single operations are atomic; the purge lock keeps purges apart
    from each other and from the end.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        sync_on_commit: bool = False,
        memory_size_mb: int = 0,
        check_waiting: Check = _wait_on,
        marks: LogMarks | None = None,
    ) -> None:
        self._connection = connection
        self._memory_size_mb = memory_size_mb
        self._marks = marks
        self._sync_on_commit = sync_on_commit
        self._check_waiting = check_waiting
        self._waits = Waits(check_waiting)
        self._gate = Gate(self._waits)
        self._undo = UndoLog()
        self._snapshots = SnapshotStack(self._undo)
        self._pool: list[RecoveryUnit] = []
        self._exclusive_lock = RLock()
        self._exclusive_depth = 0
        self._purge_lock = Lock()
        self._statistics_lock = Lock()
        # How many were written, as serverStatus tells.
        self.checkpoints = 0
        self._next_sweep = 0.0
        self._when_crowded: Callable[[], object] = _wait_on
        self._closed = False
        #: How often the store was put back to a snapshot; it changes only while no transaction runs.
        self.restores = 0
        self._with_unit(lambda unit: unit.create_tables(configuration.table_configs(connection.in_memory)))
        self._checkpoint_due_at = configuration.CHECKPOINT_AFTER
        if marks is not None:
            connection.keep_log_marks(marks.begin())
            marks.note_checkpoint(connection.log_end())
        self._idents = Idents(self.transaction, persistent=not connection.in_memory)
        sweeper = self._new_sweeper() if connection.in_memory else None
        self._orphans = Orphans(sweeper)
        self._tidying = self._make_tidying(sweeper) if sweeper is not None else None
        with self.transaction() as unit:
            self._orphans.load(unit)

    @classmethod
    def open(cls, path: str, *, cache_size_mb: int | None = None, sync_on_commit: bool = False, check_waiting: Check = _wait_on) -> Engine:
        """Opens a store.

        Arguments:
            path: a directory, which is made if need be, or ":memory:".
            cache_size_mb: the cache; for a store in memory this is all it can hold. Default: half of the machine's memory
                there, a quarter and at most 1 GB for a directory. It is taken only as needed.
            sync_on_commit: whether each commit waits for the disk.
            check_waiting: called now and then by a thread that waits for another one; it raises to end the wait.

        Raises StorageError when another process has the directory, or it cannot be used; CommandError(14031) when the disk is full.
        """
        if path == configuration.MEMORY_PATH:
            # WiredTiger opens a name once in a process; in memory it is nothing but a name.
            name = f"{configuration.MEMORY_PATH}{secrets.token_hex(8)}".encode()
            size = configuration.memory_size_mb(cache_size_mb)
            return cls(Connection(name, configuration.memory_config(size), True), memory_size_mb=size, check_waiting=check_waiting)
        # WiredTiger opens files again and again, and a test may change the process's directory meanwhile.
        directory = Path(path).absolute()
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"The storage directory {path} cannot be made: {error.strerror}.") from error
        try:
            marks = LogMarks(directory)
        except StorageError as error:
            raise StorageError(f"{error.message} ({path})", error.code) from error
        try:
            return cls._open_directory(directory, marks, cache_size_mb, sync_on_commit, check_waiting)
        except BaseException:
            marks.close()
            raise

    @classmethod
    def _open_directory(
        cls, directory: Path, marks: LogMarks, cache_size_mb: int | None, sync_on_commit: bool, check_waiting: Check
    ) -> Engine:
        """Opens the store of a directory, or makes one there."""
        exists = check_files(directory, marks.before)
        if exists:
            check_log(directory, marks.before)
        else:
            marks.note_making()
        without_log = exists and not log_files(directory)
        try:
            limit = configuration.change_limit(cache_size_mb)
            connection = Connection(bytes(directory), configuration.path_config(cache_size_mb), False, limit)
        except StorageError as error:
            if exists and error.code == 1:
                raise StorageError(
                    f"The storage directory {directory} cannot be read: a file of the storage engine is damaged, or was written by another "
                    f"version. Put the directory back from a copy. ({error.message})"
                ) from error
            raise StorageError(f"{error.message} ({directory})", error.code) from error
        engine = cls(connection, sync_on_commit=sync_on_commit, check_waiting=check_waiting, marks=marks)
        if without_log:
            # The tables still name a place in the log that is gone: the new log would not be read from its beginning.
            engine.checkpoint()
        return engine

    @property
    def in_memory(self) -> bool:
        """Whether the store ends with the process."""
        return self._connection.in_memory

    def close(self) -> None:
        """Closes the store, a directory with a checkpoint. A second call does nothing.

        The memory of a store in memory is given back by another thread: nobody waits for that.

        Raises StorageError when transactions do not end within ten seconds.
        """
        with self._purge_lock, self._exclusive_lock:
            if self._closed:
                return
            with self.exclusive(_CLOSE_TIMEOUT):
                self._closed = True
                self._connection.retire()
            if self.in_memory:
                Thread(self._connection.close, name="secantus-free").start()
            else:
                self._close_directory()

    def _close_directory(self) -> None:
        """Closes WiredTiger, which writes a checkpoint, and notes that the log is not needed any more."""
        assert self._marks is not None, "a directory has marks"
        try:
            self._connection.close()
            self._marks.note_closed()
        finally:
            self._marks.close()

    def abandon(self) -> None:
        """For the child of a fork: the store is the parent's, and this copy of its handles is never used nor closed."""
        self._closed = True
        self._connection.abandon()
        if self._marks is not None:
            self._marks.close()

    def acquire(self) -> RecoveryUnit:
        """Lends a recovery unit; give it back with release()."""
        try:
            return self._pool.pop()
        except IndexError:
            return self._new_unit()

    def release(self, unit: RecoveryUnit) -> None:
        """Takes a recovery unit back; a transaction left open is rolled back."""
        if unit.in_transaction:
            unit.rollback()
        self._pool.append(unit)

    @contextmanager
    def transaction(self) -> Iterator[RecoveryUnit]:
        """A recovery unit with a transaction, which is committed at the end of the block, or rolled back on an exception."""
        unit = self.acquire()
        try:
            unit.begin()
            yield unit
            unit.commit()
        finally:
            self.release(unit)

    @contextmanager
    def exclusive(self, timeout: float | None = None) -> Iterator[None]:
        """Waits until no transaction runs, and keeps others from beginning until the block ends. It nests.

        Raises StorageError when the running transactions do not end in time; AssertionError when one is the caller's; what
        `check_waiting` raises when this thread's operation ends before.
        """
        with self._waits.hold(self._exclusive_lock):
            if self._exclusive_depth == 0:
                self._gate.close(timeout)
            self._exclusive_depth += 1
            try:
                yield
            finally:
                self._exclusive_depth -= 1
                if self._exclusive_depth == 0:
                    self._gate.open()

    def hold(self, lock: Lock | RLock) -> AbstractContextManager[None]:
        """Hold a lock for a block; the wait for it ends with this thread's operation, as every wait for the store does."""
        return self._waits.hold(lock)

    def describe_idents(self, describe: Callable[[int, int], str]) -> None:
        """Set the function that names the collection or index of an ident, for the error of a damaged file."""
        self._connection.describe_idents(describe)

    def checkpoint(self) -> None:
        """Writes everything committed into the tables' files, so that a restart has little log to read."""
        if self._marks is not None:
            self._checkpoint_due_at = self._gate.changed + configuration.CHECKPOINT_AFTER
            end = self._connection.log_end()
            self._with_unit(RecoveryUnit.checkpoint)
            self._marks.note_checkpoint(end)
            self.checkpoints += 1

    def statistics(self) -> dict[str, int]:
        """Return the storage engine's statistics by their descriptions; only gauges are kept, such as the bytes in the cache."""
        with self.transaction(), self._statistics_lock:
            return self._connection.statistics()

    def flush_log(self) -> None:
        """Waits until every commit so far is on the disk; callers at the same time share one fsync."""
        if not self.in_memory:
            self._with_unit(RecoveryUnit.flush_log)

    def new_ident(self) -> int:
        """A number for a collection or an index that no other ever had.

        Call it in the transaction that makes the thing: a restore in between would give the number up before it is used.
        """
        assert self._gate.is_held(), "new_ident() belongs in the transaction that uses the ident"
        return self._idents.take()

    def drop_ident(self, table: int, ident: int) -> None:
        """Gives up an ident in a transaction of its own. RecoveryUnit.drop_ident() does so together with other changes."""
        with self.transaction() as unit:
            unit.drop_ident(table, ident)

    @property
    def is_idle(self) -> bool:
        """Whether no transaction runs."""
        return self._gate.running == 0

    @property
    def begun(self) -> int:
        """How many transactions have begun since the store was opened."""
        return self._gate.entered

    @property
    def is_checkpoint_due(self) -> bool:
        """Whether so much has been written since the last checkpoint that a start would take long to read it."""
        return not self.in_memory and self._gate.changed >= self._checkpoint_due_at

    def is_untidy(self, *, idle: bool) -> bool:
        """Whether the pages of a store in memory hold so much of what was overwritten or removed that tidy() is due.

        Arguments:
            idle: nobody works, so that little is enough.
        """
        return self._tidying is not None and self._tidying.is_due(idle=idle)

    def call_when_due(self, wake: Callable[[], object]) -> None:
        """Let the commit that makes a checkpoint or tidy() due call `wake`, once."""
        self._gate.wake_at(self._checkpoint_due_at if self._tidying is None else self._tidying.due_at, wake)

    def tidy(self, budget_ms: float) -> None:
        """Give back memory that overwritten and removed entries hold, a part at a time. For the periodic thread.

        Arguments:
            budget_ms: about how long it may take; less while others work and the memory is not needed.
        """
        assert self._tidying is not None, "only a store in memory is tidied"
        with self._purge_lock:
            if not self._closed:
                self._tidying.run(budget_ms, lambda: not self.is_idle)

    def is_crowded(self, incoming: int = 0) -> bool:
        """Whether a store in memory holds so much that was overwritten or dropped that whoever writes calls relieve() first.

        Arguments:
            incoming: how many bytes the caller is about to write, if they are many.
        """
        return self._tidying is not None and self._connection.cache_bytes + incoming > self._tidying.crowded_at

    def call_when_crowded(self, remove: Callable[[], object]) -> None:
        """Set what relieve() calls first: it removes entries that may go."""
        self._when_crowded = remove

    def relieve(self, incoming: int = 0) -> None:
        """Give back the memory of what was overwritten or dropped. The caller is about to write and has no transaction.

        Arguments:
            incoming: see is_crowded().

        The periodic thread cannot keep up with everybody. Those who leave much behind wait here, so that the store stays within bounds.

        Raises what `check_waiting` raises when this thread's operation ends before.
        """
        if self._tidying is None or self._gate.closed:
            return
        self._when_crowded()
        patience = monotonic() + _PURGE_PATIENCE
        walks = self._tidying.walks
        # Another thread may make the room while this one waits for the lock.
        going_on = self._take_purge_lock(incoming)
        while going_on:
            try:
                # Somebody else's walk may be under way; only the next one removes all that there is now.
                going_on = self._relieve_some(self._tidying, patience) and self._tidying.walks < walks + 2
            finally:
                self._purge_lock.release()
            self._check_waiting()
            going_on = going_on and self._take_purge_lock(incoming)

    def _take_purge_lock(self, incoming: int) -> bool:
        """Wait for the purge lock, as long as the store is crowded; tell whether this thread has it."""
        # Whoever has the lock may wait for the gate, and the gate's owner for this thread.
        while self.is_crowded(incoming) and not self._gate.closed:
            if self._purge_lock.acquire(timeout=_PURGE_TIMEOUT):
                if self.is_crowded(incoming):
                    return True
                self._purge_lock.release()
            self._check_waiting()
        return False

    def _relieve_some(self, tidying: Tidying, patience: float) -> bool:
        """Purge orphans, or walk, for some milliseconds; tell whether to go on. The caller has the purge lock."""
        if self._closed:
            return False
        if not self.has_orphans or monotonic() >= patience or not self._purge(_RELIEF_MS, gives_way=False):
            tidying.run(_RELIEF_MS, lambda: False)
        return tidying.is_walking or self.has_orphans or self.is_crowded()

    @property
    def has_orphans(self) -> bool:
        """Whether entries of dropped idents are left."""
        return bool(self._orphans)

    @property
    def orphan_count(self) -> int:
        """How many ranges of dropped idents are left to purge."""
        return len(self._orphans)

    def purge_orphans(self, budget_ms: float = 10.0, *, gives_way: bool = False) -> bool:
        """Removes entries of dropped idents; tells whether some are left. For the periodic thread.

        Arguments:
            budget_ms: about how long it may take.
            gives_way: it ends as soon as a transaction of somebody else runs.
        """
        if not self.has_orphans:
            return False
        if not self._purge_lock.acquire(blocking=False):
            return True
        try:
            return not self._closed and self._purge(budget_ms, gives_way)
        finally:
            self._purge_lock.release()

    @property
    def was_full(self) -> bool:
        """Whether a store in memory has refused a write and no room was made since."""
        return self._connection.was_full

    def note_removal(self) -> None:
        """Note that documents were removed: the next make_room() may walk at once."""
        self._next_sweep = 0.0

    def make_room(self, *, at_any_cost: bool = False) -> bool:
        """Give back the memory of what nobody can reach any more, for a store in memory that is full. The caller has no transaction.

        This walks over the whole store. So while writes are refused one after the other and nothing is removed, most calls do nothing.

        Arguments:
            at_any_cost: do it even if it was done a moment ago.

        Returns:
            whether it was done.
        """
        begun = monotonic()
        if not self.in_memory or not (at_any_cost or self._orphans.hold_memory or begun >= self._next_sweep):
            return False
        # A purge in another thread may wait for the gate that this thread has closed.
        if not self._purge_lock.acquire(timeout=_PURGE_TIMEOUT):
            return False
        try:
            if not self._closed:
                self._with_unit(self._orphans.reclaim)
                self._connection.was_full = False
        finally:
            self._purge_lock.release()
        now = monotonic()
        self._next_sweep = now + _SWEEP_PAUSE * (now - begun)
        return True

    def push_snapshot(self) -> Snapshot:
        """Takes a snapshot, inside those that are open. Waits until no transaction runs."""
        with self.exclusive(), self.transaction() as unit:
            return self._snapshots.push(unit, self._idents.next)

    def pop_snapshot(self, snapshot: Snapshot) -> None:
        """Ends a snapshot and keeps the store as it is; an outer snapshot knows what this one knew."""
        with self.exclusive():
            self._orphans.add(self._snapshots.pop(snapshot))

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The open snapshots, outermost first."""
        return self._snapshots.open

    def written_since(self, snapshot: Snapshot) -> bool:
        """Whether anything was written since a snapshot. Waits until no transaction runs."""
        with self.exclusive():
            return self._snapshots.written_since(snapshot, self._idents.next)

    def touched(self, snapshot: Snapshot) -> Touched:
        """What was written since the innermost snapshot. The caller has the store for himself."""
        return self._snapshots.touched(snapshot)

    def restore(self, snapshot: Snapshot) -> Restored:
        """Puts the store back to a snapshot, which stays open; those taken after it end. Waits until no transaction runs."""
        with self.exclusive():
            self._snapshots.unwind(snapshot)
            if snapshot.is_clean(self._idents.next):
                return NOTHING
            made = [IdentRange(table, snapshot.watermark, self._idents.next) for table in WITH_IDENTS]
            made = made if self._idents.next > snapshot.watermark else []
            try:
                restored = self._write_back(snapshot, made)
            except CommandError as error:
                if not self.in_memory or error.code != _OUT_OF_SPACE:
                    raise
                restored = self._write_back_when_full(snapshot, made)
            self.restores += 1
            self._snapshots.settle(snapshot, self._idents.next)
            self._orphans.add(made)
            return restored

    def _write_back(self, snapshot: Snapshot, made: list[IdentRange]) -> Restored:
        """Puts the contents back in one transaction."""
        with self.transaction() as unit:
            return write_back(unit, snapshot, made)

    def _write_back_when_full(self, snapshot: Snapshot, made: list[IdentRange]) -> Restored:
        """The same in a store that takes nothing more: for this once it may grow, for what is written back had room before."""
        self._connection.reconfigure(configuration.cache_config(self._memory_size_mb * 2).encode())
        try:
            return self._write_back(snapshot, made)
        finally:
            self._connection.reconfigure(configuration.cache_config(self._memory_size_mb).encode())

    def _purge(self, budget_ms: float, gives_way: bool) -> bool:
        """Removes orphans with a borrowed recovery unit."""
        unit = self.acquire()
        try:
            return self._orphans.purge(unit, budget_ms, lambda: gives_way and not self.is_idle)
        finally:
            self.release(unit)

    def _make_tidying(self, sweeper: RecoveryUnit) -> Tidying:
        return Tidying(sweeper, lambda: self._gate.changed, lambda: self._connection.cache_bytes, lambda: self.has_orphans)

    def _new_sweeper(self) -> RecoveryUnit:
        """A session for Orphans, which does not pass the gate; the purge lock keeps it from the closing of the store."""
        sweeper = RecoveryUnit(self._connection, self._gate, self._undo, False, self._ident_dropped)
        sweeper.rewrite_left_pages()
        return sweeper

    def _new_unit(self) -> RecoveryUnit:
        """Opens another session."""
        unit = RecoveryUnit(self._connection, self._gate, self._undo, self._sync_on_commit, self._ident_dropped)
        self._gate.units.append(unit)
        return unit

    def _with_unit(self, action: Callable[[RecoveryUnit], None]) -> None:
        """Runs a method of a borrowed recovery unit."""
        unit = self.acquire()
        try:
            action(unit)
        finally:
            self.release(unit)

    def _ident_dropped(self, dropped: IdentRange) -> None:
        """A transaction that dropped an ident has committed: its entries go now, or when no snapshot can need them."""
        innermost = self._snapshots.innermost
        if innermost is not None and dropped.low < innermost.watermark:
            innermost.deferred.append(dropped)
        else:
            self._orphans.add([dropped])
