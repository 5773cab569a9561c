"""A process that fills a store and exits without closing it; run by test_damaged_files.py.

Arguments: the directory, and optionally the first record's number, 0 by default. It writes 220 records of ident 1, each in its own
transaction, and a checkpoint after record 19. The values end in a zero byte, like BSON documents: WiredTiger treats a damaged record of
that form as a half-written one.
"""

from __future__ import annotations

import os
import sys

from secantus_server.storage import RECORDS, Engine, pack_ident


def main(path: str, first: str = "0") -> None:
    """Write records, and exit like a killed process."""
    engine = Engine.open(path)
    for number in range(int(first), int(first) + 220):
        with engine.transaction() as unit:
            unit.put(RECORDS, pack_ident(1) + number.to_bytes(8, "big"), b"x" * 400 + b"\0")
        if number == 19:
            engine.checkpoint()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
