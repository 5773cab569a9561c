"""Examples of snapshots; test_snapshot_model.py covers combinations."""

from __future__ import annotations

import pytest

from secantus_server.storage import CATALOG, INDEX_ENTRIES, META, OPLOG, RECORDS, Engine, Restored, StorageError, WriteConflict, pack_ident
from secantus_server.storage.snapshots import NOTHING_RESTORED

TABLES = (CATALOG, RECORDS, INDEX_ENTRIES, OPLOG, META)


def dump(engine: Engine) -> dict[int, list[tuple[bytes, bytes]]]:
    """Return all entries except the engine's own rows."""
    with engine.transaction() as unit:
        return {table: list(unit.scan(table, b"\1" if table == META else b"", None)) for table in TABLES}


def purge(engine: Engine) -> None:
    while engine.purge_orphans(1000):
        pass


@pytest.fixture
def ident(engine: Engine) -> bytes:
    """Create an ident with two records and a catalog row."""
    with engine.transaction() as unit:
        prefix = pack_ident(engine.new_ident())
        unit.put(CATALOG, b"c", b"old")
        unit.put(RECORDS, prefix + b"1", b"one")
        unit.put(RECORDS, prefix + b"2", b"two")
        unit.put(OPLOG, b"0001", b"entry")
    return prefix


def test_every_kind_of_write_is_undone(engine: Engine, ident: bytes) -> None:
    before = dump(engine)
    snapshot = engine.push_snapshot()
    with engine.transaction() as unit:
        unit.put(RECORDS, ident + b"1", b"changed")
        unit.remove(RECORDS, ident + b"2")
        assert unit.insert(RECORDS, ident + b"2", b"again")
        unit.put(RECORDS, ident + b"3", b"new", known_absent=True)
        unit.insert(INDEX_ENTRIES, ident + b"x", b"")
        unit.truncate(CATALOG, b"", None)
        unit.put(OPLOG, b"0002", b"entry")
    with engine.transaction() as unit:
        unit.truncate(RECORDS, ident, None)
    number = int.from_bytes(ident, "big")
    assert engine.restore(snapshot) == Restored({b"c": b"old"}, frozenset({number}), range(0), True, {number: 2})
    assert dump(engine) == before
    assert engine.restore(snapshot) is NOTHING_RESTORED


def test_each_restore_removes_the_entries_since_the_last_one(engine: Engine, ident: bytes) -> None:
    before = dump(engine)
    outer = engine.push_snapshot()
    with engine.transaction() as unit:
        unit.put(OPLOG, b"0002", b"entry")
    within = dump(engine)
    inner = engine.push_snapshot()
    for number in range(3, 9, 2):
        with engine.transaction() as unit:
            unit.put(OPLOG, f"000{number}".encode(), b"entry")
            unit.put(OPLOG, f"000{number + 1}".encode(), b"entry")
        engine.restore(inner)
        assert dump(engine) == within
    engine.restore(outer)
    assert dump(engine) == before


def test_a_read_costs_nothing(engine: Engine, ident: bytes) -> None:
    snapshot = engine.push_snapshot()
    with engine.transaction() as unit:
        assert unit.get(RECORDS, ident + b"1") == b"one"
        assert not unit.remove(RECORDS, ident + b"9")
        assert not unit.insert(RECORDS, ident + b"1", b"")
    restored = engine.restore(snapshot)
    assert not restored.catalog_rows


def test_a_rolled_back_write_leaves_the_snapshot_right(engine: Engine, ident: bytes) -> None:
    before = dump(engine)
    snapshot = engine.push_snapshot()
    unit = engine.acquire()
    unit.begin()
    unit.put(RECORDS, ident + b"1", b"never")
    unit.insert(RECORDS, ident + b"3", b"never")
    engine.release(unit)
    with engine.transaction() as unit:
        unit.put(RECORDS, ident + b"1", b"changed")
        unit.put(RECORDS, ident + b"3", b"new")
    engine.restore(snapshot)
    assert dump(engine) == before


