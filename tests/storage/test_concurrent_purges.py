"""Purges in other threads during writes, drops and nested restores, compared with a model of dictionaries."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from secantus_server.storage import INDEX_ENTRIES, RECORDS, Engine, Snapshot, WriteConflict, pack_ident
from secantus_server.storage.keys import IdentRange
from secantus_server.storage.orphans import merged

TABLES = (RECORDS, INDEX_ENTRIES)
Contents = dict[int, dict[bytes, bytes]]


@contextmanager
def purging(engine: Engine) -> Iterator[None]:
    """Purge in two threads within the block."""
    done = Event()
    errors: list[BaseException] = []

    def run(budget_ms: float) -> None:
        try:
            while not done.is_set():
                engine.purge_orphans(budget_ms)
                if engine.is_untidy(idle=True):
                    engine.tidy(1.0)
        except BaseException as error:  # noqa: BLE001 - raised in the test's thread
            errors.append(error)

    threads = [Thread(target=run, args=(budget_ms,)) for budget_ms in (0.0, 5.0)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not errors, errors


class Store:
    """A store in memory, and what it should contain."""

    def __init__(self, engine: Engine, randomness: random.Random) -> None:
        self.engine, self.random = engine, randomness
        self.contents: Contents = {table: {} for table in TABLES}
        self.idents: list[int] = []
        self.open: list[tuple[Snapshot, Contents, list[int]]] = []

    def create(self) -> None:
        """Create a collection with up to a few hundred documents."""
        with self.engine.transaction() as unit:
            ident = self.engine.new_ident()
            self.idents.append(ident)
            for number in range(self.random.choice((0, 3, 300))):
                self.put(unit, ident, number)

    def put(self, unit: object, ident: int, number: int) -> None:
        key, value = pack_ident(ident) + number.to_bytes(4, "big"), self.random.randbytes(5)
        for table in TABLES:
            unit.put(table, key, value)  # type: ignore[attr-defined]
            self.contents[table][key] = value

    def write(self) -> None:
        """Write to a collection."""
        if self.idents:
            with self.engine.transaction() as unit:
                for number in range(self.random.randrange(20)):
                    self.put(unit, self.random.choice(self.idents), number)

    def drop(self) -> None:
        """Drop a collection."""
        if self.idents:
            ident = self.idents.pop(self.random.randrange(len(self.idents)))
            for table in TABLES:
                self.engine.drop_ident(table, ident)
                self.contents[table] = {key: value for key, value in self.contents[table].items() if key[:4] != pack_ident(ident)}

    def push(self) -> None:
        """Take a snapshot."""
        if len(self.open) < 4:
            self.open.append((self.engine.push_snapshot(), copy.deepcopy(self.contents), list(self.idents)))

    def restore(self) -> None:
        """Restore an open snapshot."""
        if self.open:
            level = self.random.randrange(len(self.open))
            snapshot, then, idents = self.open[level]
            self.engine.restore(snapshot)
            self.contents, self.idents = copy.deepcopy(then), list(idents)
            del self.open[level + 1 :]

    def pop(self) -> None:
        """Discard a snapshot and its later ones, and keep their writes."""
        if self.open:
            level = self.random.randrange(len(self.open))
            self.engine.pop_snapshot(self.open[level][0])
            del self.open[level:]

    def check(self) -> None:
        """Compare the entries of all collections with the model."""
        with self.engine.transaction() as unit:
            for table in TABLES:
                for ident in self.idents:
                    found = dict(unit.scan(table, pack_ident(ident), pack_ident(ident + 1)))
                    assert found == {key: value for key, value in self.contents[table].items() if key[:4] == pack_ident(ident)}


@pytest.mark.parametrize("run", range(3))
def test_a_purge_removes_only_what_nobody_can_read(memory: Engine, run: int) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed} of run {run}")
    store = Store(memory, random.Random(seed))
    steps = [store.create, store.create, store.write, store.drop, store.push, store.restore, store.restore, store.pop, store.check]
    with purging(memory):
        for _ in range(250):
            store.random.choice(steps)()
        store.check()
    while store.open:
        store.pop()
    assert not memory.purge_orphans(10_000)
    with memory.transaction() as unit:
        assert {table: dict(unit.scan(table, b"", None)) for table in TABLES} == store.contents


def test_an_older_transaction_still_reads_what_was_dropped(memory: Engine) -> None:
    store = Store(memory, random.Random(1))
    with memory.transaction() as unit:
        ident = memory.new_ident()
        for number in range(5000):
            store.put(unit, ident, number)
    reader = memory.acquire()
    reader.begin()
    assert reader.get(RECORDS, pack_ident(ident) + bytes(4)) is not None
    done = Event()

    def drop() -> None:
        for table in TABLES:
            memory.drop_ident(table, ident)
        while memory.purge_orphans(1000):
            pass
        done.set()

    thread = Thread(target=drop)
    thread.start()
    thread.join()
    assert done.is_set()
    for table in TABLES:
        assert dict(reader.scan(table, pack_ident(ident), pack_ident(ident + 1))) == store.contents[table]
    reader.rollback()
    memory.release(reader)
    with memory.transaction() as unit:
        assert next(unit.scan(RECORDS, b"", None), None) is None


def test_a_range_with_a_conflicting_write_is_purged_later(memory: Engine) -> None:
    snapshot = memory.push_snapshot()
    store = Store(memory, random.Random(1))
    for _ in range(3):
        with memory.transaction() as unit:
            ident = memory.new_ident()
            for number in range(10):
                store.put(unit, ident, number)
        memory.restore(snapshot)
    writer = memory.acquire()
    writer.begin()
    writer.put(RECORDS, pack_ident(ident) + bytes(4), b"late")
    thread = Thread(target=memory.purge_orphans, args=(0,))
    thread.start()
    thread.join()
    assert memory.has_orphans
    with pytest.raises(WriteConflict):
        # Not a conflict of the purge, which gives way.
        other = memory.acquire()
        try:
            other.begin()
            other.put(RECORDS, pack_ident(ident) + bytes(4), b"too")
        finally:
            memory.release(other)
    writer.commit()
    memory.release(writer)
    assert not memory.purge_orphans(10_000)
    with memory.transaction() as unit:
        assert next(unit.scan(RECORDS, b"", None), None) is None


def test_successive_ranges_are_one() -> None:
    ranges = [(2, 4, 6), (1, 9, 10), (1, 2, 4), (2, 6, 7), (1, 4, 9), (1, 12, 13)]
    assert merged(IdentRange(*one) for one in ranges) == [(1, 2, 10), (1, 12, 13), (2, 4, 7)]
    assert merged([]) == []
