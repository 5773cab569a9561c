"""Scans: pausing and continuing in another transaction, counters, and interruption."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from secantus_server.bson import decode, encode
from secantus_server.errors import CommandError
from secantus_server.exec._covered import EntryShape
from secantus_server.exec._scan import IndexScan, RecordScan, Scan, next_prefix
from secantus_server.exec.find_output import Skipping, WithRecordId
from secantus_server.exec.read_scope import ReadScope
from secantus_server.exec.sorting import SortedDocuments
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.storage import RecoveryUnit
from tests.property.memory_collection import MemoryCollection, never

WHOLE = [(b"", b"\xff" * 9)]


@contextmanager
def transaction(collection: MemoryCollection) -> Iterator[RecoveryUnit]:
    unit = collection.engine.acquire()
    unit.begin()
    yield unit
    collection.engine.release(unit)


def record_scan(collection: MemoryCollection, filter: dict[str, Any] | None = None, **options: Any) -> RecordScan:
    return RecordScan(collection.ident, parse_match(filter, ParseContext()) if filter else None, never, **options)


def index_scan(collection: MemoryCollection, reverse: bool = False, **options: Any) -> IndexScan:
    return IndexScan(collection.indexes[-1], WHOLE, collection.ident, None, never, reverse, **options)


def ids(documents: Any) -> list[Any]:
    return [decode(document)["_id"] for document in documents]


SCANS: list[tuple[Callable[[MemoryCollection], Scan], list[int]]] = [
    (record_scan, [0, 1, 2, 3, 4, 5]),
    (lambda collection: record_scan(collection, reverse=True), [5, 4, 3, 2, 1, 0]),
    (index_scan, [3, 4, 5, 0, 1, 2]),
    (lambda collection: index_scan(collection, True), [2, 1, 0, 5, 4, 3]),
]


@pytest.fixture
def filled(collection: MemoryCollection) -> MemoryCollection:
    collection.add_index({"a": 1})
    for number in range(6):
        collection.insert({"_id": number, "a": (number + 3) % 6})
    return collection


@pytest.mark.parametrize(("make", "expected"), SCANS)
@pytest.mark.parametrize("pause_after", [0, 1, 3, 5, 6])
def test_a_scan_goes_on_in_another_transaction(filled: MemoryCollection, make: Any, expected: list[int], pause_after: int) -> None:
    scan = make(filled)
    with transaction(filled) as unit:
        scan.attach(unit)
        found = [decode(next(scan))["_id"] for _ in range(pause_after)]
        scan.detach()
    with transaction(filled) as unit:
        scan.attach(unit)
        found += ids(scan)
        scan.close()
    assert found == expected


@pytest.mark.parametrize(("make", "expected"), SCANS)
def test_documents_removed_during_a_pause_are_not_given(filled: MemoryCollection, make: Any, expected: list[int]) -> None:
    scan = make(filled)
    with transaction(filled) as unit:
        scan.attach(unit)
        first = decode(next(scan))["_id"]
        scan.detach()
    filled.delete(expected[0] + 1)
    filled.delete(expected[1] + 1)
    with transaction(filled) as unit:
        scan.attach(unit)
        assert [first, *ids(scan)] == [expected[0], *expected[2:]]
        scan.close()


def test_an_index_that_becomes_multikey_gives_each_document_once(filled: MemoryCollection) -> None:
    scan = index_scan(filled, covered=EntryShape(["a"], True))
    with transaction(filled) as unit:
        scan.attach(unit)
        assert decode(next(scan)) == {"a": 0}
        scan.detach()
    filled.insert({"_id": 9, "a": [7, 8]})
    with transaction(filled) as unit:
        scan.attach(unit)
        # The entries do not contain the whole value, so the document is fetched.
        assert list(map(decode, scan))[-2:] == [{"a": 5}, {"_id": 9, "a": [7, 8]}]
        scan.close()


def test_counts(filled: MemoryCollection) -> None:
    with transaction(filled) as unit:
        scan = record_scan(filled, {"a": {"$lt": 2}})
        scan.attach(unit)
        assert scan.count() == 2
        assert (scan.docs_examined, scan.advanced) == (6, 2)


def test_a_tailing_scan_waits_at_the_end(filled: MemoryCollection) -> None:
    scan = record_scan(filled, {"a": {"$ne": 4}}, tailing=True)
    with transaction(filled) as unit:
        scan.attach(unit)
        assert len(list(scan)) == 5
        assert not scan.finished
        scan.detach()
    filled.insert({"_id": 6, "a": 9})
    with transaction(filled) as unit:
        scan.attach(unit)
        assert ids(scan) == [6]
        scan.detach()


def test_a_tailing_scan_that_lost_its_place_ends_in_an_error(filled: MemoryCollection) -> None:
    scan = record_scan(filled, tailing=True)
    with transaction(filled) as unit:
        scan.attach(unit)
        next(scan)
        scan.detach()
    filled.delete(1)
    with transaction(filled) as unit, pytest.raises(CommandError) as raised:
        scan.attach(unit)
    assert raised.value.code == 136


def test_a_scan_asks_regularly_whether_to_go_on(collection: MemoryCollection) -> None:
    def stop() -> None:
        raise CommandError(11601, "operation was interrupted")

    for number in range(200):
        collection.insert({"_id": number})
    with transaction(collection) as unit:
        scan = RecordScan(collection.ident, None, stop)
        scan.attach(unit)
        with pytest.raises(CommandError):
            scan.count()


@pytest.mark.parametrize(("prefix", "expected"), [(b"a", b"b"), (b"a\xff", b"b"), (b"a\xff\xff", b"b"), (b"\xff", None), (b"", None)])
def test_next_prefix(prefix: bytes, expected: bytes | None) -> None:
    assert next_prefix(prefix) == expected


@pytest.mark.parametrize(
    ("paths", "document", "shown"),
    [
        (["a"], {"a": 1}, {"a": 1}),
        (["a"], {"b": 1}, {}),
        (["a", "b"], {"b": None}, {"b": None}),
        (["a.b", "c", "a.d"], {"a": {"d": "x", "b": 1}, "c": 2.5}, {"a": {"b": 1, "d": "x"}, "c": 2.5}),
        (["a.b.c"], {"a": {"b": {"c": {"e": 1}}}}, {"a": {"b": {"c": {"e": 1}}}}),
    ],
)
def test_documents_made_of_entries(collection: MemoryCollection, paths: list[str], document: dict[str, Any], shown: dict[str, Any]) -> None:
    collection.add_index(dict.fromkeys(paths, 1))
    collection.insert({"_id": 1, **document})
    with transaction(collection) as unit:
        scan = index_scan(collection, covered=EntryShape(paths, True))
        scan.attach(unit)
        assert list(map(decode, scan)) == [shown]
        assert scan.docs_examined == 0
        scan.close()


def test_an_absent_value_of_a_dotted_path_is_looked_up(collection: MemoryCollection) -> None:
    collection.add_index({"a.b": 1})
    collection.insert({"_id": 1, "a": {"c": 1}})
    assert collection.find({"a.b": {"$exists": False}}, {"_id": 0, "a.b": 1}, hint={"a.b": 1}) == [{"a": {}}]


class Source(Iterator[bytes]):
    """Documents with RecordIds."""

    def __init__(self, values: list[int]) -> None:
        self._values = list(enumerate(values, 1))
        self.record_id = 0

    def __next__(self) -> bytes:
        if not self._values:
            raise StopIteration
        self.record_id, value = self._values.pop(0)
        return encode({"v": value})


def by_value(document: bytes) -> bytes:
    return bytes([decode(document)["v"]])


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 10])
def test_sorting_keeps_the_order_of_equal_keys(limit: int) -> None:
    documents = SortedDocuments(Source([3, 1, 2, 1, 3]), by_value, limit)
    found = [(decode(document)["v"], documents.record_id) for document in documents]
    whole = [(1, 2), (1, 4), (2, 3), (3, 1), (3, 5)]
    assert found == (whole[:limit] if limit else whole)


def test_skipping_and_record_ids() -> None:
    skipped = Skipping(Source([7, 8, 9]), 2)
    assert [decode(document) for document in WithRecordId(skipped, lambda document: document)] == [{"v": 9, "$recordId": 3}]


def test_a_scope_moves_its_scans_together(filled: MemoryCollection) -> None:
    scope = ReadScope()
    with transaction(filled) as unit:
        scope.attach(unit)
        first, second = scope.open(record_scan(filled)), scope.open(index_scan(filled))
        assert ids([next(first), next(second)]) == [0, 3]
        scope.detach()
    with transaction(filled) as unit:
        scope.attach(unit)
        assert ids([next(first), next(second)]) == [1, 4]
        scope.close()
    assert first.finished
    assert second.finished


def test_the_check_of_the_operation_that_reads_now(filled: MemoryCollection) -> None:
    def interrupt() -> None:
        raise CommandError(11601, "operation was interrupted")

    scope = ReadScope()
    scope.check()
    with transaction(filled) as unit:
        scope.attach(unit, None, interrupt)
        with pytest.raises(CommandError):
            scope.check()
        scope.attach(unit)
        with pytest.raises(CommandError):
            scope.check()
        scope.attach(unit, None, never)
        scope.check()


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("removed", [[], [4], [4, 5, 6], [1, 3, 5, 7, 9], [10], list(range(12))])
def test_a_batch_of_an_index_scan_is_the_documents_one_by_one(collection: MemoryCollection, reverse: bool, removed: list[int]) -> None:
    """Runs of successive RecordIds, in both directions, with gaps and jumps, and before the documents of another collection."""
    collection.add_index({"a": 1})
    for number, place in enumerate([0, 1, 2, 3, 20, 19, 18, 17, 7, 8, 30, 9]):
        collection.insert({"_id": number, "a": place})
    other = MemoryCollection(collection.engine)
    other.insert({"_id": "other"})
    for number in removed:
        collection.delete(number + 1)
    with transaction(collection) as unit:
        scan, other_scan = index_scan(collection, reverse), index_scan(collection, reverse)
        scan.attach(unit)
        other_scan.attach(unit)
        one_by_one = list(other_scan)
        batch: list[bytes] = []
        while scan.batch(batch, len(batch) + 5, 1 << 20) >= 0:
            record = record_scan(other)
            record.attach(unit)
            next(record)
        assert batch == one_by_one
        assert scan.docs_examined == other_scan.docs_examined == len(batch) == 12 - len(removed)
