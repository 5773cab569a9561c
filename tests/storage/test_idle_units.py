"""An idle recovery unit does not pin the pages that others write to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from secantus_server.storage import RECORDS, Engine, RecoveryUnit, pack_ident

PREFIX = pack_ident(1)


def key(number: int) -> bytes:
    return PREFIX + number.to_bytes(8, "big")


def read(unit: RecoveryUnit) -> None:
    unit.get(RECORDS, key(1))
    unit.put(RECORDS, PREFIX + b"other", b"")


def insert_what_is_there(unit: RecoveryUnit) -> None:
    assert not unit.insert(RECORDS, key(1), b"")


def pages(engine: Engine) -> int:
    """Return the number of pages in the cache, a gauge that is correct although counters are disabled."""
    return engine.statistics()["cache: pages currently held in the cache"]


@pytest.mark.parametrize("use", [read, insert_what_is_there])
def test_a_page_read_by_a_committed_unit_can_be_split(memory: Engine, use: Callable[[RecoveryUnit], None]) -> None:
    with memory.transaction() as unit:
        unit.put(RECORDS, key(1), b"")
    idle = memory.acquire()
    idle.begin()
    use(idle)
    idle.commit()
    before = pages(memory)
    # Ten megabytes of neighbouring keys: a page that cannot be split keeps them all, and each write waits for the split without success.
    for start in range(2, 2002, 20):
        with memory.transaction() as unit:
            for number in range(start, start + 20):
                unit.put(RECORDS, key(number), b"x" * 5000)
    assert pages(memory) > before
    memory.release(idle)
