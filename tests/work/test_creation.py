"""The creation of a collection in the transaction of an insert."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from secantus_server.dispatch.services import Services
from secantus_server.dispatch.unit_of_work import CatalogTransaction, UnitOfWork
from secantus_server.errors import CommandError
from secantus_server.server import SecantusDBServer
from secantus_server.work._creation import CatalogChange, begin_creation
from secantus_server.work.collections import create_collection

T = TypeVar("T")


class CreateBefore:
    """A unit of work before whose change of the catalog another thread creates a collection.

    Arguments:
        db: the database of that collection.
    """

    def __init__(self, services: Services, db: str) -> None:
        self._services = services
        self._work = services.work
        self._db = db

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)

    def change_catalog(self, body: Callable[[CatalogTransaction], T], check: Callable[[], None], **options: Any) -> T:
        create_collection(self._services, self._db, "other", {}, work=self._work)
        return self._work.change_catalog(body, check, **options)


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server:
        yield server


def begin(services: Services, name: str, *, db: str = "shop") -> CatalogChange | None:
    """Begin a creation, roll its transaction back, and return it."""
    unit = services.engine.acquire()
    try:
        return begin_creation(services, unit, services.catalog.begin(unit), db, name)
    finally:
        services.engine.release(unit)


def test_a_creation_holds_the_change_lock_until_its_end(server: SecantusDBServer) -> None:
    services = server.services
    creation = begin(services, "c")
    assert creation is not None
    assert services.catalog.change_lock.locked()
    assert begin(services, "d") is None
    creation.end()
    assert services.catalog.find("shop", "c") is None
    create_collection(services, "shop", "c", {})


def test_nothing_is_begun_beside_a_change_of_the_namespace(server: SecantusDBServer) -> None:
    locks = server.services.sessions.transactions.namespaces
    assert locks.use("transaction", ("shop", "c"), 0, lambda: None)
    assert begin(server.services, "c") is None
    locks.release("transaction", [("shop", "c")])
    creation = begin(server.services, "c")
    assert creation is not None
    creation.end()


def test_nothing_is_begun_with_an_old_view(server: SecantusDBServer) -> None:
    services = server.services
    unit = services.engine.acquire()
    view = services.catalog.begin(unit)
    create_collection(services, "shop", "other", {})
    assert begin_creation(services, unit, view, "shop", "c") is None
    services.engine.release(unit)


def test_nothing_is_begun_for_a_kept_definition(server: SecantusDBServer) -> None:
    services = server.services
    server.keep_definitions()
    snapshot = server.snapshot()
    create_collection(services, "shop", "c", {"validator": {}})
    server.restore(snapshot)
    assert begin(services, "c") is None


@pytest.mark.parametrize(("db", "name"), [("shop", "a$b"), ("SHOP", "c"), ("local", "oplog.rs"), ("shop", "system.buckets.c")])
def test_names_are_checked(server: SecantusDBServer, db: str, name: str) -> None:
    create_collection(server.services, "shop", "other", {})
    with pytest.raises(CommandError):
        begin(server.services, name, db=db)
    assert not server.services.catalog.change_lock.locked()


def test_threads_create_no_databases_that_differ_only_in_case(server: SecantusDBServer) -> None:
    work: UnitOfWork = CreateBefore(server.services, "SHOP")  # type: ignore[assignment]
    with pytest.raises(CommandError, match="different case"):
        create_collection(server.services, "shop", "c", {}, work=work)
    found = server.services.catalog.databases()
    assert "SHOP" in found
    assert "shop" not in found


def test_out_creates_no_database_that_differs_only_in_case(server: SecantusDBServer, monkeypatch: pytest.MonkeyPatch) -> None:
    services = server.services
    with MongoClient[dict[str, Any]](server.uri) as client:
        client.other.source.insert_one({"_id": 1})
        monkeypatch.setattr(services, "work", CreateBefore(services, "SHOP"))
        with pytest.raises(OperationFailure, match="different case") as raised:
            client.other.source.aggregate([{"$out": {"db": "shop", "coll": "c"}}])
    assert raised.value.code == 13297
    assert "shop" not in services.catalog.databases()


def test_a_transaction_creates_no_databases_that_differ_only_in_case(server: SecantusDBServer) -> None:
    with MongoClient[dict[str, Any]](server.uri) as client, client.start_session() as session:
        with pytest.raises(OperationFailure, match="different case") as raised, session.start_transaction():
            client.shop.c.insert_one({}, session=session)
            client.SHOP.c.insert_one({}, session=session)
        assert raised.value.code == 13297
        assert client.list_database_names() == ["admin", "config", "local"]


def test_a_transaction_conflicts_with_a_database_that_differs_only_in_case(server: SecantusDBServer) -> None:
    with MongoClient[dict[str, Any]](server.uri) as client, client.start_session() as session:
        session.start_transaction()
        client.shop.c.insert_one({"_id": 1}, session=session)
        client.SHOP.c.insert_one({"_id": 2})
        with pytest.raises(OperationFailure) as raised:
            session.commit_transaction()
        assert raised.value.code == 112
        assert raised.value.has_error_label("TransientTransactionError")
        with pytest.raises(OperationFailure) as raised, session.start_transaction():
            client.shop.c.insert_one({"_id": 1}, session=session)
        assert raised.value.code == 13297
        assert "shop" not in client.list_database_names()
        client.SHOP.c.insert_one({"_id": 3})
