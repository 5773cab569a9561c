"""The null server, except that the command `find` kills it: for tests of what happens when a server dies."""

from __future__ import annotations

import os

from secantus_conformance import null_server

_reply_to = null_server.reply_to


def _reply_or_die(command: null_server.Document, written: int, address: str) -> null_server.Document:
    if "find" in command:
        os._exit(7)
    return _reply_to(command, written, address)


if __name__ == "__main__":
    null_server.reply_to = _reply_or_die
    null_server.main()
