"""A process that fills a store and ends without closing it; test_damaged_files.py runs it.

Arguments: the directory. It writes 20 records of ident 1, makes a checkpoint, and writes 200 more, each in a transaction of its own. The
values end in a zero byte, as a BSON document does: WiredTiger takes such a record for a half-written one when it is damaged.
"""

from __future__ import annotations

import os
import sys

from secantus_server.storage import RECORDS, Engine, pack_ident


def main(path: str) -> None:
    """Write, and end as a killed process does."""
    engine = Engine.open(path)
    for number in range(220):
        with engine.transaction() as unit:
            unit.put(RECORDS, pack_ident(1) + number.to_bytes(8, "big"), b"x" * 400 + b"\0")
        if number == 19:
            engine.checkpoint()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
