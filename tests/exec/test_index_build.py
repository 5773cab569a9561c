"""New indexes have the entries, flags and errors that they have if each document is added by itself, in the order of the scan."""

from __future__ import annotations

import secrets
from random import Random
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.errors import CommandError
from secantus_server.exec._index_build import fill_indexes
from secantus_server.exec._scan import RecordScan
from secantus_server.exec._write import CollectionWriter
from secantus_server.index._index import Index
from secantus_server.index.build import make_index
from secantus_server.index.errors import DuplicateKey
from secantus_server.storage import RecoveryUnit
from secantus_server.storage.tables import INDEX_ENTRIES
from tests.property.memory_collection import MemoryCollection, never

VALUES: list[Any] = [
    *(1, 1.0, Int64(1), Decimal128("1.0"), 2, -7, 2.5, "a", "A", "", "text" * 20, "a\0b", None, True, {"x": 1}, {"x": 1.0}),
    *([], [1, 2], [1.0, "a"], [[1]], [{"x": 1}, {"x": 2}]),
    *([2, 1, 2.0, Int64(2), "a", 1], [{"x": 1}, {"x": 1.0}, {}, {"x": [1, 3]}], [{"x": []}, {"y": 1}], [{}, 5], [None, {"x": None}]),
]
SPECS: list[dict[str, Any]] = [
    {"key": {"a": 1}},
    {"key": {"a": -1, "b": 1}},
    {"key": {"b.x": 1}, "sparse": True},
    {"key": {"a.x": -1, "b": 1}, "sparse": True},
    {"key": {"a.x": 1, "a.y": 1}},
    {"key": {"a.1": 1}},
    {"key": {"a.x": 1}, "partialFilterExpression": {"b": {"$exists": True}}, "collation": {"locale": "en", "strength": 1}},
    {"key": {"b": 1}, "partialFilterExpression": {"a": {"$gt": 1}}},
    {"key": {"a": 1}, "collation": {"locale": "en", "strength": 1}},
    {"key": {"$**": 1}},
    {"key": {"b.x": "hashed"}},
    {"key": {"a": 1}, "unique": True},
    {"key": {"a.x": 1, "_id": 1}, "unique": True, "sparse": True},
    {"key": {"_id": -1, "a": 1}, "unique": True},
    {"key": {"a": 1, "b": -1}, "unique": True, "sparse": True},
    {"key": {"b": 1}, "unique": True, "partialFilterExpression": {"a": {"$gt": 1}}},
]


@pytest.fixture
def random() -> Random:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return Random(seed)


def random_documents(random: Random, count: int) -> list[dict[str, Any]]:
    values = random.sample(VALUES, random.randrange(2, len(VALUES))) + random.sample(range(100), 60)
    found = []
    for number in range(count):
        document = {name: random.choice(values) for name in "ab" if random.random() < 0.9}
        # Two arrays cannot be indexed together.
        if type(document.get("a")) is list:
            document.pop("b", None)
        found.append({"_id": number, **document})
    return found


def new_indexes(collection: MemoryCollection, specs: list[dict[str, Any]]) -> list[Index]:
    return [make_index({"v": 2, "name": f"i{i}", **spec}, collection.engine.new_ident()) for i, spec in enumerate(specs)]


def add_each(writer: CollectionWriter, indexes: list[Index], scan: RecordScan) -> None:
    """Add each document by itself. Raise the error with the smallest key of the first index that has a duplicate."""
    duplicates: dict[str, DuplicateKey] = {}
    for document in scan:
        for index in indexes:
            try:
                writer.add_to_index(index, document, scan.record_id)
            except DuplicateKey as error:
                least = duplicates.setdefault(index.name, error)
                if error.key < least.key:
                    duplicates[index.name] = error
    for index in indexes:
        if index.name in duplicates:
            raise duplicates[index.name]


def stored(unit: RecoveryUnit, index: Index) -> list[tuple[bytes, bytes]]:
    upper = (index.ident + 1).to_bytes(4, "big")
    return [(bytes(key)[4:], bytes(value)) for key, value in unit.scan(INDEX_ENTRIES, index.prefix, upper)]


def built(collection: MemoryCollection, specs: list[dict[str, Any]], run_bytes: int | None, *, between: bool = False) -> Any:
    """Build indexes; with None, document by document. Return all that is known of them, or the error.

    Arguments:
        between: whether the table has an entry behind those of the indexes.
    """
    unit = collection.engine.acquire()
    unit.begin()
    indexes = new_indexes(collection, specs)
    if between:
        unit.put(INDEX_ENTRIES, make_index({"v": 2, "name": "last", "key": {"a": 1}}, collection.engine.new_ident()).prefix + b"x", b"")
    writer = CollectionWriter(unit, collection.ident, collection.indexes[:1])
    scan = RecordScan(collection.ident, None, never)
    scan.attach(unit)
    try:
        if run_bytes is None:
            add_each(writer, indexes, scan)
        else:
            fill_indexes(writer, indexes, scan, None, run_bytes)
        return (
            [stored(unit, index) for index in indexes],
            [index.marks for index in indexes],
            [index.name for index in writer.became_multikey],
        )
    except DuplicateKey as error:
        return error.index, error.key, repr(error.values)
    except CommandError as error:
        return error.code, error.message
    finally:
        scan.close()
        unit.rollback()
        collection.engine.release(unit)


