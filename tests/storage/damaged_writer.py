"""A process that fills a store and exits without closing it; run by test_damaged_files.py.

Arguments: the directory. It writes 20 records of ident 1 and a checkpoint, then 200 more records, each in its own transaction. The
values end in a zero byte, like BSON documents: WiredTiger treats a damaged record of that form as a half-written one.
"""

from __future__ import annotations

import os
import sys

from secantus_server.storage import RECORDS, Engine, pack_ident


def main(path: str) -> None:
    """Write records, and exit like a killed process."""
    engine = Engine.open(path)
    for number in range(220):
        with engine.transaction() as unit:
            unit.put(RECORDS, pack_ident(1) + number.to_bytes(8, "big"), b"x" * 400 + b"\0")
        if number == 19:
            engine.checkpoint()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
