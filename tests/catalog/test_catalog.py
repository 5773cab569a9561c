"""The catalog: created entries are found by name and after a restart, and a restored snapshot removes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bson.binary import Binary

from secantus_server.bson import decode, encode
from secantus_server.catalog.catalog import Catalog
from secantus_server.catalog.changes import CatalogChanges, save_row
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.rows import database_range, decode_row, encode_row, row_key, split_key
from secantus_server.clock import SettableClock
from secantus_server.index.build import make_index
from secantus_server.storage import RECORDS, Engine, pack_ident

CLOCK = SettableClock(0)
UUID = Binary(b"0123456789abcdef", 4)


@pytest.fixture
def engine() -> Iterator[Engine]:
    opened = Engine.open(":memory:")
    yield opened
    opened.close()


@contextmanager
def changing(engine: Engine, catalog: Catalog) -> Iterator[CatalogChanges]:
    with engine.transaction() as unit:
        changes = CatalogChanges(unit)
        yield changes
    catalog.apply(changes)


def create(engine: Engine, catalog: Catalog, db: str, name: str, **options: object) -> Collection:
    with changing(engine, catalog) as change:
        index = make_index({"v": 2, "key": {"_id": 1}, "name": "_id_"}, engine.new_ident())
        collection = Collection(db, name, catalog.new_uuid(), engine.new_ident(), dict(options), [index])
        change.save(collection)
    return collection


def drop(engine: Engine, catalog: Catalog, collection: Collection) -> None:
    with changing(engine, catalog) as change:
        change.remove(collection)


def names(catalog: Catalog, db: str) -> list[str]:
    return [collection.name for collection in catalog.collections(db)]


def test_what_is_created_is_found(engine: Engine) -> None:
    catalog = Catalog(engine, CLOCK)
    assert catalog.find("db", "c") is None
    made = create(engine, catalog, "db", "c")
    assert catalog.find("db", "c") is made
    assert catalog.find_uuid("db", made.uuid) is made
    assert catalog.find_uuid("other", made.uuid) is None
    assert made.namespace == "db.c"
    assert made.id_index is made.index_named("_id_") is made.indexes[0]


def test_listing_is_by_name(engine: Engine) -> None:
    catalog = Catalog(engine, CLOCK)
    for db, name in [("b", "z"), ("b", "a"), ("a", "m")]:
        create(engine, catalog, db, name)
    assert catalog.databases() == ["a", "b"]
    assert names(catalog, "b") == ["a", "z"]
    assert names(catalog, "none") == []


def test_what_is_dropped_is_gone(engine: Engine) -> None:
    catalog = Catalog(engine, CLOCK)
    made = create(engine, catalog, "db", "c")
    key = pack_ident(made.ident) + b"1"
    with engine.transaction() as unit:
        unit.put(RECORDS, key, b"document")
    drop(engine, catalog, made)
    assert catalog.find("db", "c") is None
    assert catalog.databases() == []
    engine.purge_orphans(1000)
    with engine.transaction() as unit:
        assert unit.get(RECORDS, key) is None


def test_a_change_that_fails_changes_nothing(engine: Engine) -> None:
    catalog = Catalog(engine, CLOCK)
    kept = create(engine, catalog, "db", "kept")
    with pytest.raises(ValueError, match="no"), changing(engine, catalog) as change:
        change.remove(kept)
        change.save(Collection("db", "new", catalog.new_uuid(), engine.new_ident(), {}, []))
        raise ValueError("no")
    assert names(catalog, "db") == ["kept"]
    assert names(Catalog(engine, CLOCK), "db") == ["kept"]


def test_a_row_can_be_saved_in_any_transaction(engine: Engine) -> None:
    catalog = Catalog(engine, CLOCK)
    with engine.transaction() as unit:
        save_row(unit, Collection("db", "c", catalog.new_uuid(), engine.new_ident(), {}, []))
    assert names(Catalog(engine, CLOCK), "db") == ["c"]


def test_a_view_does_not_change(engine: Engine) -> None:
    catalog = Catalog(engine, CLOCK)
    made = create(engine, catalog, "db", "c")
    before = catalog.view
    drop(engine, catalog, made)
    create(engine, catalog, "db", "d")
    assert before.find("db", "c") is made
    assert [collection.name for collection in before.all()] == ["c"]
    assert [collection.name for collection in catalog.view.all()] == ["d"]


def test_a_restart_finds_everything(tmp_path: Path) -> None:
    first = Engine.open(str(tmp_path / "data"))
    made = create(first, Catalog(first, CLOCK), "db", "c", capped=True, size=4096)
    view = create(first, Catalog(first, CLOCK), "db", "v", viewOn="c", pipeline=[{"$match": {"a": 1}}])
    first.close()
    second = Engine.open(str(tmp_path / "data"))
    catalog = Catalog(second, CLOCK)
    found, shown = catalog.find("db", "c"), catalog.find("db", "v")
    second.close()
    assert found is not None
    assert shown is not None
    assert (found.uuid, found.ident, found.options) == (made.uuid, made.ident, made.options)
    assert found.is_capped
    assert not found.is_view
    assert shown.is_view
    assert shown.options == view.options
    assert [index.spec for index in found.indexes] == [index.spec for index in made.indexes]


def test_a_restored_snapshot_takes_changes_back(engine: Engine) -> None:
    catalog = Catalog(engine, CLOCK)
    old, changed = create(engine, catalog, "db", "old"), create(engine, catalog, "db", "changed")
    snapshot = engine.push_snapshot()
    drop(engine, catalog, old)
    create(engine, catalog, "db", "new")
    with changing(engine, catalog) as change:
        change.save(Collection("db", "changed", changed.uuid, changed.ident, {"capped": True}, changed.indexes))
    assert names(catalog, "db") == ["changed", "new"]
    catalog.reload(engine.restore(snapshot))
    assert names(catalog, "db") == ["changed", "old"]
    back = catalog.find("db", "changed")
    assert back is not None
    assert not back.is_capped


def test_a_restored_snapshot_that_nothing_was_written_in(engine: Engine) -> None:
    catalog = Catalog(engine, CLOCK)
    made = create(engine, catalog, "db", "c")
    catalog.reload(engine.restore(engine.push_snapshot()))
    assert catalog.find("db", "c") is made


def test_a_collections_count() -> None:
    collection = Collection("db", "c", UUID, 1, {}, [])
    assert collection.count() is None
    collection.remember_count(5, 1)
    collection.documents_changed(+2)
    assert collection.count() == 7
    collection.remember_count(1, 2)
    assert collection.count() == 7, "it was counted before the change"
    changed = Collection("db", "c", UUID, 1, {"capped": True}, [])
    changed.continue_from(collection)
    collection.documents_changed(-1)
    assert changed.count() == 6, "a write that began before the change of the definition counts as well"


def test_a_count_is_not_kept_while_a_commit_may_or_may_not_be_in_it() -> None:
    collection = Collection("db", "c", UUID, 1, {}, [])
    collection.document_count.begin_change()
    collection.remember_count(1, 5)
    assert collection.count() is None
    collection.document_count.end_change(+1, newest=6)
    collection.remember_count(1, 6)
    assert collection.count() is None, "the scan's transaction may have begun before the commit"
    collection.document_count.begin_change()
    collection.document_count.cancel_change()
    collection.remember_count(2, 7)
    assert collection.count() == 2


def test_a_restore_corrects_the_count(engine: Engine) -> None:
    catalog = Catalog(engine, CLOCK)
    collection = create(engine, catalog, "db", "c")
    prefix = collection.ident.to_bytes(4, "big")

    def write(difference: int, **records: bytes | None) -> None:
        with engine.transaction() as unit:
            for key, value in records.items():
                if value is None:
                    unit.remove(RECORDS, prefix + key.encode())
                else:
                    unit.put(RECORDS, prefix + key.encode(), value)
        collection.documents_changed(difference)

    collection.remember_count(0, 0)
    write(+2, a=b"1", b=b"1")
    outer = engine.push_snapshot()
    write(+1, c=b"1")
    engine.push_snapshot()
    write(+1, a=b"2", b=None, d=b"1", e=b"1")
    write(-1, c=None, e=None, b=b"3")
    assert collection.count() == 3
    catalog.reload(engine.restore(outer))
    assert collection.count() == 2
    write(-2, a=None, b=None)
    catalog.reload(engine.restore(outer))
    assert collection.count() == 2


def test_record_ids_ascend_from_the_newest() -> None:
    collection = Collection("db", "c", UUID, 1, {}, [])
    assert next(collection.record_ids.numbers(lambda: 41)) == 42
    assert [next(collection.record_ids.numbers(lambda: 0)) for _ in range(3)] == [43, 44, 45]


def test_the_first_record_id_is_1() -> None:
    collection = Collection("db", "c", UUID, 1, {}, [])
    collection.record_ids.begin()
    assert next(collection.record_ids.numbers(lambda: 41)) == 1


@pytest.mark.parametrize(("db", "name"), [("db", "c"), ("db", "a.b.c"), ("ü", "sys.ß"), ("db", "\udc80 lone")])
def test_row_keys(db: str, name: str) -> None:
    key = row_key(db, name)
    assert split_key(key) == (db, name)
    lower, upper = database_range(db)
    assert lower <= key < upper
    assert not lower <= row_key(db + "x", name) < upper


def test_rows() -> None:
    index = make_index({"v": 2, "key": {"a": 1}, "name": "a_1", "unique": True}, 9, multikey=True)
    collection = Collection("db", "c", UUID, 7, {"validator": {"a": 1}}, [index])
    row = encode_row(collection)
    assert encode(decode(row)) == row
    back = decode_row(row_key("db", "c"), row)
    assert (back.namespace, back.uuid, back.ident, back.options) == ("db.c", collection.uuid, 7, collection.options)
    assert (back.indexes[0].spec, back.indexes[0].ident, back.indexes[0].multikey) == (index.spec, 9, True)
