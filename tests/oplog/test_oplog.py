"""The oplog: entries are written in the transaction of the write, in an order without gaps. A standalone server writes none."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
from bson.timestamp import Timestamp

from secantus_server.bson import decode, encode
from secantus_server.bson.values import Date
from secantus_server.clock import SettableClock
from secantus_server.oplog._rows import entries_of
from secantus_server.oplog.oplog import Change, Entry, Oplog
from secantus_server.oplog.retention import Retention
from secantus_server.storage import META, OPLOG, Engine, WriteConflict

UUID = Binary(b"0123456789abcdef", 4)
IDENTITY = encode({"ns": "db.c", "ui": UUID})
NOW_MS = 1_700_000_000_123


def entries(engine: Engine) -> list[dict[str, Any]]:
    with engine.transaction() as unit:
        return [decode(entry) for key, row in unit.scan(OPLOG, b"", None) for entry in entries_of(row, int.from_bytes(key, "big"))]


def write(engine: Engine, oplog: Oplog, *operations: tuple[str, dict[str, Any]], commands: tuple[Entry, ...] = ()) -> None:
    commit(engine, oplog, list(commands), [(kind, encode(document)) for kind, document in operations])


def commit(engine: Engine, oplog: Oplog, commands: list[Entry], changes: list[Change] | None = None) -> None:
    unit = engine.acquire()
    try:
        unit.begin()
        unit.put(META, b"written", b"yes")
        oplog.commit(unit, commands, [(IDENTITY, changes or [])])
    finally:
        engine.release(unit)


def test_what_entries_say(engine: Engine) -> None:
    oplog = Oplog(engine, SettableClock(NOW_MS), enabled=True)
    created = Entry("db.$cmd", UUID, encode({"create": "c"}))
    write(engine, oplog, ("i", {"_id": 1, "a": 2}), ("u", {"_id": 1, "a": 3}), ("d", {"_id": 1, "a": 3}), commands=(created,))
    assert [(one["op"], one["ns"], one["ui"], one["o"], one.get("o2")) for one in entries(engine)] == [
        ("c", "db.$cmd", UUID, {"create": "c"}, None),
        ("i", "db.c", UUID, {"_id": 1, "a": 2}, {"_id": 1}),
        ("u", "db.c", UUID, {"_id": 1, "a": 3}, {"_id": 1}),
        ("d", "db.c", UUID, {"_id": 1}, None),
    ]
    assert {(one["t"], one["v"], one["wall"]) for one in entries(engine)} == {(1, 2, Date(NOW_MS))}


def transact(engine: Engine, oplog: Oplog, commands: list[Entry], changes: list[Change]) -> None:
    unit = engine.acquire()
    try:
        unit.begin()
        unit.put(META, b"written", b"yes")
        oplog.commit_transaction(unit, commands, [(IDENTITY, changes)], encode(LSID), 7)
    finally:
        engine.release(unit)


LSID = {"id": Binary(b"fedcba9876543210", 4), "uid": Binary(b"\0" * 32, 0)}


def test_a_transaction_is_one_entry_of_its_operations(engine: Engine) -> None:
    oplog = Oplog(engine, SettableClock(NOW_MS), enabled=True)
    created = Entry("db.$cmd", UUID, encode({"create": "c"}))
    changes = [("i", encode({"_id": 1, "a": 2})), ("u", encode({"_id": 1, "a": 3})), ("d", encode({"_id": 1, "a": 3}))]
    transact(engine, oplog, [created], changes)
    (entry,) = entries(engine)
    assert list(entry) == ["lsid", "txnNumber", "op", "ns", "o", "ts", "t", "v", "wall", "prevOpTime"]
    assert (entry["lsid"], entry["txnNumber"], entry["op"], entry["ns"]) == (LSID, 7, "c", "admin.$cmd")
    assert type(entry["txnNumber"]) is Int64
    assert entry["o"] == {
        "applyOps": [
            {"op": "c", "ns": "db.$cmd", "ui": UUID, "o": {"create": "c"}},
            {"op": "i", "ns": "db.c", "ui": UUID, "o": {"_id": 1, "a": 2}, "o2": {"_id": 1}},
            {"op": "u", "ns": "db.c", "ui": UUID, "o": {"_id": 1, "a": 3}, "o2": {"_id": 1}},
            {"op": "d", "ns": "db.c", "ui": UUID, "o": {"_id": 1}},
        ]
    }
    assert entry["prevOpTime"] == {"ts": Timestamp(0, 0), "t": -1}
    assert oplog.newest == entry["ts"]


def test_a_large_transaction_is_a_chain_of_entries(engine: Engine) -> None:
    oplog = Oplog(engine, SettableClock(NOW_MS), enabled=True)
    text = "x" * 3_000_000
    transact(engine, oplog, [], [("i", encode({"_id": number, "text": text})) for number in range(12)])
    chain = entries(engine)
    assert [len(one["o"]["applyOps"]) for one in chain] == [5, 5, 2]
    assert [(one["o"].get("partialTxn"), one["o"].get("count")) for one in chain] == [(True, None), (True, None), (None, 12)]
    assert [one["prevOpTime"]["ts"] for one in chain[1:]] == [one["ts"] for one in chain[:2]]
    assert [operation["o"]["_id"] for one in chain for operation in one["o"]["applyOps"]] == list(range(12))
    assert oplog.newest == chain[-1]["ts"]


def test_a_transaction_that_wrote_nothing_has_no_entry(engine: Engine) -> None:
    oplog = Oplog(engine, SettableClock(NOW_MS), enabled=True)
    transact(engine, oplog, [], [])
    transact(engine, Oplog(engine, SettableClock(NOW_MS), enabled=False), [], [("i", encode({"_id": 1}))])
    assert entries(engine) == []


def test_timestamps_ascend_without_holes(engine: Engine) -> None:
    clock = SettableClock(NOW_MS)
    oplog = Oplog(engine, clock, enabled=True)
    for _ in range(3):
        write(engine, oplog, ("i", {"_id": 1}), ("d", {"_id": 2}))
    seconds = NOW_MS // 1000
    stamps = [one["ts"] for one in entries(engine)]
    assert all((one.time, one.inc) == (seconds, stamps[0].inc + place) for place, one in enumerate(stamps))
    assert oplog.newest == stamps[-1]
    clock.advance(2000)
    write(engine, oplog, ("i", {"_id": 3}))
    assert oplog.newest == entries(engine)[-1]["ts"] == Timestamp(seconds + 2, 1)


def test_a_large_commit_makes_several_rows_whose_timestamps_go_on(engine: Engine) -> None:
    oplog = Oplog(engine, SettableClock(NOW_MS), enabled=True)
    write(engine, oplog, *(("u", {"_id": number, "text": "x" * 1000}) for number in range(100)))
    with engine.transaction() as unit:
        rows = list(unit.scan(OPLOG, b"", None))
    assert 2 <= len(rows) <= 5
    for key, row in rows:
        first = decode(entries_of(row, int.from_bytes(key, "big"))[0])["ts"]
        assert key == first.time.to_bytes(4, "big") + first.inc.to_bytes(4, "big")
    stamps = [one["ts"].inc for one in entries(engine)]
    assert stamps == list(range(stamps[0], stamps[0] + 100))
    assert oplog.newest.inc == stamps[-1]
    assert Oplog(engine, SettableClock(NOW_MS), enabled=True).newest == oplog.newest
    with engine.transaction() as unit:
        assert oplog.timestamp_in(unit) == oplog.newest


def test_inserts_share_an_entry_under_the_time_of_the_last(engine: Engine) -> None:
    oplog = Oplog(engine, SettableClock(NOW_MS), enabled=True)
    write(engine, oplog, ("u", {"_id": 0}), *(("i", {"_id": number}) for number in range(1, 4)), ("d", {"_id": 5}), ("i", {"_id": 6}))
    update, inserts, delete, insert = entries(engine)
    assert [one["op"] for one in (update, inserts, delete, insert)] == ["u", "c", "d", "i"]
    assert [one["o"]["_id"] for one in inserts["o"]["applyOps"]] == [1, 2, 3]
    assert [one["ts"].inc - update["ts"].inc for one in (inserts, delete, insert)] == [3, 4, 5]
    assert oplog.newest == insert["ts"]
    write(engine, oplog, *(("i", {"_id": number}) for number in range(10, 12)))
    assert Oplog(engine, SettableClock(NOW_MS), enabled=True).newest == oplog.newest == entries(engine)[-1]["ts"]


def test_a_clock_that_goes_back_does_not_take_the_oplog_along(engine: Engine) -> None:
    write(engine, Oplog(engine, SettableClock(NOW_MS), enabled=True), ("i", {"_id": 1}))
    earlier = Oplog(engine, SettableClock(NOW_MS - 60_000), enabled=True)
    write(engine, earlier, ("i", {"_id": 2}))
    first, second = (one["ts"] for one in entries(engine))
    assert (second.time, second.inc) == (first.time, first.inc + 1)


def test_a_standalone_server_keeps_none(engine: Engine) -> None:
    oplog = Oplog(engine, SettableClock(NOW_MS), enabled=False)
    commit(engine, oplog, [Entry("db.$cmd", None, encode({"create": "c"}))])
    assert entries(engine) == []
    with engine.transaction() as unit:
        assert unit.get(META, b"written") == b"yes"


def test_what_writes_nothing_is_no_entry(engine: Engine) -> None:
    oplog = Oplog(engine, SettableClock(NOW_MS), enabled=True)
    before = oplog.newest
    write(engine, oplog)
    assert entries(engine) == []
    assert oplog.newest == before


def test_a_write_that_fails_leaves_no_entry(engine: Engine) -> None:
    oplog = Oplog(engine, SettableClock(NOW_MS), enabled=True)
    before = oplog.newest
    loser, winner = engine.acquire(), threading.Thread(target=put_meta, args=(engine,))
    try:
        loser.begin()
        loser.get(META, b"k")
        winner.start()
        winner.join()
        with pytest.raises(WriteConflict):
            loser.put(META, b"k", b"mine")
            oplog.commit(loser, [], [(IDENTITY, [("i", encode({"_id": 1}))])])
    finally:
        engine.release(loser)
    assert entries(engine) == []
    assert oplog.newest == before


def put_meta(engine: Engine) -> None:
    with engine.transaction() as unit:
        unit.put(META, b"k", b"theirs")


def write_at_last(engine: Engine, oplog: Oplog) -> None:
    """Write, and retry after each conflict. All writers write the same key, so conflicts are frequent."""
    while True:
        try:
            write(engine, oplog, ("i", {"_id": 1}))
            return
        except WriteConflict:
            continue


def test_readers_never_see_a_hole(engine: Engine) -> None:
    """With four writing threads, a reader that sees an entry sees every earlier one."""
    oplog = Oplog(engine, SettableClock(NOW_MS), enabled=True)
    first = oplog.newest.inc + 1
    writers = [threading.Thread(target=lambda: [write_at_last(engine, oplog) for _ in range(100)]) for _ in range(4)]
    for thread in writers:
        thread.start()
    while any(thread.is_alive() for thread in writers):
        stamps = [one["ts"].inc for one in entries(engine)]
        assert stamps == list(range(first, first + len(stamps)))
    assert len(entries(engine)) == 400


def test_the_oldest_entries_go(engine: Engine) -> None:
    oplog = Oplog(engine, SettableClock(NOW_MS), enabled=True, retention=Retention(10**6, 5))
    for number in range(12):
        write(engine, oplog, ("i", {"_id": number}))
    oplog.trim()
    assert [one["o"]["_id"] for one in entries(engine)] == [7, 8, 9, 10, 11]


def test_young_entries_stay(engine: Engine) -> None:
    clock = SettableClock(NOW_MS)
    oplog = Oplog(engine, clock, enabled=True, retention=Retention(10**6, 1, 2))
    for number in range(4):
        write(engine, oplog, ("i", {"_id": number}))
        clock.advance(3_600_000)
    oplog.trim()
    assert [one["o"]["_id"] for one in entries(engine)] == [2, 3]


def test_a_changed_size_stays_after_a_restart(engine: Engine) -> None:
    clock = SettableClock(NOW_MS)
    oplog = Oplog(engine, clock, enabled=True)
    for number in range(5):
        write(engine, oplog, ("i", {"_id": number, "text": "x" * 1000}))
    oplog.resize(2500, None)
    assert [one["o"]["_id"] for one in entries(engine)] == [3, 4]
    oplog.resize(None, 1.5)
    assert Oplog(engine, clock, enabled=True, retention=Retention(10**6, 1)).retention == Retention(2500, None, 1.5)


def test_large_entries_are_trimmed_by_their_bytes(engine: Engine) -> None:
    oplog = Oplog(engine, SettableClock(NOW_MS), enabled=True, retention=Retention(5000, 50_000))
    assert not oplog.is_large
    for number in range(20):
        write(engine, oplog, ("i", {"_id": number, "text": "x" * 1000}))
    assert oplog.is_large
    oplog.trim()
    assert [one["o"]["_id"] for one in entries(engine)] == [16, 17, 18, 19]
    assert not oplog.is_large
    write(engine, oplog, ("i", {"_id": 20, "text": "x" * 10_000}))
    oplog.trim()
    assert [one["o"]["_id"] for one in entries(engine)] == [20]
