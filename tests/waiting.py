"""Waiting for what gives no sign of its own: other threads and other processes."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Collection

from secantus_server.system._clock import monotonic
from secantus_server.system._threads import Thread


def wait_until(condition: Callable[[], object], what: str, seconds: float = 10) -> None:
    """Look again and again until the condition holds; fails, saying what is wrong, when it does not in time."""
    deadline = monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert monotonic() < deadline, what
        pause.wait(0.005)


def threads_of_connections(but_not: Collection[Thread] = ()) -> list[Thread]:
    """The threads of this process that serve connections. (`threading` does not know them.)

    Arguments:
        but_not: those of other servers, which other tests have in this process.
    """
    threads = [one for one in gc.get_objects() if type(one) is Thread and one.is_alive()]
    return [thread for thread in threads if thread.name.startswith("secantus-conn") and thread not in but_not]
