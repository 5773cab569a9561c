"""The null server, except that it exits: at once on a find in `d.mortal`, or shortly after replying to `shutdown`."""

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
