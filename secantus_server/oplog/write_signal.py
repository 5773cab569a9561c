"""Notifies readers of the oplog and readers of capped collections about commits on the namespaces that they read.

A reader has a `Watch` on a namespace. The reader arms the watch, reads, and waits if it has found nothing. Any commit on the namespace
after the watch was armed ends the wait. Idle readers do not slow down writers, because a commit only checks armed watches on its
namespace.

A reader can also leave a `Waiter` at its watch. The committing thread then answers the waiter's client itself, which saves a change of
threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from secantus_server.bson import decode
from secantus_server.system._threads import Lock

# The maximum number of collections whose namespaces are cached by identity.
_MAX_NAMES = 4096
#: The maximum number of waiters that one commit answers. Answering more of them would delay the writer.
MOST_CLAIMED: Final = 2
#: The maximum number of changes that a watch keeps.
MOST_KEPT: Final = 16
#: The maximum size of the document of a kept change. A client that has left its stream open must not hold much memory.
MOST_KEPT_BYTES: Final = 16384

# A change of a document: its time as a 64-bit number, the wall clock time in milliseconds, the BSON document of the collection's `ns` and
# `ui`, and the change itself (see `oplog.Change`).
KeptChange = tuple[int, int, bytes, Any]


class Waiter(Protocol):
    """A command that waits for a commit, and that the committing thread can answer."""

    def wake(self) -> None:
        """Wake the command's thread, which continues the command."""


class Claims:
    """The waiters that a commit of one change has found. The committing thread must answer or wake each of them.

    Attributes:
        waiters: the waiters, which no longer wait at their watches.
        change: the change.
    """

    __slots__ = ("change", "waiters")

    def __init__(self) -> None:
        self.waiters: list[Waiter] = []
        self.change: KeptChange = (0, 0, b"", None)

    def take(self, watch: Watch) -> bool:
        """Claim the waiter of a watch, or let the watch keep the change. Return False if the watch must be notified instead."""
        waiter, kept = watch.waiter, watch.kept
        if waiter is not None:
            if len(self.waiters) == MOST_CLAIMED:
                # Do not keep the change: nothing would end the wait, and the answer with the next change would skip this one.
                return False
            watch.waiter = None
            self.waiters.append(waiter)
            return True
        if kept is None or len(kept) == MOST_KEPT or len(self.change[3][1]) > MOST_KEPT_BYTES:
            return False
        kept.append(self.change)
        return True


class Watch:
    """Notifies a reader of commits on one namespace. Only one thread at a time uses a watch.

    Threads: the signal's lock guards `stale`, `waiter` and `kept`. The lock `_woken` is held while the watch is armed and no commit has
    happened. Releasing `_woken` ends a wait.

    Arguments:
        signal: the signal to register with.
        db: the database, or "" for all databases.
        name: the collection, or "" for the whole database.
    """

    __slots__ = ("_signal", "_woken", "db", "kept", "name", "stale", "waiter")

    def __init__(self, signal: WriteSignal, db: str = "", name: str = "") -> None:
        self._signal = signal
        self._woken = Lock()
        self.db = db
        self.name = name
        #: Whether something may have been written since the watch was armed.
        self.stale = True
        #: The command that waits for a commit without a call of `wait`, or None.
        self.waiter: Waiter | None = None
        #: The changes since the last answer of a waiter, so that the reader's next command need not read them; None after other commands.
        self.kept: list[KeptChange] | None = None

    def arm(self) -> None:
        """Start to watch for commits. Call this before reading, so that no commit is missed."""
        self._signal.arm(self)

    def wait(self, timeout_s: float) -> bool:
        """Block until a commit has happened since the watch was armed, or `wake` is called. Return False on timeout."""
        if not self._woken.acquire(timeout=max(timeout_s, 0)):
            return False
        self._woken.release()
        return True

    def wake(self) -> None:
        """Wake the thread that waits on this watch."""
        self._signal.disarm(self)

    close = wake

    def leave_waiter(self, waiter: Waiter) -> list[KeptChange] | None:
        """Let a command wait for the next commit.

        Returns:
            an empty list if the command waits; otherwise the changes since the last answer, or None if there may have been any change.
        """
        return self._signal.leave_waiter(self, waiter)

    def keep(self) -> None:
        """Begin to keep changes, unless there may have been one since `arm`."""
        self._signal.keep(self)

    def settle(self) -> None:
        """Stop keeping changes. If there were any, the watch has been notified of a commit."""
        self._signal.settle(self)

    def withdraw(self, waiter: Waiter) -> bool:
        """End the wait of a command. Return False if another thread has claimed the waiter, and thus answers or wakes it."""
        return self._signal.withdraw(self, waiter)

    def hold(self) -> None:
        """Mark the watch as armed and not notified. The caller must hold the signal's lock."""
        self.kept = None
        if self.stale:
            self._woken.acquire(blocking=False)
            self.stale = False

    def spring(self) -> None:
        """Mark the watch as notified of a commit, and wake its waiting thread. The caller must hold the signal's lock."""
        if not self.stale:
            self.stale = True
            self._woken.release()
            self.kept = None
            waiter, self.waiter = self.waiter, None
            if waiter is not None:
                waiter.wake()


