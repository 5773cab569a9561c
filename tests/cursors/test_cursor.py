"""Cursors: batch limits by number and by bytes, total limits, and the registry."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from secantus_server.bson import decode, encode
from secantus_server.bson.sizes import MAX_RESULT_BYTES
from secantus_server.clock import SettableClock
from secantus_server.cursors._registry import CursorRegistry
from secantus_server.cursors.cursor import DEFAULT_FIRST_BATCH, Cursor
from secantus_server.errors import CommandError
from secantus_server.exec._scan import RecordScan
from secantus_server.exec._write import CollectionWriter
from secantus_server.exec.read_scope import ReadScope
from secantus_server.storage import Engine

IDENT = 1000
MEGABYTE = 1024 * 1024


@pytest.fixture
def engine() -> Iterator[Engine]:
    opened = Engine.open(":memory:")
    yield opened
    opened.close()


def numbered(number: int, size: int = 0) -> Iterator[bytes]:
    return (encode({"_id": place, "x": "x" * size}) for place in range(number))


def next_batch(cursor: Cursor, engine: Engine, size: int | None) -> list[bytes]:
    with engine.transaction() as unit:
        return cursor.next_batch(unit, size)


def over(documents: Iterator[bytes], limit: int = 0) -> Cursor:
    return Cursor("db.c", documents, ReadScope(), limit=limit)


def ids(batch: list[bytes]) -> list[int]:
    return [decode(document)["_id"] for document in batch]


def test_the_first_batch_has_101_documents(engine: Engine) -> None:
    cursor = over(numbered(150))
    assert len(cursor.first_batch(None)) == DEFAULT_FIRST_BATCH == 101
    assert not cursor.exhausted
    assert ids(next_batch(cursor, engine, None)) == list(range(101, 150))
    assert cursor.exhausted


@pytest.mark.parametrize("size", [0, 1, 2, 5])
def test_batches_of_a_size(engine: Engine, size: int) -> None:
    cursor = over(numbered(5))
    assert ids(cursor.first_batch(size)) == list(range(size))
    assert ids(next_batch(cursor, engine, 2)) == list(range(size, min(size + 2, 5)))


def test_a_cursor_that_gave_its_last_document_does_not_know_it(engine: Engine) -> None:
    cursor = over(numbered(2))
    cursor.first_batch(2)
    assert not cursor.exhausted, "whether there is more shows with the next batch"
    assert next_batch(cursor, engine, 2) == []
    assert cursor.exhausted


@pytest.mark.parametrize(("limit", "size", "ends"), [(3, 4, True), (3, None, True), (3, 3, False), (1, 1, False), (101, None, False)])
def test_a_first_batch_that_the_limit_cuts_short_ends_the_cursor(limit: int, size: int | None, ends: bool) -> None:
    cursor = over(numbered(200), limit)
    assert ids(cursor.first_batch(size)) == list(range(limit))
    assert cursor.exhausted == ends


@pytest.mark.parametrize(("limit", "sizes"), [(3, [2, 1]), (4, [2, 2]), (3, [0, 3])])
def test_a_later_batch_that_reaches_the_limit_leaves_the_cursor_open(engine: Engine, limit: int, sizes: list[int]) -> None:
    cursor = over(numbered(10), limit)
    found = [*cursor.first_batch(sizes[0]), *next_batch(cursor, engine, sizes[1])]
    assert ids(found) == list(range(limit))
    assert not cursor.exhausted, "the server tells the end with the next batch"
    assert next_batch(cursor, engine, None) == []
    assert cursor.exhausted


@pytest.mark.parametrize("size", [2, 10, None])
def test_a_later_batch_that_the_limit_cuts_short_ends_the_cursor(engine: Engine, size: int | None) -> None:
    cursor = over(numbered(10), 5)
    found = [*cursor.first_batch(4), *next_batch(cursor, engine, size)]
    assert ids(found) == list(range(5))
    assert cursor.exhausted


def test_a_document_of_a_batch_has_at_most_16_megabytes_and_16_kilobytes() -> None:
    frame = len(encode({"x": ""}))
    largest = encode({"x": "x" * (MAX_RESULT_BYTES - frame)})
    assert over(iter([largest])).first_batch(1) == [largest]
    with pytest.raises(CommandError, match=r"BSONObj size: 16793601 \(0x1004001\) is invalid. .* between 0 and 16793600\(16MB\)") as caught:
        over(iter([encode({"x": "x" * (MAX_RESULT_BYTES - frame + 1)})])).first_batch(1)
    assert caught.value.code == 10334


def test_a_batch_holds_16_megabytes(engine: Engine) -> None:
    cursor = over(numbered(12, 3 * MEGABYTE))
    batches = [cursor.first_batch(100)]
    while not cursor.exhausted:
        batches.append(next_batch(cursor, engine, None))
    assert [len(batch) for batch in batches] == [5, 5, 2]
    assert [one for batch in batches for one in ids(batch)] == list(range(12)), "what did not fit came first in the next batch"


def test_a_document_as_large_as_a_batch_still_comes(engine: Engine) -> None:
    cursor = over(numbered(2, 16 * MEGABYTE))
    assert ids(cursor.first_batch(10)) == [0]
    assert ids(next_batch(cursor, engine, 10)) == [1]


def stored(engine: Engine, number: int, size: int) -> None:
    with engine.transaction() as unit:
        writer = CollectionWriter(unit, IDENT, [])
        for place, document in enumerate(numbered(number, size), 1):
            writer.insert(document, place)


@pytest.mark.parametrize(("number", "size"), [(30, 10), (12, 3 * MEGABYTE), (3, 15 * MEGABYTE)])
def test_a_scan_goes_on_in_another_transaction(engine: Engine, number: int, size: int) -> None:
    stored(engine, number, size)
    with engine.transaction() as unit:
        scope = ReadScope(unit)
        cursor = Cursor("db.c", scope.open(RecordScan(IDENT, None, lambda: None)), scope)
        found = ids(cursor.first_batch(7))
        cursor.pause()
    while not cursor.exhausted:
        batch = next_batch(cursor, engine, 7)
        assert sum(map(len, batch)) <= 16 * MEGABYTE or len(batch) == 1
        found += ids(batch)
    assert found == list(range(number))
    cursor.close()


def test_closing_closes_what_it_reads_from() -> None:
    closed = []

    def documents() -> Iterator[bytes]:
        try:
            yield from numbered(5)
        finally:
            closed.append(True)

    cursor = over(documents())
    cursor.first_batch(1)
    cursor.close()
    assert closed == [True]


@pytest.fixture
def registry() -> CursorRegistry:
    return CursorRegistry(SettableClock(0))


def test_the_registry_gives_ids(registry: CursorRegistry) -> None:
    first, second = registry.add(over(numbered(1))), registry.add(over(numbered(1)))
    assert first != second
    assert registry.open_ids() == {first, second}
    assert registry.open_count() == 2
    assert registry.peek(first) is not None


def test_an_unknown_cursor(registry: CursorRegistry) -> None:
    with pytest.raises(CommandError) as caught, registry.lend(5):
        pass
    assert (caught.value.code, caught.value.message) == (43, "cursor id 5 not found")
    assert not registry.kill(5)


def test_a_cursor_is_lent_to_one_at_a_time(registry: CursorRegistry) -> None:
    cursor_id = registry.add(over(numbered(3)))
    with registry.lend(cursor_id):
        with pytest.raises(CommandError) as caught, registry.lend(cursor_id):
            pass
        assert caught.value.code == 12051
    with registry.lend(cursor_id):
        pass


def test_an_exhausted_cursor_is_closed(registry: CursorRegistry) -> None:
    cursor_id = registry.add(over(numbered(3)))
    with registry.lend(cursor_id) as cursor:
        cursor.first_batch(10)
    assert registry.open_count() == 0


def test_a_cursor_that_fails_is_closed(registry: CursorRegistry) -> None:
    cursor_id = registry.add(over(numbered(3)))
    with pytest.raises(ValueError, match="broken"), registry.lend(cursor_id):
        raise ValueError("broken")
    assert registry.peek(cursor_id) is None


def test_killing_by_a_condition(registry: CursorRegistry) -> None:
    numbers = count()
    for _ in range(4):
        cursor = over(numbered(1))
        cursor.session = bytes([next(numbers) % 2])
        registry.add(cursor)
    assert registry.kill_where(lambda cursor: cursor.session == b"\0") == 2
    assert registry.open_count() == 2


def test_idle_cursors_time_out() -> None:
    clock = SettableClock(0)
    registry = CursorRegistry(clock)
    idle, lasting, used = over(numbered(1)), over(numbered(1)), over(numbered(1))
    lasting.no_timeout = True
    for cursor in (idle, lasting, used):
        registry.add(cursor)
    clock.advance(600_000)
    with registry.lend(used.id):
        clock.advance(1000)
        assert registry.close_idle(600) == 1
    assert registry.open_ids() == {lasting.id, used.id}
