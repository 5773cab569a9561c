"""Thread entities. Each waits for operations and runs them in order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

_STOP = None
_JOIN_SECONDS = 10.0


class TestThread:
    """A thread of a test. It keeps the first error of its operations until `wait` raises it."""

    __test__ = False

    def __init__(self, name: str) -> None:
        self.name = name
        self._work: queue.Queue[Callable[[], object] | None] = queue.Queue()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (work := self._work.get()) is not _STOP:
            if self._error is None:
                self._attempt(work)

    def _attempt(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  (kept for the test that waits for this thread)
            self._error = error

    def schedule(self, work: Callable[[], object]) -> None:
        """Add an operation to the thread's queue."""
        self._work.put(work)

    def wait(self) -> bool:
        """Let the thread finish. Return whether it did within ten seconds. Raise the first error of its operations, if any."""
        self._work.put(_STOP)
        self._thread.join(_JOIN_SECONDS)
        if self._error is not None:
            raise self._error
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Stop the thread after its current operation, without waiting."""
        self._work.put(_STOP)
