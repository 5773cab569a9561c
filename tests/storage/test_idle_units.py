"""An idle recovery unit does not slow down others."""

from __future__ import annotations

import time
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


@pytest.mark.parametrize("use", [read, insert_what_is_there])
def test_the_page_that_a_committed_unit_has_read_can_be_split(memory: Engine, use: Callable[[RecoveryUnit], None]) -> None:
    with memory.transaction() as unit:
        unit.put(RECORDS, key(1), b"")
    idle = memory.acquire()
    idle.begin()
    use(idle)
    idle.commit()
    slowest = 0.0
    # Ten megabytes on one page: if it cannot be split, writes begin to wait from five megabytes on.
    for start in range(2, 2002, 20):
        before = time.perf_counter()
        with memory.transaction() as unit:
            for number in range(start, start + 20):
                unit.put(RECORDS, key(number), b"x" * 5000)
        slowest = max(slowest, time.perf_counter() - before)
    memory.release(idle)
    assert slowest < 0.1
