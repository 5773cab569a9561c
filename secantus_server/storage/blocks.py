"""The blocks of code that need a transaction of a store or exclusive access to it.

They are classes, because generators as context managers take two to three microseconds longer, of which a restore would have five.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from secantus_server.storage._gate import Gate
from secantus_server.storage._unit import RecoveryUnit
from secantus_server.storage.waiting import Waits
from secantus_server.system._threads import RLock


class TransactionBlock:
    """A transaction. It commits at the end of the block and rolls back on an exception.

    Arguments:
        acquire, release: see the methods of `Engine`.
    """

    __slots__ = ("_acquire", "_release", "_unit")

    def __init__(self, acquire: Callable[[], RecoveryUnit], release: Callable[[RecoveryUnit], None]) -> None:
        self._acquire = acquire
        self._release = release

    def __enter__(self) -> RecoveryUnit:
        unit = self._unit = self._acquire()
        try:
            unit.begin()
        except BaseException:
            self._release(unit)
            raise
        return unit

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            if kind is None:
                self._unit.commit()
        finally:
            self._release(self._unit)


class ExclusiveAccess:
    """Exclusive access to a store, which one thread at a time has. Its calls of `enter` may be nested.

    Arguments:
        gate, waits: those of the store.
    """

    def __init__(self, gate: Gate, waits: Waits) -> None:
        self.lock = RLock()
        self._gate = gate
        self._waits = waits
        self._depth = 0

    def enter(self, timeout: float | None, *, aborts_idle: bool) -> None:
        """Wait until no transaction is running, and block new ones until `leave`.

        Arguments:
            timeout, aborts_idle: see `Engine.exclusive`.

        Raises:
            StorageError, AssertionError: see `Engine.exclusive`. The caller then has no exclusive access.
        """
        if not self.lock.acquire(blocking=False):
            self._waits.acquire(self.lock)
        try:
            if self._depth == 0:
                self._gate.close(timeout)
        except BaseException:
            self.lock.release()
            raise
        self._depth += 1
        if aborts_idle:
            try:
                self._gate.abort_idle()
            except BaseException:
                self.leave()
                raise

    def leave(self) -> None:
        """End the latest call of `enter`."""
        self._depth -= 1
        try:
            if self._depth == 0:
                self._gate.open()
        finally:
            self.lock.release()


class ExclusiveBlock:
    """A block with exclusive access to a store.

    Arguments:
        timeout, aborts_idle: see `Engine.exclusive`.
    """

    __slots__ = ("_aborts_idle", "_access", "_timeout")

    def __init__(self, access: ExclusiveAccess, timeout: float | None, *, aborts_idle: bool) -> None:
        self._access = access
        self._timeout = timeout
        self._aborts_idle = aborts_idle

    def __enter__(self) -> None:
        self._access.enter(self._timeout, aborts_idle=self._aborts_idle)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._access.leave()
