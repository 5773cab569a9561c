"""The multikey flags of indexes are stored before the documents that require them, whatever else happens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secantus_server.bson import encode
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.rows import decode_row, row_key
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.exec.interruption import never_interrupt
from secantus_server.index.build import make_index
from secantus_server.server import SecantusDBServer
from secantus_server.storage import CATALOG, WriteConflict
from secantus_server.work.collections import empty_collection
from secantus_server.work.writers import open_writer

PATHS = ("_id", "a", "b")


def create(server: SecantusDBServer) -> None:
    """Create a collection with an index on each of `a` and `b`."""
    specs = [{"v": 2, "key": {path: 1}, "name": f"{path}_"} for path in PATHS]

    def body(transaction: Any) -> None:
        transaction.changes.save(empty_collection(server.services, "d", "c", {}, specs))

    server.services.work.change_catalog(body, never_interrupt)


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as running:
        create(running)
        yield running


def found(server: SecantusDBServer) -> Collection:
    collection = server.services.catalog.find("d", "c")
    assert collection is not None
    return collection


def insert(server: SecantusDBServer, transaction: Transaction, document: dict[str, Any]) -> None:
    collection = transaction.catalog.find("d", "c")
    assert collection is not None
    open_writer(server.services, transaction, collection).insert(encode(document))


def write(server: SecantusDBServer, document: dict[str, Any]) -> None:
    server.services.work.write(lambda transaction: insert(server, transaction, document), never_interrupt)


def flags(server: SecantusDBServer) -> str:
    """Return the fields whose index is multikey; check that the stored row agrees with memory."""
    key = row_key("d", "c")
    with server.services.work.reading() as transaction:
        row = transaction.unit.get(CATALOG, key)
    assert row is not None
    stored, known = ("".join(i.name for i in c.indexes if i.multikey).replace("_", "") for c in (decode_row(key, row), found(server)))
    assert stored == known
    return known


def test_a_flag_is_stored(server: SecantusDBServer) -> None:
    assert flags(server) == ""
    write(server, {"_id": 1, "a": [1, 2]})
    assert flags(server) == "a"
    write(server, {"_id": 2, "a": [1, 2], "b": [1, 2]})
    assert flags(server) == "ab"


def test_a_failed_commit_leaves_no_flag_in_memory_only(server: SecantusDBServer, monkeypatch: pytest.MonkeyPatch) -> None:
    oplog, fails = server.services.oplog, iter([True])
    commit = oplog.commit

    def failing(*args: Any, **kwargs: Any) -> None:
        if next(fails, False):
            raise WriteConflict
        commit(*args, **kwargs)

    monkeypatch.setattr(oplog, "commit", failing)
    write(server, {"_id": 1, "a": [1, 2]})
    assert flags(server) == "a"


def test_overlapping_writers_store_both_flags(server: SecantusDBServer) -> None:
    def body(transaction: Transaction) -> None:
        insert(server, transaction, {"_id": 1, "a": [1, 2]})
        other = threading.Thread(target=write, args=(server, {"_id": 2, "b": [1, 2]}))
        if not flags(server):
            other.start()
            other.join()

    server.services.work.write(body, never_interrupt)
    assert flags(server) == "ab"


def test_two_writers_of_one_transaction(server: SecantusDBServer) -> None:
    def body(transaction: Transaction) -> None:
        insert(server, transaction, {"_id": 1, "a": [1, 2]})
        insert(server, transaction, {"_id": 2, "a": [1, 2], "b": [1, 2]})

    server.services.work.write(body, never_interrupt)
    assert flags(server) == "ab"


def test_the_flags_can_be_saved_before_the_commit(server: SecantusDBServer) -> None:
    """A multi-document transaction saves the flags at the end of each statement."""

    def body(transaction: Transaction) -> None:
        writer = open_writer(server.services, transaction, found(server))
        writer.insert(encode({"_id": 1, "a": [1, 2]}))
        writer.save_multikey_flags()
        assert flags(server) == "a"
        writer.insert(encode({"_id": 2, "b": [1, 2]}))

    server.services.work.write(body, never_interrupt)
    assert flags(server) == "ab"


def test_a_collection_dropped_meanwhile_does_not_come_back(server: SecantusDBServer) -> None:
    collection = found(server)
    tries = 0

    def drop() -> None:
        server.services.work.change_catalog(lambda transaction: transaction.changes.remove(collection), never_interrupt)

    def body(transaction: Transaction) -> None:
        nonlocal tries
        tries += 1
        if transaction.catalog.find("d", "c") is None:
            return
        insert(server, transaction, {"_id": 1, "a": [1, 2]})
        thread = threading.Thread(target=drop)
        thread.start()
        thread.join()

    server.services.work.write(body, never_interrupt)
    assert tries == 2
    with server.services.work.reading() as transaction:
        assert transaction.unit.get(CATALOG, row_key("d", "c")) is None


def test_a_writer_with_replaced_indexes_starts_again(server: SecantusDBServer) -> None:
    """The flag must be set on the index in the current catalog, not on the replaced one that the writer's transaction saw."""
    collection = found(server)
    replaced = False

    def replace(transaction: Any) -> None:
        indexes = [make_index({**index.spec, "hidden": True}, index.ident, index.multikey) for index in collection.indexes[1:]]
        transaction.changes.save(collection.replaced(indexes=[collection.indexes[0], *indexes]))

    def body(transaction: Transaction) -> None:
        nonlocal replaced
        insert(server, transaction, {"_id": 1, "a": [1, 2]})
        if not replaced:
            thread = threading.Thread(target=server.services.work.change_catalog, args=(replace, never_interrupt))
            thread.start()
            thread.join()
            replaced = True

    server.services.work.write(body, never_interrupt)
    assert flags(server) == "a"


def test_a_restore_puts_the_flags_back(server: SecantusDBServer) -> None:
    write(server, {"_id": 1, "a": [1, 2]})
    with server.checkpoint():
        write(server, {"_id": 2, "b": [1, 2]})
        assert flags(server) == "ab"
        with server.checkpoint():
            write(server, {"_id": 3, "b": [1, 2]})
        assert flags(server) == "ab"
    assert flags(server) == "a"
    write(server, {"_id": 2, "b": [1, 2]})
    assert flags(server) == "ab"


def test_a_restart_keeps_a_flag_whose_commit_failed(tmp_path: Path) -> None:
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server:
        create(server)
        conflicts = iter([WriteConflict])

        def body(transaction: Transaction) -> None:
            insert(server, transaction, {"_id": 1, "a": [1, 2]})
            transaction.writes[0].before_commit()  # what the commit does first
            if (conflict := next(conflicts, None)) is not None:
                raise conflict

        server.services.work.write(body, never_interrupt)
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server:
        assert flags(server) == "a"
