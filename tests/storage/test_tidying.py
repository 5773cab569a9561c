"""In a store in memory, the memory of overwritten and removed entries is freed. In a directory, a checkpoint becomes due instead."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from secantus_server.storage import RECORDS, Engine, pack_ident
from secantus_server.storage.configuration import CHECKPOINT_AFTER, MEGABYTE
from secantus_server.storage.tidying import CHANGED_ENOUGH, CHANGED_ENOUGH_WHEN_IDLE, ROOM

KEY = pack_ident(1)


def write(engine: Engine, size: int, number: int = 0) -> None:
    with engine.transaction() as unit:
        unit.put(RECORDS, KEY + number.to_bytes(4, "big"), b"x" * size)


def test_it_is_due_after_enough_changes(memory: Engine) -> None:
    assert not memory.is_untidy(idle=True)
    write(memory, CHANGED_ENOUGH_WHEN_IDLE)
    assert memory.is_untidy(idle=True)
    assert not memory.is_untidy(idle=False)
    write(memory, CHANGED_ENOUGH)
    assert memory.is_untidy(idle=False)
    memory.tidy(10_000)
    assert not memory.is_untidy(idle=True)


def test_it_is_due_later_in_a_large_store(memory: Engine) -> None:
    for number in range(6):
        write(memory, CHANGED_ENOUGH, number)
    memory.tidy(10_000)
    write(memory, CHANGED_ENOUGH)
    assert not memory.is_untidy(idle=False)
    write(memory, CHANGED_ENOUGH)
    assert memory.is_untidy(idle=False)


def test_who_waits_is_called_once(memory: Engine) -> None:
    calls: list[None] = []
    memory.call_when_due(lambda: calls.append(None))
    write(memory, CHANGED_ENOUGH // 2)
    assert not calls
    for _ in range(3):
        write(memory, CHANGED_ENOUGH)
    assert len(calls) == 1


def test_a_walk_in_parts_loses_nothing(memory: Engine) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    expected: dict[bytes, bytes] = {}
    for _ in range(20):
        with memory.transaction() as unit:
            for _ in range(1000):
                key = KEY + chance.randrange(5000).to_bytes(4, "big")
                if chance.random() < 0.3:
                    unit.remove(RECORDS, key)
                    expected.pop(key, None)
                else:
                    expected[key] = chance.randbytes(chance.randrange(1000))
                    unit.put(RECORDS, key, expected[key])
        memory.tidy(0)
    while memory.is_untidy(idle=True):
        memory.tidy(0)
    with memory.transaction() as unit:
        assert list(unit.scan(RECORDS, b"", None)) == sorted(expected.items())


def test_it_gives_way_and_leaves_what_a_transaction_sees(memory: Engine) -> None:
    for number in range(5000):
        write(memory, 100, number)
    unit = memory.acquire()
    unit.begin()
    assert unit.get(RECORDS, KEY + b"\0\0\0\0") == b"x" * 100
    write(memory, 2 * CHANGED_ENOUGH)
    memory.tidy(10_000)
    assert memory.is_untidy(idle=False), "a walk gives way to the transaction"
    write(memory, 2 * CHANGED_ENOUGH)
    memory.tidy(10_000)
    assert unit.get(RECORDS, KEY + b"\0\0\0\0") == b"x" * 100, "a walk that does not give way any more leaves what a transaction sees"
    memory.release(unit)
    memory.tidy(10_000)
    assert not memory.is_untidy(idle=True)


def test_a_directory_asks_for_a_checkpoint(tmp_path: Path) -> None:
    engine = Engine.open(str(tmp_path))
    calls: list[None] = []
    engine.call_when_due(lambda: calls.append(None))
    assert not engine.is_checkpoint_due
    for number in range(5):
        write(engine, CHECKPOINT_AFTER // 4, number)
    assert engine.is_checkpoint_due
    assert len(calls) == 1
    assert not engine.is_untidy(idle=True)
    engine.checkpoint()
    assert not engine.is_checkpoint_due
    engine.close()


def test_the_changes_of_a_rollback_do_not_count(memory: Engine) -> None:
    with pytest.raises(RuntimeError), memory.transaction() as unit:
        unit.put(RECORDS, KEY, b"x" * CHANGED_ENOUGH)
        raise RuntimeError
    assert not memory.is_untidy(idle=True)


LIVE = 8 * MEGABYTE
DOCUMENT = 4096
IN_CACHE = "cache: bytes currently in the cache"


def fill(engine: Engine, ident: int) -> None:
    """Write all live data in one transaction, after relieving the store if it is crowded, as commands do."""
    if engine.is_crowded():
        engine.relieve()
    key = pack_ident(ident)
    with engine.transaction() as unit:
        for number in range(LIVE // DOCUMENT):
            unit.put(RECORDS, key + number.to_bytes(4, "big"), b"x" * DOCUMENT)


def test_a_tight_overwrite_stays_within_bounds(memory: Engine) -> None:
    for _ in range(30):
        fill(memory, 1)
        assert memory.statistics()[IN_CACHE] < 3 * LIVE + ROOM


def test_dropped_data_stays_within_bounds(memory: Engine) -> None:
    for ident in range(2, 32):
        fill(memory, ident)
        memory.drop_ident(RECORDS, ident)
        assert memory.statistics()[IN_CACHE] < 2 * LIVE + ROOM


def test_a_store_that_grows_is_not_crowded_after_each_write(memory: Engine) -> None:
    relieved = 0
    for ident in range(2, 32):
        relieved += memory.is_crowded()
        fill(memory, ident)
    assert 2 < relieved < 12, "the walks are ever further apart"


def test_what_is_about_to_be_written_counts(memory: Engine) -> None:
    assert not memory.is_crowded(ROOM // 2)
    assert memory.is_crowded(ROOM)


def test_relief_removes_first_what_may_go(memory: Engine) -> None:
    calls: list[None] = []
    memory.call_when_crowded(lambda: calls.append(None))
    memory.relieve()
    assert len(calls) == 1


def test_relief_ends_though_a_reader_keeps_everything(memory: Engine) -> None:
    fill(memory, 1)
    unit = memory.acquire()
    unit.begin()
    for _ in range(3):
        write(memory, LIVE)
    memory.relieve()
    assert not memory.is_crowded(), "what a transaction still sees is not looked for again and again"
    assert unit.get(RECORDS, KEY + b"\0\0\0\0") == b"x" * DOCUMENT
    memory.release(unit)


def test_who_has_the_store_alone_does_not_wait_for_a_purge(memory: Engine) -> None:
    fill(memory, 1)
    fill(memory, 1)
    with memory.exclusive():
        memory.relieve()
    assert memory.is_crowded(ROOM // 2)


def test_a_directory_is_never_crowded(tmp_path: Path) -> None:
    engine = Engine.open(str(tmp_path))
    assert not engine.is_crowded(1 << 40)
    engine.relieve()
    engine.close()
