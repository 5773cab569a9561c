"""The clock: the system's time, randomness and ids, and those of a settable clock."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from itertools import pairwise
from uuid import RFC_4122, UUID

import pytest
from bson.objectid import ObjectId

from secantus_server.clock import Clock, SettableClock


def test_the_system_clock() -> None:
    clock = Clock()
    assert abs(clock.now_ms() - time.time() * 1000) < 60_000
    before = clock.monotonic()
    assert clock.monotonic() >= before


def test_object_ids_ascend_and_carry_the_time() -> None:
    clock = SettableClock(1_700_000_000_000)
    ids = [clock.object_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert {int(one.generation_time.timestamp()) for one in ids} == {1_700_000_000}
    assert len({one.binary[4:9] for one in ids}) == 1
    counters = [int.from_bytes(one.binary[9:], "big") for one in ids]
    assert all((later - earlier) & 0xFFFFFF == 1 for earlier, later in pairwise(counters))


def test_object_ids_are_unique_among_threads() -> None:
    clock = Clock()
    found: list[ObjectId] = []
    threads = [threading.Thread(target=lambda: found.extend(clock.object_id() for _ in range(500))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 2000


def test_other_clocks_make_other_ids() -> None:
    assert Clock().object_id() != Clock().object_id()
    assert Clock().uuid_bytes() != Clock().uuid_bytes()


def test_uuids_are_random_ones() -> None:
    made = UUID(bytes=Clock().uuid_bytes())
    assert (made.variant, made.version) == (RFC_4122, 4)
    bits = Clock(seed=1).random.getrandbits(128)
    assert Clock(seed=1).uuid_bytes() == UUID(int=bits, version=4).bytes


def test_uuids_are_unique_among_threads() -> None:
    clock = Clock()
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.extend(clock.uuid_bytes() for _ in range(500))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 2000


def test_a_fork_makes_other_uuids() -> None:
    program = """if True:
        import os
        from secantus_server.clock import Clock
        clock = Clock()
        clock.uuid_bytes()
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.write(writer, b"".join(clock.uuid_bytes() for _ in range(100)))
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as stream:
            child = stream.read()
        mine = {clock.uuid_bytes() for _ in range(100)}
        assert len(child) == 1600
        assert mine.isdisjoint(child[at : at + 16] for at in range(0, len(child), 16))
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_cursor_ids_are_positive() -> None:
    clock = Clock(seed=1)
    assert all(0 < clock.int64() < 2**63 for _ in range(1000))


def test_a_seed_repeats_everything() -> None:
    def draw(seed: int) -> list[object]:
        clock = SettableClock(5000, seed)
        return [clock.object_id(), *[clock.uuid_bytes() for _ in range(3)], clock.int64(), clock.random.random()]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_a_settable_clock_stands_still_until_it_is_moved() -> None:
    clock = SettableClock(1000)
    assert (clock.now_ms(), clock.monotonic()) == (1000, 1.0)
    clock.advance(500)
    assert (clock.now_ms(), clock.monotonic()) == (1500, 1.5)
    with pytest.raises(AssertionError, match="does not go back"):
        clock.advance(-1)
