"""The interface to the library `failing_calls.c`, which is preloaded into a program and makes one system or allocation call fail."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Final

from secantus_server.storage.wiredtiger import _binding
from tests.power.file_system import compiled

SOURCE: Final = "failing_calls.c"
#: The kinds of calls, in the order of the library.
KINDS: Final = ("sync", "read", "write", "space", "name", "memory")
_LOADED: Final = "SECANTUS_FAILING_CALLS"


class _State(ctypes.Structure):
    _fields_ = [
        ("calls", ctypes.c_long * len(KINDS)),
        ("kind", ctypes.c_long),
        ("at", ctypes.c_long),
        ("failed", ctypes.c_long),
        ("kept", ctypes.c_long),
    ]


def with_library() -> dict[str, str]:
    """Return the environment variables with which to start a program that uses FailingCalls."""
    library = str(compiled(SOURCE))
    return {**os.environ, "LD_PRELOAD": library, _LOADED: library}


class FailingCalls:
    """The preloaded library in this process and in its forks. The process must have been started with the library."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ[_LOADED])
        self._library.failing_state.restype = ctypes.POINTER(_State)
        self._state: _State = self._library.failing_state().contents
        low, high = _addresses(_binding.__file__)
        self._library.failing_range(ctypes.c_size_t(low), ctypes.c_size_t(high))

    def begin(self, store: Path, kind: str, at: int) -> None:
        """Reset the counts of the calls on a store, and make call number `at` of a kind fail. If `at` is 0, no call fails."""
        self._library.failing_begin(os.fsencode(store), ctypes.c_long(KINDS.index(kind)), ctypes.c_long(at))

    @property
    def failed(self) -> bool:
        """Whether the call has already failed."""
        return bool(self._state.failed)

    @property
    def kept(self) -> int:
        """The number of allocations by the storage engine since `begin` that have not been freed."""
        return int(self._state.kept)

    def calls(self, kind: str) -> int:
        """Return the number of calls of the given kind since `begin`."""
        return int(self._state.calls[KINDS.index(kind)])


def _addresses(module: str) -> tuple[int, int]:
    """Return the lowest and the highest address of a compiled module's code."""
    lines = [line for line in Path("/proc/self/maps").read_text(encoding="ascii").splitlines() if line.endswith(Path(module).name)]
    bounds = [int(bound, 16) for line in lines if " r-xp " in line for bound in line.split()[0].split("-")]
    return min(bounds), max(bounds)


def restart_with_library(module: str) -> None:
    """Restart this program with the library preloaded, unless it is loaded already."""
    if _LOADED not in os.environ:
        os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], with_library())
