"""Waiting for events that cannot be observed directly, in other threads and processes."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Collection

from secantus_server.system._clock import monotonic
from secantus_server.system._threads import Thread


def wait_until(condition: Callable[[], object], what: str, seconds: float = 10) -> None:
    """Poll until the condition is true; fail with the given message after the timeout."""
    deadline = monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert monotonic() < deadline, what
        pause.wait(0.005)


def threads_of_connections(but_not: Collection[Thread] = ()) -> list[Thread]:
    """Return the threads of this process that serve connections. (`threading` does not list them.)

    Arguments:
        but_not: the threads of other servers, which other tests run in this process.
    """
    threads = [one for one in gc.get_objects() if type(one) is Thread and one.is_alive()]
    return [thread for thread in threads if thread.name.startswith("secantus-conn") and thread not in but_not]