@pytest.mark.parametrize("run_bytes", [0, 700, 1 << 25])
def test_entries_equal_those_of_documents_added_one_by_one(collection: MemoryCollection, random: Random, run_bytes: int) -> None:
    for document in random_documents(random, 150):
        collection.insert(document)
    for spec in SPECS:
        assert built(collection, [spec], run_bytes) == built(collection, [spec], None), spec
    several = random.sample(SPECS, 4)
    assert built(collection, several, run_bytes) == built(collection, several, None), several


@pytest.mark.parametrize("direction", [1, -1])
def test_keys_that_differ_late_are_sorted(collection: MemoryCollection, random: Random, direction: int) -> None:
    for number in range(1000):
        text = "".join(random.choices("ab\0", weights=(20, 1, 1), k=random.randrange(16)))
        collection.insert({"_id": number, "a": random.choice([text, [text, "a"]]), "b": random.choice([text, 1])})
    for key in ({"a": direction}, {"b": direction, "_id": 1}):
        assert built(collection, [{"key": key}], 1 << 25) == built(collection, [{"key": key}], None), key


@pytest.mark.parametrize("run_bytes", [0, 100, 1 << 25])
def test_the_second_document_of_the_smallest_duplicate_key_is_reported(collection: MemoryCollection, run_bytes: int) -> None:
    for number, value in enumerate([9, 9, 5, [7, 5.0], 5.5, Int64(5), 3, 9.0]):
        collection.insert({"_id": number, "a": value})
    unique = {"key": {"a": 1}, "unique": True}
    assert built(collection, [{"key": {"_id": 1}}, unique], run_bytes) == built(collection, [{"key": {"_id": 1}}, unique], None)
    assert built(collection, [unique], run_bytes)[2] == "[5.0]"


@pytest.mark.parametrize("between", [False, True])
def test_entries_are_stored_at_the_end_of_the_table_and_between_others(collection: MemoryCollection, random: Random, between: bool) -> None:
    for document in random_documents(random, 400):
        collection.insert(document)
    for spec in SPECS:
        assert built(collection, [spec], 1 << 25, between=between) == built(collection, [spec], None), spec
        assert built(collection, [spec], 9000, between=between) == built(collection, [spec], None), spec


@pytest.mark.parametrize("between", [False, True])
@pytest.mark.parametrize("position", [0, 1, 62, 63, 64, 65, 127, 128])
def test_a_duplicate_is_found_at_each_position_of_a_run(collection: MemoryCollection, position: int, between: bool) -> None:
    for number in range(130):
        collection.insert({"_id": number, "a": number})
    collection.insert({"_id": 500, "a": position})
    unique = {"key": {"a": 1}, "unique": True}
    name, _, values = built(collection, [unique], 1 << 25, between=between)
    assert (name, values) == ("i0", f"[{position}]")


def test_entries_that_need_several_pages_are_stored(collection: MemoryCollection) -> None:
    for number in range(12_000):
        collection.insert({"_id": number, "a": f"{number * 7919 % 12_000:06}" + "x" * 500})
    ((entries,), _, _) = built(collection, [{"key": {"a": 1}}], 1 << 25)
    keys = [key for key, _ in entries]
    assert keys == sorted(set(keys))
    assert len(keys) == 12_000


def test_a_document_that_cannot_be_indexed_precedes_duplicates(collection: MemoryCollection) -> None:
    for number, document in enumerate([{"a": 1}, {"a": 1}, {"a": [1], "b": [2]}]):
        collection.insert({"_id": number, **document})
    assert built(collection, [{"key": {"a": 1, "b": 1}, "unique": True}], 1 << 25)[0] == 171


def test_entries_are_stored_under_the_interruption_check(collection: MemoryCollection) -> None:
    for number in range(1000):
        collection.insert({"_id": number, "a": -number})
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1

    with collection.engine.transaction() as unit:
        scan = RecordScan(collection.ident, None, check)
        scan.attach(unit)
        while next(scan, None) is not None:
            pass
        of_scan, calls = calls, 0
        scan = RecordScan(collection.ident, None, check)
        scan.attach(unit)
        fill_indexes(CollectionWriter(unit, collection.ident, []), new_indexes(collection, SPECS[:1]), scan, None)
        scan.close()
    assert calls > of_scan
