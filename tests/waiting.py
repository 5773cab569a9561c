"""Waiting for what gives no sign of its own: other threads and other processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection


def wait_until(condition: Callable[[], object], what: str, seconds: float = 10) -> None:
    """Look again and again until the condition holds; fails, saying what is wrong, when it does not in time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, what
        pause.wait(0.005)


def threads_of_connections(but_not: Collection[threading.Thread] = ()) -> list[threading.Thread]:
    """The threads of this process that serve connections.

    Arguments:
        but_not: those of other servers, which other tests have in this process.
    """
    return [thread for thread in threading.enumerate() if thread.name.startswith("secantus-conn") and thread not in but_not]
