"""The source lines from which commands are sent.

Just before the driver sends a message, the stack of the thread or task that runs the command contains the test's line, whichever
libraries are in between. The message's id links this line to the server's record of the command.
"""

from __future__ import annotations

import os
import struct
import sys
import sysconfig
from _thread import get_ident
from contextlib import AbstractContextManager
from pathlib import Path
from types import CodeType
from typing import Any, Final, NamedTuple

from pytest_secantus.driver import messages_noted
from secantus_server.system._stack import lines_up_to

OURS: Final = tuple(str(Path(__file__).resolve().parent.parent / name) + os.sep for name in ("pytest_secantus", "secantus_server"))
LIBRARIES: Final = tuple(sysconfig.get_paths()[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib"))
#: The maximum depth of the stack that is searched.
MAX_DEPTH: Final = 400
#: The maximum number of the project's lines that are kept of a stack that does not contain the test.
MAX_LINES: Final = 8
#: The minimum number of innermost frames that belong to the driver.
DRIVER_DEPTH: Final = 9
#: The number of values before the places in what is noted for a message: the thread, the task and whether the last line is the test's.
FIXED: Final = 3

Place = tuple[CodeType, int]
_request_id = struct.Struct("<I").unpack_from
# The kinds of files.
LIBRARY: Final = 0
PROJECT: Final = 1
TEST: Final = 2


class Lines(NamedTuple):
    """The source lines from which a command was sent.

    Arguments:
        stack: the project's lines, innermost first, up to the test's line.
        source: the test's line, or the innermost one if the test is not on the stack; None if there are no lines.
        thread: the identity of the thread; 0 if unknown.
        task: the identity of the asyncio task; 0 if there is none.
    """

    stack: tuple[str, ...]
    source: str | None
    thread: int
    task: int


def is_own(filename: str) -> bool:
    """Return whether a file belongs to the project, and not to a library, to the plugin, or to code compiled from a string."""
    if filename.startswith(("<", *OURS, *LIBRARIES)):
        return False
    return "site-packages" not in filename and "dist-packages" not in filename


def _kind_of(filename: str) -> int:
    return PROJECT if is_own(filename) else LIBRARY


def _task() -> int:
    """Return the identity of the running asyncio task, or 0."""
    asyncio = sys.modules.get("asyncio")
    loop = None if asyncio is None else asyncio._get_running_loop()
    return 0 if asyncio is None or loop is None else id(asyncio.current_task(loop))


class Sources:
    """The source lines that sent the messages of one test.

    Arguments:
        root: the directory to which paths are relative.

    Threads: any thread may send; single operations on a dictionary are atomic.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._test_file = ""
        # The kind of each file, by its name in code objects.
        self._kinds: dict[str, int] = {}
        # The path of each file relative to the root, by its name in code objects.
        self._shown_files: dict[str, str] = {}
        # For each message id: the thread, the task, whether the last line is the test's, and the project's lines on the stack, innermost
        # first, each as a code object and a line number.
        self._found: dict[int, tuple[Any, ...]] = {}

    def begin(self, test_file: str) -> None:
        """Discard all recorded lines. From now on, treat lines of this file as lines of the test."""
        if self._test_file in self._kinds:
            self._kinds[self._test_file] = PROJECT
        self._test_file = test_file
        self._kinds[test_file] = TEST
        self._found = {}

    def noted(self) -> AbstractContextManager[None]:
        """Record the source lines of all messages that are sent within the block."""
        return messages_noted(self.note)

    def note(self, message: bytes) -> None:
        """Record the source lines from which the current message is sent."""
        try:
            # One call that skips the driver's frames is cheaper than following each frame's link.
            frame = sys._getframe(DRIVER_DEPTH)
        except ValueError:
            frame = sys._getframe(2)
        found = lines_up_to(frame, self._kinds, _kind_of, TEST, MAX_LINES, MAX_DEPTH, get_ident(), _task())
        if len(found) == FIXED and (place := self._awaiting()) is not None:
            found = *found[:2], True, *place
        self._found[_request_id(message, 4)[0]] = found

    def of(self, request_id: int) -> Lines:
        """Return the project's source lines that sent a message, each as `file:line`. Return no lines if they are unknown."""
        thread, task, is_test, *places = self._found.get(request_id & 0xFFFFFFFF, (0, 0, False))
        shown = tuple(map(self._shown, places[::2], places[1::2]))
        return Lines(shown, shown[-1 if is_test else 0] if shown else None, thread, task)

    def _awaiting(self) -> Place | None:
        """Return the line where the test awaits a task that directly runs a driver coroutine, as `asyncio.gather` does, or None."""
        asyncio = sys.modules.get("asyncio")
        loop = None if asyncio is None else asyncio._get_running_loop()
        if asyncio is None or loop is None:
            return None
        for task in asyncio.all_tasks(loop):
            coroutine, place = task.get_coro(), None
            while coroutine is not None:
                frame = getattr(coroutine, "cr_frame", None)
                if frame is not None and frame.f_code.co_filename == self._test_file:
                    place = frame.f_code, frame.f_lineno
                coroutine = getattr(coroutine, "cr_await", None)
            if place is not None:
                return place
        return None

    def _shown(self, code: CodeType, line: int) -> str:
        shown = self._shown_files.get(code.co_filename)
        if shown is None:
            path = Path(code.co_filename)
            shown = (path.relative_to(self._root) if path.is_relative_to(self._root) else path).as_posix()
            self._shown_files[code.co_filename] = shown
        return f"{shown}:{line}"
