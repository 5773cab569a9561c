"""The rows of the catalog: the template for collections without options makes the rows of the general encoder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bson import encode
from bson.binary import Binary

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.rows import decode_row, encode_row, plain_row, row_key
from secantus_server.dispatch.services import Services
from secantus_server.index.build import id_index, make_index
from secantus_server.server import SecantusDBServer
from secantus_server.storage import CATALOG
from secantus_server.work._creation import begin_creation
from secantus_server.work.collections import create_collection, id_index_spec, plain_creation
from tests.work.test_express import Side, batch, message

UUIDS = [b"0123456789abcdef", bytes(16), b"\xfe" * 16, b"\xff" * 16, b"\xfe\xfe\xfe\x7e" * 4, b"\0uuid\0\x05\x10\0\0\0\x04abcd"]
IDENTS = [(1, 2), (255, 256), (0x7EFEFEFE, 0x7DFDFDFD), (0x7DFDFDFD, 0x7EFEFEFE), (0x7FFFFFFE, 0x7FFFFFFF), (0x10000, 1)]
NAMES = ["c", "a.b.c", "größe", "見出し", "\U0001f600", "with space", "x" * 247, "é" * 123, "1", "uuid", "_id_", "idIndex"]


@pytest.fixture(scope="module")
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as running:
        yield running


@pytest.mark.parametrize("uuid", UUIDS)
@pytest.mark.parametrize(("ident", "index_ident"), IDENTS)
def test_a_plain_row_equals_the_encoded_one(uuid: bytes, ident: int, index_ident: int) -> None:
    collection = Collection("shop", "c", Binary(uuid, 4), ident, {}, [id_index(index_ident)])
    row = plain_row(collection)
    assert row == encode_row(collection)
    found = decode_row(row_key("shop", "c"), row)
    assert (found.uuid, found.ident, found.options, found.indexes[0].ident) == (Binary(uuid, 4), ident, {}, index_ident)
    assert not found.indexes[0].multikey


def test_the_index_on_id_is_the_one_of_its_definition() -> None:
    quick, general = id_index(7), make_index(id_index_spec({}), 7)
    assert list(quick.spec.items()) == list(general.spec.items())
    for name in ("ident", "name", "kind", "is_id", "multikey", "unique", "hidden"):
        assert getattr(quick, name) == getattr(general, name), name
    assert id_index(8).spec is not quick.spec
    assert id_index(8).spec["key"] is not quick.spec["key"]


def create_quickly(services: Services, db: str, name: str) -> None:
    """Create a collection as the express lane does, which takes only names that are short words."""
    unit = services.engine.acquire()
    creation = begin_creation(services, unit, services.catalog.begin(unit), db, name)
    assert creation is not None
    creation.commit((), None, ())
    services.engine.release(unit)
    creation.end()


@pytest.mark.parametrize("name", NAMES)
def test_both_paths_store_the_same_row_and_entry(server: SecantusDBServer, name: str) -> None:
    services = server.services
    create_quickly(services, "quick", name)
    create_collection(services, "general", name, {})
    rows, collections = [], []
    with services.engine.transaction() as unit:
        for db in ("quick", "general"):
            collection = services.catalog.find(db, name)
            assert collection is not None
            row = unit.get(CATALOG, row_key(db, name))
            assert row == encode_row(collection) == plain_row(collection)
            rows.append(row)
            collections.append(collection)
    quick, general = collections
    assert len(rows[0]) == len(rows[1])
    assert quick.uuid != general.uuid
    assert {quick.ident, quick.indexes[0].ident}.isdisjoint({general.ident, general.indexes[0].ident})
    assert (quick.options, quick.count(), quick.search_indexes) == (general.options, general.count(), general.search_indexes)
    log = {"find": "oplog.rs", "filter": {"ns": {"$in": ["quick.$cmd", "general.$cmd"]}, "o.create": name}, "$db": "local"}
    entries = batch(Side(server, False).run(message(log)))
    assert [encode(entry["o"]) for entry in entries] == [plain_creation(name)] * 2
    assert [entry["ui"] for entry in entries] == [quick.uuid, general.uuid]
    assert list(entries[0]) == list(entries[1])
