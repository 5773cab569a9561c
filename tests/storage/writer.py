"""A process that writes until it is killed, printing what has been acknowledged; run by test_crash.py.

Arguments: the directory and the first number. Each transaction writes one number to two tables.
"""

from __future__ import annotations

import sys

from secantus_server.storage import INDEX_ENTRIES, RECORDS, Engine, pack_ident


def main(path: str, start: str) -> None:
    """Write numbers, with a checkpoint after every three hundred."""
    engine = Engine.open(path)
    number = int(start)
    while True:
        number += 1
        key = pack_ident(1) + number.to_bytes(8, "big")
        with engine.transaction() as unit:
            unit.put(RECORDS, key, b"x" * 200)
            unit.put(INDEX_ENTRIES, key, b"")
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        if number % 300 == 0:
            engine.checkpoint()


if __name__ == "__main__":
    main(*sys.argv[1:])
