"""The thread for periodic work. It removes expired documents (TTL), idle cursors and sessions, old oplog entries and dropped data. It
also writes checkpoints and interrupts reads whose clients have disconnected.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from secantus_server.bson import encode
from secantus_server.dispatch.parameters import parameter_value
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.modules import import_late
from secantus_server.sessions.retry_rows import remove
from secantus_server.storage import StorageError
from secantus_server.system._clock import monotonic
from secantus_server.system._threads import Thread
from secantus_server.system.conditions import Event

if TYPE_CHECKING:
    from secantus_server.backup.segments import OplogArchive

# The interval at which the thread checks for due work while there is no dropped data to purge.
TICK_S = 1.0
MINUTE_S = 60.0
# Dropped data is purged while the server is idle: no command ran since the last check. These are the pause between two checks of a busy
# server, that between two purges of an idle one, and the time budget of such a purge.
PURGE_PAUSE_S = 0.05
IDLE_PAUSE_S = 0.002
IDLE_BUDGET_MS = 5.0
# The limits beyond which the thread purges dropped data while commands run: the seconds since there has been such data, the bytes that
# commands have written meanwhile, and the number of dropped ranges. Each purge takes the GIL from the commands and their data from the
# processor's caches, so a few large purges cost less than many small ones. The amount that a purge removes grows with the excess, so that
# purging keeps up with commands that drop more than it removes.
PURGE_PATIENCE_S = 1.0
PURGE_AFTER_BYTES = 1 << 20
MANY_ORPHANS = 128
PURGE_BUDGET_MS = 5.0
LONGEST_PURGE_MS = 100.0
# The maximum wait for documents that an open transaction has written, when expired documents are removed at once because a test has moved
# the clock.
MOVE_PATIENCE_S = 1.0
# The pause between, and the time budget of, the steps in which overwritten data is reclaimed. `storage/tidying.py` decides whether a step
# makes way for commands.
TIDY_PAUSE_S = 0.004
TIDY_BUDGET_MS = 4.0


def delete_expired(services: Services, check: Callable[[], None]) -> None:
    """Delete the expired documents of all collections. The module that does so imports the planner, and most servers stop before."""
    import_late("secantus_server.work.ttl").delete_expired(services, check)


class Interrupted(CommandError):
    """Raised if removing expired documents has waited too long for an open transaction."""

    def __init__(self) -> None:
        super().__init__(11601, "the pass over expired documents does not wait for an open transaction")


def expire(services: Services) -> None:
    """Expire everything that is due after a test has moved the clock. Run in the calling thread.

    Expire transactions, cursors and sessions first, because they may use documents that expire. A document that an open transaction has
    written does not expire before the transaction ends.
    """
    services.sessions.transactions.abort_expired(services.clock.elapsed())
    close_idle_cursors(services)
    services.end_expired_sessions()
    patience = monotonic() + MOVE_PATIENCE_S

    def check() -> None:
        if services.sessions.transactions.open and monotonic() > patience:
            raise Interrupted

    with suppress(Interrupted):
        delete_expired(services, check)


def close_idle_cursors(services: Services) -> None:
    """Close the cursors that have been idle longer than the timeout."""
    services.cursors.close_idle(parameter_value(services, "cursorTimeoutMillis") / 1000)


class Periodic:
    """The thread that runs a server's periodic work until it is stopped.

    Arguments:
        services: the server's services.
        check_clients: closes overdue connections, and interrupts reads and waiting hellos whose clients have disconnected.
        oplog_archive: the archive of the oplog, or None.

    Threads: `_wake` interrupts the thread's sleep, and `_stopping` terminates the thread. Only this thread uses the other attributes.
    """

    def __init__(self, services: Services, check_clients: Callable[[], None], oplog_archive: OplogArchive | None = None) -> None:
        self._services = services
        self._oplog_archive = oplog_archive
        self._check_clients = check_clients
        self._wake = Event()
        self._stopping = False
        self._thread = Thread(self._run, name="secantus-periodic")
        # When each kind of work was last done. Times of next runs are not stored, because setParameter may change the intervals.
        self._done_at = dict.fromkeys(("ttl", "checkpoint", "cursors", "minute", "noop", "oplog archive"), services.clock.monotonic())
        # The time since which there has been dropped data to purge (None if there is no such data), and the bytes written until then.
        self._put_off_at: float | None = None
        self._written_before = 0
        # The operation time when a no-op was last due.
        self._quiet_since = services.oplog.newest
        # The number of transactions that had begun by the end of the last check, the thread's own included.
        self._begun = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Request that the thread terminates after its current work."""
        self._stopping = True
        self._wake.set()

    def stop(self) -> None:
        """Stop the thread and wait until it has terminated."""
        self.ask_to_stop()
        self._thread.join()
        if self._oplog_archive is not None:
            try:
                self._oplog_archive.archive()
            except CommandError as error:
                self._services.log.error(f"the oplog cannot be archived: {error.message}", component="STORAGE")

    def _run(self) -> None:
        pause = TICK_S
        while not self._stopping:
            if pause == TICK_S:
                self._services.engine.call_when_due(self._wake.set)
            self._wake.wait(pause)
            self._wake.clear()
            if self._stopping:
                return
            try:
                pause = self._work()
            except CommandError as error:
                pause = TICK_S
                if self._stopping:
                    return
                if isinstance(error, StorageError) and error.fatal:
                    self._services.fail(error)
                    return
                self._services.log.error(f"periodic work: {error.message}", component="STORAGE")
            except Exception as error:  # noqa: BLE001 - one failed pass must not be the last; it is logged.
                pause = TICK_S
                self._services.log.error("internal error in periodic work", error, component="STORAGE")

    def _work(self) -> float:
        """Run all work that is due, and return the seconds until the next check."""
        services = self._services
        now = services.clock.monotonic()
        is_idle = services.engine.is_untouched(self._begun)
        self._check_clients()
        services.sessions.transactions.abort_expired(services.clock.elapsed())
        services.history.expire()
        if services.fsync_lock.is_held:
            return TICK_S
        if self._is_due("ttl", now, parameter_value(services, "ttlMonitorSleepSecs")):
            delete_expired(services, self._check)
        if self._is_due("checkpoint", now, parameter_value(services, "syncdelay")) or services.engine.is_checkpoint_due:
            services.engine.checkpoint()
        if self._is_due("cursors", now, parameter_value(services, "clientCursorMonitorFrequencySecs")):
            close_idle_cursors(services)
        if self._is_due("noop", now, parameter_value(services, "periodicNoopIntervalSecs")):
            self._write_noop()
        self._archive_oplog(now)
        if self._is_due("minute", now, MINUTE_S):
            services.end_expired_sessions()
            if forgotten := services.sessions.retries.take_forgotten():
                remove(services.engine, forgotten)
            services.oplog.trim()
        else:
            services.oplog.trim_if_large()
        pause = min(self._purge(now, is_idle), self._tidy(is_idle))
        self._begun = services.engine.begun
        return pause

    def _archive_oplog(self, now: float) -> None:
        """Archive new oplog entries if the archive interval has passed, or if the oplog is so large that old entries are about to be
        removed.
        """
        services, archive = self._services, self._oplog_archive
        if archive is None:
            return
        if self._is_due("oplog archive", now, services.settings.oplog_archive_interval_s) or services.oplog.is_large:
            archive.archive()

    def _write_noop(self) -> None:
        """Advance the operation time of a replica set if there were no writes since the last call.

        https://www.mongodb.com/docs/manual/reference/parameters/#mongodb-parameter-param.writePeriodicNoops
        """
        services = self._services
        if services.settings.replica_set and services.oplog.newest == self._quiet_since and parameter_value(services, "writePeriodicNoops"):
            services.oplog.write_note(encode({"msg": "periodic noop"}))
        self._quiet_since = services.oplog.newest

    def _tidy(self, is_idle: bool) -> float:
        """Reclaim the memory of overwritten data, and return the seconds until the next check.

        Arguments:
            is_idle: whether no command has run since the last check.
        """
        engine = self._services.engine
        if not engine.is_untidy(idle=is_idle):
            return TICK_S
        engine.tidy(TIDY_BUDGET_MS)
        return TIDY_PAUSE_S

    def _is_due(self, work: str, now: float, interval_s: float) -> bool:
        """Return whether work of a certain kind is due. If it is due, record that it is done now."""
        if now < self._done_at[work] + interval_s:
            return False
        self._done_at[work] = now
        return True

    def _check(self) -> None:
        """Raise an error if the thread was requested to stop.

        Raises:
            CommandError: 11600 if the thread was requested to stop.
        """
        if self._stopping:
            raise CommandError(11600, "interrupted at shutdown")

    def _purge(self, now: float, is_idle: bool) -> float:
        """Delete the data of dropped collections and indexes, preferably while the server is idle. Return the seconds until the next
        check.

        Arguments:
            is_idle: whether no command has run since the last check.
        """
        engine = self._services.engine
        if not engine.has_orphans:
            self._put_off_at = None
            return TICK_S
        if self._put_off_at is None:
            self._put_off_at, self._written_before = now, engine.bytes_changed
        if is_idle:
            engine.purge_orphans(IDLE_BUDGET_MS, gives_way=True)
            return IDLE_PAUSE_S
        written = engine.bytes_changed - self._written_before
        waited_s = now - self._put_off_at
        pressure = max(waited_s / PURGE_PATIENCE_S, written / PURGE_AFTER_BYTES, engine.orphan_count / MANY_ORPHANS)
        if pressure >= 1:
            engine.purge_orphans(min(PURGE_BUDGET_MS * pressure**3, LONGEST_PURGE_MS))
        return PURGE_PAUSE_S
