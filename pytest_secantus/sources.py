"""The source lines from which commands are sent.

Just before the driver sends a message, the stack of the thread or task that runs the command contains the test's line, whichever
libraries are in between. The message's id links this line to the server's record of the command.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, Final

from pytest_secantus.driver import messages_noted
from secantus_server.dispatch.interceptors import OF_DRIVERS
from secantus_server.system._stack import Stacks, line_of, position_in

if TYPE_CHECKING:
    from secantus_server.work._command_records import CommandRecord

OURS: Final = tuple(str(Path(__file__).resolve().parent.parent / name) + os.sep for name in ("pytest_secantus", "secantus_server"))
# Where installers put scripts; Debian's own interpreter uses `local`.
_SCRIPTS: Final = tuple(Path(sys.prefix) / name for name in ("bin", "Scripts", "local/bin"))
#: The directories of the standard library and of scripts. The module `sysconfig` would take two milliseconds to find them.
LIBRARIES: Final = tuple(f"{directory}{os.sep}" for directory in (Path(os.__file__).parent, *_SCRIPTS))
#: The minimum number of innermost frames that belong to the driver.
DRIVER_DEPTH: Final = 7
Place = tuple[CodeType, int]
# The kinds of files.
LIBRARY: Final = 0
PROJECT: Final = 1
TEST: Final = 2


def is_own(filename: str) -> bool:
    """Return whether a file belongs to the project, and not to a library, to the plugin, or to code compiled from a string."""
    if filename.startswith(("<", *OURS, *LIBRARIES)):
        return False
    return "site-packages" not in filename and "dist-packages" not in filename


class Sources:
    """The source lines that sent the messages of tests.

    Arguments:
        root: the directory to which paths are relative.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._test_file = ""
        #: The number of messages noted before the running test.
        self.first = 0
        # The kind of each file, by its name in code objects.
        self._kinds: dict[str, int] = {}
        # The path of each file relative to the root, by its name in code objects.
        self._shown_files: dict[str, str] = {}
        # The task of the test's line that `_awaiting` found last.
        self._awaiting_task: weakref.ref[Any] | None = None
        # The log has no entries for the commands that drivers send on their own.
        of_drivers = tuple(name.encode() + b"\x00" for name in OF_DRIVERS)
        self._stacks = Stacks(self._kind_of, TEST, self._awaiting, DRIVER_DEPTH, self._shown, of_drivers)

    @property
    def count(self) -> int:
        """The number of messages noted since the last `clear`."""
        return self._stacks.count

    def clear(self) -> None:
        """Discard all recorded lines."""
        self._stacks.clear()

    def begin(self, test_file: str) -> None:
        """From now on, treat lines of this file as lines of the test."""
        self.first = self._stacks.count
        if test_file != self._test_file:
            if self._test_file in self._kinds:
                self._kinds[self._test_file] = PROJECT
            self._test_file = test_file
            self._kinds[test_file] = TEST
            self._stacks.forget_kinds()

    def noted(self) -> AbstractContextManager[None]:
        """Record the source lines of all messages that are sent within the block."""
        return messages_noted(self._stacks.note)

    def attribute(self, records: Iterable[CommandRecord], first: int, last: int) -> None:
        """Set the source lines, the thread and the task of each record, if they were noted when its command was sent.

        The lines are the project's, each as `file:line`, innermost first. The test's line is the source, or the innermost one if the test
        is not on the stack.

        Arguments:
            first, last: the range of messages to search, as values of `count`.
        """
        of = self._stacks.of
        for record in records:
            noted = of(record.request_id, first, last)
            if noted is not None:
                record.thread, record.task, is_test, record.stack = noted
                if record.stack:
                    record.source = record.stack[-1 if is_test else 0]

    def _kind_of(self, filename: str) -> int:
        """Return the kind of a file."""
        kind = self._kinds.get(filename)
        if kind is None:
            kind = self._kinds[filename] = PROJECT if is_own(filename) else LIBRARY
        return kind

    def _awaiting(self) -> Place | None:
        """Return the line where the test awaits a task that directly runs a driver coroutine, as `asyncio.gather` does, or None."""
        asyncio = sys.modules.get("asyncio")
        loop = None if asyncio is None else asyncio._get_running_loop()
        if asyncio is None or loop is None:
            return None
        # asyncio.all_tasks takes a large part of the time of a logged command. In most tests one task awaits all others.
        last = None if self._awaiting_task is None else self._awaiting_task()
        if last is not None and last.get_loop() is loop and not last.done() and (place := self._awaited_in(last)) is not None:
            return place
        for task in asyncio.all_tasks(loop):
            place = self._awaited_in(task)
            if place is not None:
                self._awaiting_task = weakref.ref(task)
                return place
        return None

    def _awaited_in(self, task: Any) -> Place | None:
        """Return the innermost line of the test at which a task awaits a coroutine or future, or None."""
        coroutine, place = task.get_coro(), None
        while coroutine is not None:
            frame = getattr(coroutine, "cr_frame", None)
            if frame is not None and frame.f_code.co_filename == self._test_file:
                place = frame.f_code, position_in(frame)
            coroutine = getattr(coroutine, "cr_await", None)
        return place

    def _shown(self, code: CodeType, position: int) -> str:
        """Return a line as `file:line`."""
        shown = self._shown_files.get(code.co_filename)
        if shown is None:
            path = Path(code.co_filename)
            shown = (path.relative_to(self._root) if path.is_relative_to(self._root) else path).as_posix()
            self._shown_files[code.co_filename] = shown
        return f"{shown}:{line_of(code, position)}"
