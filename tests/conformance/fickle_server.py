"""The null server, except that from its second start on it answers finds with a document: for tests that pass only when run again.

The file named by FICKLE_SERVER_MARK distinguishes the second start from the first.
"""

from __future__ import annotations

import os
from pathlib import Path

from secantus_conformance import null_server

_reply_to = null_server.reply_to


def _reply_with_document(command: null_server.Document, written: int, address: str) -> null_server.Document:
    reply = _reply_to(command, written, address)
    return {**reply, "cursor": {"id": 0, "ns": "d.c", "firstBatch": [{"_id": 1}]}} if "find" in command else reply


if __name__ == "__main__":
    mark = Path(os.environ["FICKLE_SERVER_MARK"])
    if mark.exists():
        null_server.reply_to = _reply_with_document
    mark.touch()
    null_server.main()
