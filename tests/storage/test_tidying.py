"""Overwritten and removed entries of a store in memory give their memory back; a directory asks for a checkpoint instead."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from secantus_server.storage import RECORDS, Engine, pack_ident
from secantus_server.storage.configuration import CHECKPOINT_AFTER
from secantus_server.storage.tidying import CHANGED_ENOUGH, CHANGED_ENOUGH_WHEN_IDLE

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
