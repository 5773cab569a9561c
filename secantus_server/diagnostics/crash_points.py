"""Named points in the code at which a test can kill the process (as `kill -9` does) or call a function of the test.

If the environment variable `SECANTUS_CRASH_AT=name:n` is set, the process is killed when it reaches the point `name` for the n-th time
(by default the first time). A test in the same process calls `watch` instead. If neither is used, a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Final

VARIABLE: Final = "SECANTUS_CRASH_AT"
#: The points by name, each with a description of the store's state at the point.
POINTS: Final = {
    "catalog-write": "A change of the catalog has been written in its transaction, which has not been committed.",
    "catalog-commit": "A change of the catalog has been committed, and memory still has the old one.",
    "index-build": "All entries of new indexes have been written, and the catalog does not know the indexes.",
    "purge": "A batch of entries of a dropped collection or index has been removed, and is not committed.",
    "checkpoint-begin": "A checkpoint is about to be written.",
    "checkpoint-end": "A checkpoint has been written, and the marks of the log do not tell.",
    "restore": "A snapshot has been written back, and is not committed.",
    "restore-commit": "A snapshot has been restored in the store, and memory still has the later state.",
    "put-back": "Changes that were set aside are about to be written again.",
}

Watcher = Callable[[str], object]


class Countdown:
    """A hook that kills the process at a crash point.

    Arguments:
        text: the point's name. It may be followed by a colon and a number n, to kill the process when it reaches the point for the n-th
            time.

    Raises:
        ValueError: if there is no such point or the number is not positive.
    """

    def __init__(self, text: str) -> None:
        self._name, _, times = text.partition(":")
        if self._name not in POINTS or not (times or "1").isdecimal() or times == "0":
            raise ValueError(f"{VARIABLE}={text} is not a crash point and a positive number, such as catalog-write:2.")
        self._left = int(times or "1")

    def __call__(self, name: str) -> None:
        """Count how often the point was reached, and kill the process at the configured count."""
        if name == self._name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


# The function that is called at each point. It is global to the process, like the environment variable.
_watcher: Watcher | None = Countdown(os.environ[VARIABLE]) if VARIABLE in os.environ else None


def watch(watcher: Watcher | None) -> None:
    """Set the function to call with the name of each crash point that any thread reaches. None removes the function."""
    global _watcher
    _watcher = watcher


def reach(name: str) -> None:
    """Report that the calling thread has reached a crash point: call the function set with `watch`, if any."""
    if _watcher is not None:
        _watcher(name)
