"""Transactions and single-key operations."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from secantus_server.storage import CATALOG, META, OPLOG, RECORDS, CacheTooSmall, Engine, StorageError, WriteConflict


def contents(engine: Engine, table: int = RECORDS) -> list[tuple[bytes, bytes]]:
    with engine.transaction() as unit:
        return list(unit.scan(table, b"", None))


def test_values_come_back_as_they_were(engine: Engine) -> None:
    values = {b"": b"", b"\0\0\0\1": b"\0", b"\0\0\0\1\xff": b"x" * 100_000, b"\xff" * 900: b""}
    for table in (CATALOG, RECORDS, OPLOG, META):
        with engine.transaction() as unit:
            for key, value in values.items():
                if key or table != META:
                    unit.put(table, b"k" + key, value)
        with engine.transaction() as unit:
            for key, value in values.items():
                assert unit.get(table, b"k" + key) == (value if key or table != META else None)
            assert unit.get(table, b"no") is None


def test_an_empty_key_is_our_mistake(engine: Engine) -> None:
    with engine.transaction() as unit, pytest.raises(AssertionError, match="at least one byte"):
        unit.get(META, b"")


def test_put_overwrites_and_insert_does_not(engine: Engine) -> None:
    with engine.transaction() as unit:
        assert unit.insert(CATALOG, b"a", b"1")
        assert not unit.insert(CATALOG, b"a", b"2")
        assert unit.get(CATALOG, b"a") == b"1"
        unit.put(CATALOG, b"a", b"3")
        assert unit.get(CATALOG, b"a") == b"3"


def test_remove_tells_whether_there_was_a_key(engine: Engine) -> None:
    with engine.transaction() as unit:
        unit.put(CATALOG, b"a", b"1")
        assert unit.remove(CATALOG, b"a")
        assert not unit.remove(CATALOG, b"a")
        assert unit.insert(CATALOG, b"a", b"2")


def test_rollback_undoes_everything(engine: Engine) -> None:
    with engine.transaction() as unit:
        unit.put(RECORDS, b"kept", b"1")
    unit = engine.acquire()
    unit.begin()
    unit.put(RECORDS, b"kept", b"2")
    unit.put(RECORDS, b"new!", b"2")
    unit.truncate(RECORDS, b"", None)
    unit.rollback()
    assert not unit.in_transaction
    engine.release(unit)
    assert contents(engine) == [(b"kept", b"1")]


def test_an_exception_in_the_block_rolls_back(engine: Engine) -> None:
    with pytest.raises(KeyError), engine.transaction() as unit:
        unit.put(RECORDS, b"gone", b"1")
        raise KeyError
    assert contents(engine) == []


def test_truncate_removes_a_range_without_its_upper_bound(engine: Engine) -> None:
    with engine.transaction() as unit:
        for key in (b"a", b"b", b"c", b"d"):
            unit.put(CATALOG, key, key)
        assert unit.truncate(CATALOG, b"b", b"d") == b"c"
        assert [key for key, _ in unit.scan(CATALOG, b"", None)] == [b"a", b"d"]
        assert unit.truncate(CATALOG, b"", None) == b"d"
        assert unit.truncate(CATALOG, b"", None) is None


def test_an_operation_needs_a_transaction(memory: Engine) -> None:
    unit = memory.acquire()
    for operation in (
        lambda: unit.get(RECORDS, b"a"),
        lambda: unit.put(RECORDS, b"abcd", b"a"),
        lambda: unit.remove(RECORDS, b"abcd"),
        lambda: unit.scan(RECORDS, b"", None),
    ):
        with pytest.raises(AssertionError):
            operation()
    unit.begin()
    with pytest.raises(AssertionError, match="one transaction"):
        unit.begin()
    unit.rollback()
    assert memory._gate.running == 0


def test_a_transaction_reads_one_state(engine: Engine) -> None:
    reader = engine.acquire()
    reader.begin()
    with engine.transaction() as writer:
        writer.put(CATALOG, b"a", b"1")
    assert reader.get(CATALOG, b"a") is None
    reader.rollback()
    reader.begin()
    assert reader.get(CATALOG, b"a") == b"1"
    engine.release(reader)


@pytest.mark.parametrize("operation", ["put", "insert", "remove"])
@pytest.mark.parametrize("first_commits", [True, False])
def test_two_writers_of_one_key_conflict(engine: Engine, operation: str, first_commits: bool) -> None:
    with engine.transaction() as unit:
        unit.put(CATALOG, b"a", b"0")
        if operation == "insert":
            unit.remove(CATALOG, b"a")
    first, second = engine.acquire(), engine.acquire()
    first.begin()
    second.begin()
    first.put(CATALOG, b"a", b"1")
    if first_commits:
        first.commit()
    with pytest.raises(WriteConflict) as caught:
        second.remove(CATALOG, b"a") if operation == "remove" else getattr(second, operation)(CATALOG, b"a", b"2")
    assert (caught.value.code, caught.value.code_name) == (112, "WriteConflict")
    engine.release(second)
    engine.release(first)


def test_threads_that_retry_lose_no_increment(memory: Engine) -> None:
    """Four threads increment the same key up to one hundred."""

    def add_one() -> None:
        while True:
            try:
                with memory.transaction() as unit:
                    value = int(unit.get(CATALOG, b"n") or b"0")
                    unit.put(CATALOG, b"n", str(value + 1).encode())
                return
            except WriteConflict:
                continue

    threads = [threading.Thread(target=lambda: [add_one() for _ in range(25)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents(memory, CATALOG) == [(b"n", b"100")]


def test_a_closed_store_says_so() -> None:
    engine = Engine.open(":memory:")
    unit = engine.acquire()
    engine.close()
    engine.close()
    with pytest.raises(StorageError, match=r"The storage engine is closed\."):
        unit.begin()
    with pytest.raises(StorageError, match=r"The storage engine is closed\."):
        engine.acquire().begin()
    unit.close()
    unit.close()


def test_long_transactions_end_without_the_gil_and_as_others_do(engine: Engine) -> None:
    keys = [b"%06d" % number for number in range(2000)]
    with engine.transaction() as unit:
        for key in keys:
            unit.put(RECORDS, key, b"kept")
    unit = engine.acquire()
    unit.begin()
    for key in keys:
        unit.put(RECORDS, key, b"gone")
    unit.rollback()
    engine.release(unit)
    assert contents(engine) == [(key, b"kept") for key in keys]


def test_a_transaction_that_the_cache_cannot_hold_is_told_so(tmp_path: Path) -> None:
    engine = Engine.open(str(tmp_path / "data"), cache_size_mb=8)
    with pytest.raises(CacheTooSmall) as caught, engine.transaction() as unit:
        for number in range(40_000):
            unit.put(RECORDS, b"%06d" % number, b"x" * 1000)
    assert (caught.value.code, caught.value.code_name) == (388, "TransactionTooLargeForCache")
    assert contents(engine) == []
    engine.close()
