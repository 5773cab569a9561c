"""The unit of work outside multi-document transactions: a body's staged changes are committed once or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from secantus_server.bson import decode, encode
from secantus_server.catalog.changes import CatalogChanges
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.rows import row_key
from secantus_server.dispatch.unit_of_work import CatalogTransaction, MissingCollection, Transaction
from secantus_server.errors import CommandError
from secantus_server.exec.interruption import never_interrupt
from secantus_server.oplog._rows import entries_of
from secantus_server.oplog.oplog import Entry
from secantus_server.server import SecantusDBServer
from secantus_server.storage import CATALOG, OPLOG, RecoveryUnit, WriteConflict
from secantus_server.work.collections import create_collection
from secantus_server.work.writers import open_writer


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as running:
        create_collection(running.services, "d", "c", {})
        yield running


def insert(server: SecantusDBServer, transaction: Transaction, name: str, document: dict[str, Any]) -> None:
    collection = transaction.catalog.find("d", name)
    if collection is None:
        raise MissingCollection("d", name)
    open_writer(server.services, transaction, collection).insert(encode(document))


def count(server: SecantusDBServer, name: str = "c") -> int | None:
    collection = server.services.catalog.find("d", name)
    assert collection is not None
    return collection.count()


def logged(server: SecantusDBServer) -> list[tuple[str, str]]:
    with server.services.work.reading() as transaction:
        rows = list(transaction.unit.scan(OPLOG, b"", None))
    entries = [decode(entry) for key, row in rows for entry in entries_of(row, int.from_bytes(key, "big"))]
    return [(entry["op"], entry["ns"]) for entry in entries]


def test_one_commit_holds_what_was_staged(server: SecantusDBServer) -> None:
    create_collection(server.services, "d", "e", {})
    before = len(logged(server))

    def body(transaction: Transaction) -> str:
        insert(server, transaction, "c", {"_id": 1})
        insert(server, transaction, "e", {"_id": 1})
        transaction.log(Entry("d.$cmd", None, encode({"first": 1})))
        return "done"

    assert server.services.work.write(body, never_interrupt) == "done"
    assert logged(server)[before:] == [("c", "d.$cmd"), ("i", "d.c"), ("i", "d.e")]
    assert (count(server), count(server, "e")) == (1, 1)


def test_a_body_that_fails_leaves_nothing(server: SecantusDBServer) -> None:
    before = logged(server)

    def body(transaction: Transaction) -> None:
        insert(server, transaction, "c", {"_id": 1})
        raise CommandError(2, "no")

    with pytest.raises(CommandError, match="no"):
        server.services.work.write(body, never_interrupt)
    assert count(server) == 0
    assert logged(server) == before


def test_a_conflict_runs_the_body_again(server: SecantusDBServer) -> None:
    tries = 0

    def body(transaction: Transaction) -> None:
        nonlocal tries
        tries += 1
        insert(server, transaction, "c", {"_id": tries})
        if tries == 1:
            raise WriteConflict

    server.services.work.write(body, never_interrupt)
    assert tries == 2
    assert count(server) == 1


def test_a_missing_collection_is_created(server: SecantusDBServer) -> None:
    server.services.work.write(lambda transaction: insert(server, transaction, "new", {"_id": 1}), never_interrupt)
    assert count(server, "new") == 1
    assert logged(server)[-2:] == [("c", "d.$cmd"), ("i", "d.new")]


def test_a_body_that_stages_nothing_commits_nothing(server: SecantusDBServer) -> None:
    before = logged(server)
    assert server.services.work.write(lambda transaction: transaction.catalog.find("d", "none"), never_interrupt) is None
    assert logged(server) == before


def test_a_transaction_keeps_its_view_of_the_catalog(server: SecantusDBServer) -> None:
    with server.services.work.reading() as transaction:
        created = threading.Thread(target=create_collection, args=(server.services, "d", "later", {}))
        created.start()
        created.join()
        assert transaction.catalog.find("d", "later") is None
        transaction.pause()
        transaction.resume()
        assert transaction.catalog.find("d", "later") is not None


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_change_of_the_catalog_is_seen_once_committed(server: SecantusDBServer, exclusive: bool) -> None:
    collection = server.services.catalog.find("d", "c")
    assert collection is not None
    seen: list[Collection | None] = []

    def body(transaction: CatalogTransaction) -> None:
        transaction.changes.remove(collection)
        seen.append(server.services.catalog.find("d", "c"))

    server.services.work.change_catalog(body, never_interrupt, exclusive=exclusive)
    assert seen == [collection]
    assert server.services.catalog.find("d", "c") is None


def test_a_change_of_the_catalog_that_fails_changes_nothing(server: SecantusDBServer) -> None:
    def body(transaction: CatalogTransaction) -> None:
        transaction.changes.remove_row(Collection("d", "c", server.services.catalog.new_uuid(), 0, {}, []))
        raise CommandError(2, "no")

    with pytest.raises(CommandError, match="no"):
        server.services.work.change_catalog(body, never_interrupt)
    assert server.services.catalog.find("d", "c") is not None
    assert not server.services.catalog.change_lock.locked()


def test_a_transaction_sees_the_catalog_and_the_store_at_one_moment(server: SecantusDBServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of the catalog is in the store before it is in memory.

    A transaction that begins in between, or just before, must not see the old state of one and the new state of the other.
    """
    catalog, engine = server.services.catalog, server.services.engine
    seen: list[tuple[bool, bool]] = []

    def look() -> None:
        with server.services.work.reading() as transaction:
            row = transaction.unit.get(CATALOG, row_key("d", "c"))
            seen.append((row is None, transaction.catalog.find("d", "c") is None))

    def change() -> None:
        create_collection(server.services, "d", "c", {})

    apply, begin = catalog.apply, RecoveryUnit.begin
    readers: list[threading.Thread] = []

    def applying(changes: CatalogChanges) -> None:
        readers.append(threading.Thread(target=look))
        readers[-1].start()
        readers[-1].join(0.05)  # the reader waits for this thread
        apply(changes)

    monkeypatch.setattr(catalog, "apply", applying)
    collection = catalog.find("d", "c")
    assert collection is not None
    server.services.work.change_catalog(lambda transaction: transaction.changes.remove(collection), never_interrupt)
    monkeypatch.undo()
    for reader in readers:
        reader.join()
    changed: list[threading.Thread] = []

    class Unit:
        """A recovery unit whose first transaction begins just before a change of the catalog."""

        def __init__(self, unit: RecoveryUnit) -> None:
            self.unit = unit

        def begin(self) -> None:
            begin(self.unit)
            if not changed:
                changed.append(threading.Thread(target=change))
                changed[-1].start()
                changed[-1].join()

        def rollback(self) -> None:
            self.unit.rollback()

    unit = engine.acquire()
    view = catalog.begin(Unit(unit))  # type: ignore[arg-type]
    seen.append((unit.get(CATALOG, row_key("d", "c")) is None, view.find("d", "c") is None))
    engine.release(unit)
    assert seen == [(True, True), (False, False)]


def test_a_change_of_the_catalog_whose_commit_fails_lets_transactions_begin(
    server: SecantusDBServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = server.services.catalog.find("d", "c")
    assert collection is not None

    def fail(*_: object, **__: object) -> None:
        raise CommandError(2, "no")

    monkeypatch.setattr(server.services.oplog, "commit", fail)
    with pytest.raises(CommandError, match="no"):
        server.services.work.change_catalog(lambda transaction: transaction.changes.remove(collection), never_interrupt)
    with server.services.work.reading() as transaction:
        assert transaction.catalog.find("d", "c") is collection
