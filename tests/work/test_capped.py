"""Capped collections under concurrent writers, restores and restarts never exceed their cap."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secantus_server.bson import decode, encode
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.unit_of_work import CatalogTransaction, Transaction
from secantus_server.exec._scan import RecordScan
from secantus_server.exec.interruption import never_interrupt
from secantus_server.server import SecantusDBServer
from secantus_server.storage import INDEX_ENTRIES, pack_ident
from secantus_server.work.collections import create_collection, drop_collection
from secantus_server.work.writers import open_writer
from secantus_server.work.writers.cap import Cap

MOST = 3


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as running:
        create_collection(running.services, "d", "c", {"capped": True, "size": 1 << 20, "max": MOST})
        yield running


def found(server: SecantusDBServer) -> Collection:
    collection = server.services.catalog.find("d", "c")
    assert collection is not None
    return collection


def insert(server: SecantusDBServer, *ids: int) -> None:
    def body(transaction: Transaction) -> None:
        writer = open_writer(server.services, transaction, found(server))
        for number in ids:
            writer.insert(encode({"_id": number}))

    server.services.work.write(body, never_interrupt)


def stored(server: SecantusDBServer) -> list[Any]:
    """Return the `_id`s in the order of insertion; check that the stored size is theirs."""
    collection = found(server)
    with server.services.work.reading() as transaction:
        scan = RecordScan(collection.ident, None, never_interrupt)
        scan.attach(transaction.unit)
        documents = list(scan)
        scan.close()
        row = transaction.unit.get(INDEX_ENTRIES, pack_ident(collection.ident))
    if row is not None:
        assert row == b"".join(n.to_bytes(8, "big") for n in (len(documents), sum(map(len, documents))))
    return [decode(document)["_id"] for document in documents]


def test_overlapping_inserts_run_one_after_the_other(server: SecantusDBServer) -> None:
    insert(server, 0, 1)
    tries = 0

    def body(transaction: Transaction) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:  # another client commits after this transaction began
            other = threading.Thread(target=insert, args=(server, 2))
            other.start()
            other.join()
        open_writer(server.services, transaction, found(server)).insert(encode({"_id": 3}))

    server.services.work.write(body, never_interrupt)
    assert tries == 2
    assert stored(server) == [1, 2, 3]


def test_many_clients_never_exceed_the_cap(server: SecantusDBServer) -> None:
    def write(client: int) -> None:
        for number in range(20):
            insert(server, 100 * client + number)
            assert len(stored(server)) <= MOST

    threads = [threading.Thread(target=write, args=(client,)) for client in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stored(server)) == MOST


def test_a_restore_puts_the_size_back(server: SecantusDBServer) -> None:
    insert(server, 0)
    with server.checkpoint():
        insert(server, 1, 2, 3, 4)
        assert stored(server) == [2, 3, 4]
    assert stored(server) == [0]
    insert(server, 5, 6)
    assert stored(server) == [0, 5, 6]
    insert(server, 7)
    assert stored(server) == [5, 6, 7]


def test_a_write_that_fails_leaves_the_size(server: SecantusDBServer) -> None:
    insert(server, 0)

    def body(transaction: Transaction) -> None:
        open_writer(server.services, transaction, found(server)).insert(encode({"_id": 1}))
        raise KeyError

    with pytest.raises(KeyError):
        server.services.work.write(body, never_interrupt)
    assert stored(server) == [0]


def test_a_dropped_collection_leaves_no_size(server: SecantusDBServer) -> None:
    insert(server, 0)
    collection = found(server)

    def drop(transaction: CatalogTransaction) -> None:
        drop_collection(transaction, collection)

    server.services.work.change_catalog(drop, never_interrupt)
    while server.services.engine.purge_orphans():
        pass
    with server.services.work.reading() as transaction:
        assert transaction.unit.get(INDEX_ENTRIES, pack_ident(collection.ident)) is None


def test_the_size_survives_a_restart_and_is_measured_where_it_is_missing(tmp_path: Path) -> None:
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server:
        create_collection(server.services, "d", "c", {"capped": True, "size": 1 << 20, "max": MOST})
        insert(server, 0, 1, 2)
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server:
        insert(server, 3)
        assert stored(server) == [1, 2, 3]
        with server.services.engine.transaction() as unit:
            unit.remove(INDEX_ENTRIES, pack_ident(found(server).ident))
        insert(server, 4)
        assert stored(server) == [2, 3, 4]
        with server.services.work.reading() as transaction:
            assert not Cap(found(server), transaction.unit).is_exceeded
