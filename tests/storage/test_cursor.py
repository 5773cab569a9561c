"""Scans: bounds, directions, seeks, deleted keys, the end of a transaction."""

from __future__ import annotations

import pytest

from secantus_server.storage import CATALOG, Cursor, Engine

KEYS = [b"b", b"bb", b"c", b"c\0", b"d", b"e"]


def fill(engine: Engine) -> None:
    with engine.transaction() as unit:
        for key in [*KEYS, b"a-", b"cx", b"z-"]:
            unit.put(CATALOG, key, key + b"!")
    # Scans must skip deleted keys, at the ends and in the middle.
    with engine.transaction() as unit:
        for key in (b"a-", b"cx", b"z-"):
            unit.remove(CATALOG, key)


def keys(scan: Cursor) -> list[bytes]:
    return [key for key, _ in scan]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lower", [b"", b"a", b"b", b"b\0", b"c", b"d", b"e", b"f"])
@pytest.mark.parametrize("upper", [None, b"a", b"b", b"bb", b"c\0", b"e", b"f"])
def test_bounds(memory: Engine, lower: bytes, upper: bytes | None, reverse: bool) -> None:
    fill(memory)
    expected = [key for key in KEYS if lower <= key and (upper is None or key < upper)]
    with memory.transaction() as unit:
        entries = list(unit.scan(CATALOG, lower, upper, reverse))
    assert entries == [(key, key + b"!") for key in (reversed(expected) if reverse else expected)]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("past", [False, True])
@pytest.mark.parametrize("key", [b"a", b"b", b"bb", b"bc", b"c", b"d", b"e", b"f"])
def test_seek(engine: Engine, key: bytes, past: bool, reverse: bool) -> None:
    fill(engine)
    within = [each for each in KEYS if b"bb" <= each < b"e"]
    if reverse:
        expected = [each for each in reversed(within) if each < key or (each == key and not past)]
    else:
        expected = [each for each in within if each > key or (each == key and not past)]
    with engine.transaction() as unit:
        scan = unit.scan(CATALOG, b"bb", b"e", reverse)
        next(scan)
        (scan.seek_past if past else scan.seek_at)(key)
        assert keys(scan) == expected
        assert keys(scan) == []
        scan.seek_at(b"c")
        assert next(scan)[0] == b"c"


def test_a_scan_ends_with_its_transaction(memory: Engine) -> None:
    fill(memory)
    unit = memory.acquire()
    unit.begin()
    scan = unit.scan(CATALOG, b"", None)
    assert next(scan)[0] == b"b"
    unit.rollback()
    unit.begin()
    with pytest.raises(AssertionError, match="has ended"):
        next(scan)
    again = unit.scan(CATALOG, b"", None)
    again.seek_past(b"b")
    assert next(again)[0] == b"bb"
    scan.close()
    again.close()
    again.close()
    memory.release(unit)


def test_a_scan_sees_the_writes_of_its_own_transaction(memory: Engine) -> None:
    fill(memory)
    with memory.transaction() as unit:
        scan = unit.scan(CATALOG, b"", None)
        assert next(scan)[0] == b"b"
        unit.remove(CATALOG, b"bb")
        unit.put(CATALOG, b"ca", b"")
        assert keys(scan) == [b"c", b"c\0", b"ca", b"d", b"e"]


def test_scans_beside_each_other(memory: Engine) -> None:
    fill(memory)
    with memory.transaction() as unit:
        pairs = [(a, b) for a, _ in unit.scan(CATALOG, b"", None) for b, _ in unit.scan(CATALOG, a, None, True)]
    assert len(pairs) == 21