def test_a_write_that_conflicts_leaves_the_snapshot_right(engine: Engine, ident: bytes) -> None:
    before = dump(engine)
    snapshot = engine.push_snapshot()
    first, second = engine.acquire(), engine.acquire()
    first.begin()
    second.begin()
    first.put(RECORDS, ident + b"1", b"first")
    with pytest.raises(WriteConflict):
        second.put(RECORDS, ident + b"1", b"second")
    second.rollback()
    first.commit()
    engine.release(first)
    engine.release(second)
    engine.restore(snapshot)
    assert dump(engine) == before


def test_snapshots_nest(engine: Engine, ident: bytes) -> None:
    def write(value: bytes) -> None:
        with engine.transaction() as unit:
            unit.put(RECORDS, ident + b"1", value)
            unit.put(RECORDS, ident + value, value)
            unit.put(OPLOG, value, value)

    start = dump(engine)
    outer = engine.push_snapshot()
    write(b"session")
    in_session = dump(engine)
    inner = engine.push_snapshot()
    write(b"test")
    engine.restore(inner)
    assert dump(engine) == in_session
    write(b"more")
    engine.pop_snapshot(inner)
    innermost = engine.push_snapshot()
    write(b"last")
    engine.restore(outer)
    assert dump(engine) == start
    for ended in (inner, innermost):
        with pytest.raises(StorageError, match="This snapshot has ended"):
            engine.restore(ended)
    engine.pop_snapshot(outer)
    with pytest.raises(StorageError, match="This snapshot has ended"):
        engine.pop_snapshot(outer)


def test_what_was_made_since_goes_whole(engine: Engine) -> None:
    snapshot = engine.push_snapshot()
    with engine.transaction() as unit:
        first, second = engine.new_ident(), engine.new_ident()
        for number in range(1000):
            unit.put(RECORDS, pack_ident(first) + number.to_bytes(8, "big"), b"record")
            unit.put(INDEX_ENTRIES, pack_ident(second) + number.to_bytes(8, "big"), b"")
    assert engine.restore(snapshot) == Restored({}, frozenset(), range(first, second + 1), True)
    assert len(dump(engine)[RECORDS]) == 1000
    with engine.transaction():
        assert engine.new_ident() == second + 1
    purge(engine)
    assert dump(engine) == {table: [] for table in TABLES}


def test_a_dropped_ident_waits_for_the_snapshot(engine: Engine, ident: bytes) -> None:
    before = dump(engine)
    number = int.from_bytes(ident, "big")
    outer = engine.push_snapshot()
    inner = engine.push_snapshot()
    with engine.transaction() as unit:
        unit.remove(CATALOG, b"c")
        unit.drop_ident(RECORDS, number)
    purge(engine)
    engine.pop_snapshot(inner)
    purge(engine)
    engine.restore(outer)
    purge(engine)
    assert dump(engine) == before
    engine.drop_ident(RECORDS, number)
    purge(engine)
    assert dump(engine) == before
    engine.pop_snapshot(outer)
    purge(engine)
    assert dump(engine)[RECORDS] == []


def test_an_ident_made_and_dropped_in_the_snapshot_goes_at_once(engine: Engine) -> None:
    snapshot = engine.push_snapshot()
    with engine.transaction() as unit:
        number = engine.new_ident()
        unit.put(RECORDS, pack_ident(number), b"")
    engine.drop_ident(RECORDS, number)
    purge(engine)
    assert dump(engine)[RECORDS] == []
    engine.restore(snapshot)


def test_a_drop_that_rolls_back_is_none(engine: Engine, ident: bytes) -> None:
    unit = engine.acquire()
    unit.begin()
    unit.drop_ident(RECORDS, int.from_bytes(ident, "big"))
    engine.release(unit)
    purge(engine)
    assert len(dump(engine)[RECORDS]) == 2


def test_the_restored_catalog_keys_are_those_touched(engine: Engine, ident: bytes) -> None:
    del ident
    snapshot = engine.push_snapshot()
    with engine.transaction() as unit:
        unit.put(CATALOG, b"new", b"")
        unit.put(CATALOG, b"c", b"changed")
        unit.put(META, b"kept", b"")
    assert sorted(engine.restore(snapshot).catalog_rows) == [b"c", b"new"]
    with engine.transaction() as unit:
        assert unit.get(META, b"kept") == b""
        unit.remove(META, b"kept")
