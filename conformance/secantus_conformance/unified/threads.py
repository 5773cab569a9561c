"""The thread entities of a test. Each thread runs the operations in its queue in order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

_STOP = None
_JOIN_SECONDS = 10.0


class TestThread:
    """A thread of a test. It stores the first error of its operations, which `wait` raises."""

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
        """Wait at most ten seconds until the thread finishes; return whether it did. If an operation failed, raise its error."""
        self._work.put(_STOP)
        self._thread.join(_JOIN_SECONDS)
        if self._error is not None:
            raise self._error
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Tell the thread to stop after its current operation. Do not wait for it."""
        self._work.put(_STOP)