class WriteSignal:
    """The registry of a server's armed watches, which notifies them of commits.

    Threads: `_lock` guards `_armed` and the watches in it. After a commit, the writer checks without the lock whether `_armed` is empty.
    No change is missed. If a watch is armed after this check, its reader reads after the commit and therefore sees the changes.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        # Database -> collection -> watches; "" means all.
        self._armed: dict[str, dict[str, dict[Watch, None]]] = {}
        self._names: dict[bytes, tuple[str, str]] = {}
        self._closed = False

    def watch(self, db: str = "", name: str = "") -> Watch:
        """Return a watch on a collection, on a database, or on everything."""
        return Watch(self, db, name)

    @property
    def is_watched(self) -> bool:
        """Return whether any watch is armed."""
        return bool(self._armed)

    def arm(self, watch: Watch) -> None:
        """Register an armed watch; see `Watch.arm`."""
        with self._lock:
            if self._closed:
                watch.spring()
                return
            watch.hold()
            self._armed.setdefault(watch.db, {}).setdefault(watch.name, {})[watch] = None

    def disarm(self, watch: Watch) -> None:
        """Remove an armed watch and end its wait."""
        with self._lock:
            names = self._armed.get(watch.db, {})
            names.get(watch.name, {}).pop(watch, None)
            self._forget_if_empty(watch.db, watch.name)
            watch.spring()

    def leave_waiter(self, watch: Watch, waiter: Waiter) -> list[KeptChange] | None:
        """Leave a waiter at an armed watch; see `Watch.leave_waiter`."""
        with self._lock:
            if watch.stale:
                return None
            assert watch.waiter is None, "one command at a time uses a watch"
            kept, watch.kept = watch.kept, []
            if kept:
                return kept
            watch.waiter = waiter
        return []

    def keep(self, watch: Watch) -> None:
        """Begin to keep changes for a watch; see `Watch.keep`."""
        with self._lock:
            if not watch.stale:
                watch.kept = []

    def settle(self, watch: Watch) -> None:
        """Stop keeping changes for a watch; see `Watch.settle`."""
        with self._lock:
            kept, watch.kept = watch.kept, None
        if kept:
            self.disarm(watch)

    def withdraw(self, watch: Watch, waiter: Waiter) -> bool:
        """Remove a waiter from its watch; see `Watch.withdraw`."""
        with self._lock:
            if watch.waiter is not waiter:
                return False
            watch.waiter = None
        return True

    def publish(self, commands: Iterable[Any], writes: Sequence[tuple[bytes, Any]], claims: Claims | None = None) -> None:
        """Notify the watches of a commit. Call this after the commit, and before the commit's timestamp becomes the newest timestamp.

        Arguments:
            commands: the changes of collections and databases; their `namespace` is "db.$cmd".
            writes: the changes of documents, each with the BSON document of the collection's `ns` and `ui`.
            claims: collects the waiters that the caller answers, if the commit consists of one change; None notifies them like all others.
        """
        armed = self._armed
        if not armed:
            return
        for identity, changes in writes:
            if changes:
                db, name = self._namespace(identity)
                # Most armed watches are on other collections, so check without the lock first.
                names = armed.get(db)
                if "" in armed or (names is not None and (name in names or "" in names)):
                    self._spring(db, name, claims)
        for command in commands:
            self._spring_database(command.namespace.partition(".")[0])

    def publish_all(self) -> None:
        """Notify all watches of a commit that may affect any namespace."""
        with self._lock:
            self._spring_everything()

    def close(self) -> None:
        """Wake all waiting threads. Later waits return immediately."""
        with self._lock:
            self._closed = True
            self._spring_everything()

    def _namespace(self, identity: bytes) -> tuple[str, str]:
        known = self._names.get(identity)
        if known is None:
            db, _, name = decode(identity)["ns"].partition(".")
            if len(self._names) >= _MAX_NAMES:
                self._names.clear()
            known = self._names[identity] = (db, name)
        return known

    def _spring(self, db: str, name: str, claims: Claims | None) -> None:
        with self._lock:
            for place in (("", ""), (db, ""), (db, name)):
                names = self._armed.get(place[0])
                watches = None if names is None else names.pop(place[1], None)
                if watches is not None:
                    claimed: dict[Watch, None] = {}
                    for watch in watches:
                        if claims is not None and claims.take(watch):
                            claimed[watch] = None
                        else:
                            watch.spring()
                    if names is not None and claimed:
                        # These watches remain armed: whoever answers their waiters also advances their readers.
                        names[place[1]] = claimed
                    self._forget_if_empty(*place)

    def _spring_database(self, db: str) -> None:
        with self._lock:
            for place in ("", db):
                for watches in self._armed.pop(place, {}).values():
                    for watch in watches:
                        watch.spring()

    def _spring_everything(self) -> None:
        for names in self._armed.values():
            for watches in names.values():
                for watch in watches:
                    watch.spring()
        self._armed.clear()

    def _forget_if_empty(self, db: str, name: str) -> None:
        names = self._armed.get(db)
        if names is None:
            return
        if not names.get(name, True):
            del names[name]
        if not names:
            del self._armed[db]
