"""The option ``secantus_thread_guard``: warn about a thread that still writes after its test has ended, and name that test.

pymongo calls a listener in the thread that runs a command. At the end of each test, the threads that the test has started but not stopped
are recorded. If one of these threads writes later, a warning is issued in the test that is running at that time.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary, WeakSet

import pytest

if TYPE_CHECKING:
    from pymongo.monitoring import CommandStartedEvent

#: The commands that write.
WRITES: Final = frozenset(["insert", "update", "delete", "findAndModify", "bulkWrite", "create", "createIndexes", "drop", "dropDatabase"])
#: The functions in which an idle thread of a pool waits, each with the end of its file's name.
IDLE: Final = (("concurrent/futures/thread.py", "_worker"), ("multiprocessing/pool.py", "worker"), ("anyio/_backends/_asyncio.py", "run"))


class LeftThreadWarning(pytest.PytestWarning):
    """The warning about a write from a thread that an earlier test left running."""


class ThreadGuard:
    """The threads that each test left running, and the later writes of these threads.

    Threads: any thread calls `note_write`; the containers' single operations are atomic.
    """

    def __init__(self) -> None:
        self._left: WeakKeyDictionary[threading.Thread, str] = WeakKeyDictionary()
        self._known: WeakSet[threading.Thread] = WeakSet(threading.enumerate())
        self._messages: dict[str, None] = {}
        self._is_over = False

    def register(self) -> None:
        """Register the listener for all clients that are created from now on. It cannot be unregistered, because pymongo cannot remove a
        listener.
        """
        from pymongo import monitoring

        guard = self

        class Listener(monitoring.CommandListener):
            def started(self, event: CommandStartedEvent) -> None:
                if event.command_name in WRITES:
                    target = event.command.get(event.command_name)
                    place = f"{event.database_name}.{target}" if isinstance(target, str) else event.database_name
                    guard.note_write(event.command_name, place)

            def succeeded(self, event: object) -> None:
                pass

            def failed(self, event: object) -> None:
                pass

        monitoring.register(Listener())

    def close(self) -> None:
        """Stop recording writes."""
        self._is_over = True

    def note_write(self, command: str, target: str) -> None:
        """Record a write, if an earlier test left the current thread running."""
        thread = threading.current_thread()
        if not self._is_over and (test := self._left.get(thread)) is not None:
            self._messages[
                f"the thread {thread.name!r}, which {test} has left running, has written to {target} ({command}) during this test; "
                f"join it at the end of {test.rpartition('::')[2]}, or start it in a fixture with a wider scope"
            ] = None

    def end_test(self, test: str) -> list[str]:
        """Record the threads that a test has left running. Return messages about writes from threads that earlier tests left running.

        Arguments:
            test: the node id.
        """
        messages, self._messages = list(self._messages), {}
        frames = sys._current_frames()
        for thread in threading.enumerate():
            if thread not in self._known and not is_idle(frames.get(thread.ident or 0)):
                self._left[thread] = test
                self._known.add(thread)
        return messages

    @contextmanager
    def wider(self) -> Generator[None]:
        """Exempt threads that start within the block from the guard, because they belong to a fixture that outlives the test."""
        before = set(threading.enumerate())
        try:
            yield
        finally:
            for thread in set(threading.enumerate()) - before:
                self._known.add(thread)


def is_idle(frame: FrameType | None) -> bool:
    """Return whether a thread is waiting for work in a thread pool."""
    inner = True
    while frame is not None:
        code = frame.f_code
        if any(code.co_filename.endswith(file) and code.co_name == function for file, function in IDLE):
            return inner
        inner = inner and code.co_filename.endswith(("queue.py", "threading.py"))
        frame = frame.f_back
    return False
