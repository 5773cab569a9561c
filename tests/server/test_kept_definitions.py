"""A restore that keeps definitions removes documents; collections created and not dropped reappear empty when used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import CursorType, MongoClient
from pymongo.database import Database
from pymongo.errors import CollectionInvalid, DuplicateKeyError, OperationFailure, WriteError

from secantus_server import SecantusDBServer

Made = Callable[[Callable[[], object]], None]


@pytest.fixture(scope="module")
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server:
        server.keep_definitions()
        yield server


@pytest.fixture
def db(server: SecantusDBServer) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](server.uri) as client:
        yield client.app
        client.drop_database("app")


@pytest.fixture
def undone(server: SecantusDBServer) -> Made:
    """Return a function that runs an action and restores the state before it."""

    def undone(action: Callable[[], object]) -> None:
        with server.checkpoint():
            action()

    return undone


def make_member(db: Database[dict[str, Any]]) -> None:
    db.member.create_index("mail", unique=True)
    db.member.insert_one({"mail": "ann"})


def make_checked_member(db: Database[dict[str, Any]]) -> None:
    db.create_collection("member", validator={"mail": {"$type": "string"}})
    make_member(db)


def test_an_index_is_there_at_the_next_write(db: Database[dict[str, Any]], undone: Made) -> None:
    undone(lambda: make_member(db))
    assert db.list_collection_names() == []
    assert "app" not in db.client.list_database_names()
    assert db.member.count_documents({}) == 0
    db.member.insert_one({"mail": "ann"})
    with pytest.raises(DuplicateKeyError):
        db.member.insert_one({"mail": "ann"})


@pytest.mark.parametrize("commits", [True, False])
def test_a_transaction_brings_it_back(db: Database[dict[str, Any]], undone: Made, commits: bool) -> None:
    undone(lambda: make_checked_member(db))
    with db.client.start_session() as session:
        session.start_transaction()
        db.member.insert_one({"mail": "ann"}, session=session)
        session.commit_transaction() if commits else session.abort_transaction()
    if not commits:
        db.member.insert_one({"mail": "ann"})
    assert set(db.member.index_information()) == {"_id_", "mail_1"}
    assert db.member.options()["validator"] == {"mail": {"$type": "string"}}
    with pytest.raises(DuplicateKeyError):
        db.member.insert_one({"mail": "ann"})


def test_a_transaction_obeys_the_definition_that_it_brings_back(db: Database[dict[str, Any]], undone: Made) -> None:
    undone(lambda: make_checked_member(db))
    with db.client.start_session() as session:
        for documents, code in (([{"mail": 5}], 121), ([{"mail": "ann"}, {"mail": "ann"}], 11000)):
            session.start_transaction()
            with pytest.raises(OperationFailure) as caught:
                for document in documents:
                    db.member.insert_one(document, session=session)
            assert caught.value.code == code
            session.abort_transaction()
    assert db.list_collection_names() == []


def test_a_read_does_not_bring_it_back(db: Database[dict[str, Any]], undone: Made) -> None:
    undone(lambda: make_member(db))
    assert db.member.find_one() is None
    assert list(db.member.aggregate([])) == []
    assert db.member.distinct("mail") == []
    assert db.member.delete_many({}).deleted_count == 0
    assert db.list_collection_names() == []


@pytest.mark.parametrize(
    "write",
    [
        lambda c: c.insert_one({"mail": 1}),
        lambda c: c.update_one({"mail": 1}, {"$set": {"x": 1}}, upsert=True),
        lambda c: c.find_one_and_update({"mail": 1}, {"$set": {"x": 1}}, upsert=True),
        lambda c: c.create_index("other"),
        lambda c: c.database.source.aggregate([{"$out": c.name}]),
        lambda c: c.database.source.aggregate([{"$merge": {"into": c.name, "on": "mail"}}]),
        lambda c: c.options(),
        lambda c: c.database.command("collMod", c.name, validationLevel="off"),
        lambda c: c.database.command("collStats", c.name),
        lambda c: c.database.validate_collection(c.name),
        lambda c: list(c.aggregate([{"$indexStats": {}}])),
    ],
)
def test_whatever_brings_it_back(db: Database[dict[str, Any]], undone: Made, write: Callable[[Any], object]) -> None:
    db.source.insert_one({"mail": 5})
    undone(lambda: make_member(db))
    write(db.member)
    assert db.member.index_information()["mail_1"]["unique"]


def test_options_come_back(db: Database[dict[str, Any]], undone: Made) -> None:
    def create() -> None:
        db.create_collection("log", capped=True, size=4096, max=2)
        db.create_collection("strict", validator={"n": {"$type": "int"}})
        db.create_collection("folded", collation={"locale": "en", "strength": 2})

    undone(create)
    db.log.insert_many([{"n": n} for n in range(4)])
    assert db.log.count_documents({}) == 2
    with pytest.raises(WriteError):
        db.strict.insert_one({"n": "one"})
    db.folded.insert_one({"n": "A"})
    assert db.folded.count_documents({"n": "a"}) == 1


def test_a_view_is_read_again(db: Database[dict[str, Any]], undone: Made) -> None:
    db.source.insert_many([{"n": 1}, {"n": 2}])

    def create() -> None:
        db.create_collection("small", viewOn="source", pipeline=[{"$match": {"n": 1}}])
        db.create_collection("smaller", viewOn="small", pipeline=[])

    undone(create)
    assert db.list_collection_names() == ["source"]
    assert db.smaller.count_documents({}) == 1
    assert [found["n"] for found in db.small.find()] == [1]


def test_a_tailable_cursor_finds_its_capped_collection(db: Database[dict[str, Any]], undone: Made) -> None:
    undone(lambda: db.create_collection("log", capped=True, size=4096))
    assert db.log.find(cursor_type=CursorType.TAILABLE).to_list() == []
    assert db.log.options()["capped"]


def test_a_read_that_needs_its_index_finds_it(db: Database[dict[str, Any]], undone: Made) -> None:
    undone(lambda: db.places.create_index([("at", "2dsphere")]))
    near = {"near": {"type": "Point", "coordinates": [0, 0]}, "distanceField": "d"}
    assert list(db.places.aggregate([{"$geoNear": near}])) == []


def test_explain_plans_with_its_indexes(db: Database[dict[str, Any]], undone: Made) -> None:
    undone(lambda: make_member(db))
    assert "mail_1" in str(db.member.find({"mail": {"$gt": "a"}}).explain())


def test_explain_of_a_view_plans_with_the_indexes_of_its_source(db: Database[dict[str, Any]], undone: Made) -> None:
    db.command("create", "people", viewOn="member", pipeline=[])
    undone(lambda: make_member(db))
    assert "mail_1" in str(db.people.find({"mail": {"$gt": "a"}}).explain())


def test_an_index_on_an_older_collection_is_there_at_once(db: Database[dict[str, Any]], undone: Made) -> None:
    db.old.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 2}])
    undone(lambda: (db.old.delete_one({"_id": 1}), db.old.create_index("n", unique=True)))
    assert db.old.count_documents({}) == 2
    with pytest.raises(DuplicateKeyError):
        db.old.insert_one({"n": 1})


def test_an_index_that_older_documents_do_not_fit_is_left_out(db: Database[dict[str, Any]], undone: Made) -> None:
    db.old.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 1}])
    undone(lambda: (db.old.delete_one({"_id": 1}), db.old.create_index("n", unique=True), db.old.create_index("m")))
    assert sorted(db.old.index_information()) == ["_id_", "m_1"]


def test_what_an_older_collection_lost_comes_back_as_before(db: Database[dict[str, Any]], undone: Made) -> None:
    db.old.create_index("n")
    db.create_collection("strict", validator={"n": 1})
    undone(lambda: (db.old.drop(), db.command("collMod", "strict", validator={})))
    assert sorted(db.old.index_information()) == ["_id_", "n_1"]
    assert db.strict.options() == {"validator": {"n": 1}, "validationLevel": "strict", "validationAction": "error"}


@pytest.mark.parametrize(
    "drop",
    [
        lambda db: db.member.drop(),
        lambda db: db.client.drop_database(db.name),
        lambda db: db.member.rename("other"),
        lambda db: db.member.drop_indexes(),
    ],
)
def test_what_was_dropped_is_forgotten(db: Database[dict[str, Any]], undone: Made, drop: Callable[[Any], object]) -> None:
    undone(lambda: (make_member(db), drop(db)))
    db.member.insert_one({})
    assert list(db.member.index_information()) == ["_id_"]


@pytest.mark.parametrize(
    "drop", [lambda db: db.member.drop(), lambda db: db.client.drop_database(db.name), lambda db: db.member.rename("o")]
)
def test_what_is_dropped_later_is_forgotten(db: Database[dict[str, Any]], undone: Made, drop: Callable[[Any], object]) -> None:
    undone(lambda: make_member(db))
    undone(lambda: drop(db))
    db.member.insert_one({})
    assert list(db.member.index_information()) == ["_id_"]


def test_a_test_may_create_its_own(db: Database[dict[str, Any]], undone: Made) -> None:
    undone(lambda: make_member(db))
    db.create_collection("member", capped=True, size=4096)
    assert list(db.member.index_information()) == ["_id_"]
    with pytest.raises(CollectionInvalid):
        db.create_collection("member")
    with pytest.raises(OperationFailure, match="already exists"):
        db.create_collection("member", check_exists=False)


def test_the_last_definition_is_kept(db: Database[dict[str, Any]], undone: Made) -> None:
    undone(lambda: make_member(db))
    undone(lambda: db.member.create_index("age"))
    undone(lambda: db.member.drop_index("mail_1"))
    assert sorted(db.member.index_information()) == ["_id_", "age_1"]


def test_layers(db: Database[dict[str, Any]], server: SecantusDBServer) -> None:
    with server.checkpoint():
        db.outer.insert_one({})
        with server.checkpoint():
            db.inner.create_index("n")
            db.outer.create_index("n")
        assert db.list_collection_names() == ["outer"]
    assert db.list_collection_names() == []
    assert sorted(db.outer.index_information()) == sorted(db.inner.index_information()) == ["_id_", "n_1"]


def test_a_server_that_was_not_told_keeps_nothing() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, MongoClient[dict[str, Any]](server.uri) as client:
        with server.checkpoint():
            make_member(client.app)
        client.app.member.insert_one({})
        assert list(client.app.member.index_information()) == ["_id_"]
