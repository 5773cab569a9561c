"""The choice between a server in this process and one in a child process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_secantus.options import Options


def wants_process(options: Options) -> bool:
    """Return whether to start the server in a child process.

    With `auto`, it is started in a child process if gevent or eventlet has patched this process, or if pytest-forked runs the tests. If
    this process is patched later, the server remains in it. This is safe, because the server uses nothing that the patch replaces.
    """
    return options.process == "yes" or (options.process == "auto" and (options.forks or is_patched()))


def is_patched() -> bool:
    """Return whether gevent or eventlet has replaced sockets or threads in this process."""
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    if gevent is not None and any(map(gevent.is_module_patched, ("socket", "thread"))):
        return True
    return eventlet is not None and any(map(eventlet.is_monkey_patched, ("socket", "thread")))
