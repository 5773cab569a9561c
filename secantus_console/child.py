"""The main program of the console's child process, which the server's process starts. It exits when its standard input is closed.

The lines of standard input are JSON. The first line contains the options, and later lines contain a paused test, `{"test": ...}`.
Standard output contains `{"resume": true}` and further one-time tokens, one JSON document per line.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from typing import Any, Final

from secantus_console.console import Console
from secantus_console.options import ConsoleOptions
from secantus_console.serving import Serving
from secantus_console.test_view import TestView

#: The descriptor of the listening socket.
LISTENER: Final = 3


def main() -> None:
    """Serve until the parent closes standard input or exits, then exit immediately."""
    start = json.loads(sys.stdin.readline())
    listener = socket.socket(fileno=LISTENER)
    host, port = start["host"], listener.getsockname()[1]
    options = ConsoleOptions(
        start["uri"], host, port, start["write"], tuple(start["client_options"].items()), start.get("time_limit_ms", 10_000)
    )
    view = TestView(lambda: _say({"resume": True})) if start.get("tests") else None
    serving = Serving(Console(options, view), listener, start["token"], lambda token: _say({"token": token}))
    serving.start()
    for line in sys.stdin:
        if view is not None:
            view.show(json.loads(line)["test"])
    # The server has ended or is about to. Closing the client would try for seconds to reach the server in order to end its sessions.
    os._exit(0)


_WRITING: Final = threading.Lock()  # keeps lines on standard output from mixing


def _say(message: dict[str, Any]) -> None:
    with _WRITING:
        print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
