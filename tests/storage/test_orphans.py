"""Dropped entries are removed in small batches, and a restart continues with them."""

from __future__ import annotations

from pathlib import Path

from secantus_server.storage import INDEX_ENTRIES, META, RECORDS, Engine, pack_ident


def fill(engine: Engine, count: int) -> int:
    with engine.transaction() as unit:
        ident = engine.new_ident()
        for number in range(count):
            unit.put(RECORDS, pack_ident(ident) + number.to_bytes(8, "big"), b"x")
    return ident


def count(engine: Engine, table: int = RECORDS) -> int:
    with engine.transaction() as unit:
        return sum(1 for _ in unit.scan(table, b"", None))


def test_a_budget_is_kept(memory: Engine) -> None:
    dropped, kept, also_dropped = fill(memory, 5000), fill(memory, 10), fill(memory, 100)
    assert not memory.purge_orphans(0)
    memory.drop_ident(RECORDS, dropped)
    memory.drop_ident(RECORDS, also_dropped)
    assert memory.purge_orphans(0)
    assert 10 < count(memory) < 5110
    assert not memory.purge_orphans(10_000)
    with memory.transaction() as unit:
        assert {key[:4] for key, _ in unit.scan(RECORDS, b"", None)} == {pack_ident(kept)}


def test_a_purge_gives_way_to_a_transaction(memory: Engine) -> None:
    memory.drop_ident(RECORDS, fill(memory, 5000))
    with memory.transaction():
        assert not memory.is_idle
        assert memory.purge_orphans(10_000, gives_way=True)
        left = count(memory)
        assert 0 < left < 5000
    assert memory.is_idle
    assert not memory.purge_orphans(10_000, gives_way=True)
    assert count(memory) == 0
    assert not memory.has_orphans


def test_a_restart_goes_on(tmp_path: Path) -> None:
    engine = Engine.open(str(tmp_path))
    dropped, deferred, kept = fill(engine, 1000), fill(engine, 5), fill(engine, 3)
    engine.drop_ident(RECORDS, dropped)
    snapshot = engine.push_snapshot()
    engine.drop_ident(RECORDS, deferred)
    engine.restore(snapshot)
    engine.drop_ident(RECORDS, deferred)
    made = fill(engine, 7)
    engine.restore(engine.push_snapshot())
    assert count(engine) == 1015
    engine.close()

    engine = Engine.open(str(tmp_path))
    assert engine.purge_orphans(0)
    while engine.purge_orphans(1000):
        pass
    with engine.transaction() as unit:
        assert {key[:4] for key, _ in unit.scan(RECORDS, b"", None)} == {pack_ident(kept), pack_ident(made)}
        assert engine.new_ident() > made
    # The remaining rows: the reserved idents, the format's version, and the note that there were never any users.
    assert count(engine, META) == 3
    engine.close()


def test_what_a_snapshot_saw_made_is_purged_after_a_restart(tmp_path: Path) -> None:
    engine = Engine.open(str(tmp_path))
    snapshot = engine.push_snapshot()
    fill(engine, 50)
    engine.restore(snapshot)
    engine.close()
    engine = Engine.open(str(tmp_path))
    while engine.purge_orphans(1000):
        pass
    assert (count(engine), count(engine, INDEX_ENTRIES), count(engine, META)) == (0, 0, 3)
    engine.close()


def test_the_ranges_left_are_counted(memory: Engine) -> None:
    for entries in (5000, 10):
        memory.drop_ident(RECORDS, fill(memory, entries))
    assert memory.orphan_count == 2
    assert not memory.purge_orphans(10_000)
    assert memory.orphan_count == 0


def test_a_purge_in_memory_is_no_transaction_of_the_store(memory: Engine) -> None:
    memory.drop_ident(RECORDS, fill(memory, 5000))
    begun = memory.begun
    with memory.exclusive():
        # A purge in another thread would not wait, either.
        assert not memory.purge_orphans(10_000)
    assert memory.begun == begun
    assert count(memory) == 0
