"""The null server, which ends itself: at once when it is asked to find in `d.mortal`, or a moment after `shutdown` is answered."""

from __future__ import annotations

import os
import threading

from secantus_conformance import null_server

_reply_to = null_server.reply_to


def _reply_or_die(command: null_server.Document, written: int, address: str) -> null_server.Document:
    if command.get("find") == "mortal":
        os._exit(7)
    if "shutdown" in command:
        threading.Timer(0.1, os._exit, (7,)).start()
    return _reply_to(command, written, address)


if __name__ == "__main__":
    null_server.reply_to = _reply_or_die
    null_server.main()
