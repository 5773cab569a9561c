"""Whether the server shares this process, or has one of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_secantus.options import Options


def wants_process(options: Options) -> bool:
    """Whether a server that is started now gets a process of its own.

    With `auto` it does where gevent or eventlet has patched this process, or pytest-forked runs the tests. If they patch later the
    server stays: it uses nothing of what they replace.
    """
    return options.process == "yes" or (options.process == "auto" and (options.forks or is_patched()))


def is_patched() -> bool:
    """Whether gevent or eventlet has put its own sockets or threads into this process."""
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    if gevent is not None and any(map(gevent.is_module_patched, ("socket", "thread"))):
        return True
    return eventlet is not None and any(map(eventlet.is_monkey_patched, ("socket", "thread")))
