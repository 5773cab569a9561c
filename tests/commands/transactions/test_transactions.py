"""Multi-document transactions over the wire: isolation, conflicts, errors and their labels, and the commands that wait for them.

https://www.mongodb.com/docs/manual/core/transactions/
"""

from __future__ import annotations

import gc
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
from pymongo import InsertOne, MongoClient, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, ExecutionTimeout, OperationFailure

from secantus_server.server import SecantusDBServer
from tests.net.raw_client import RawClient, connected

TRANSIENT = "TransientTransactionError"
Db = Database[dict[str, Any]]


@pytest.fixture
def session(client: MongoClient[dict[str, Any]]) -> Iterator[ClientSession]:
    with client.start_session() as one:
        yield one


@pytest.fixture
def other(client: MongoClient[dict[str, Any]]) -> Iterator[ClientSession]:
    with client.start_session() as one:
        yield one


class Wire:
    """A connection that sends commands unchanged, with the transaction fields of one session; pymongo would set its own."""

    def __init__(self, connection: RawClient, db: str) -> None:
        self._connection = connection
        self._db = db
        self._lsid = {"id": Binary(uuid.uuid4().bytes, 4)}

    def run(self, command: dict[str, Any], number: int | None = None, *, start: bool = False, db: str | None = None) -> dict[str, Any]:
        """Return the reply of a command, in the transaction of this number."""
        mark = {} if number is None else {"txnNumber": Int64(number), "autocommit": False, **({"startTransaction": True} if start else {})}
        return self._connection.run({**command, "lsid": self._lsid, **mark, "$db": db or self._db})

    def code(self, command: dict[str, Any], number: int | None = None, *, start: bool = False, db: str | None = None) -> int:
        """Return the error code of a command, 0 if it succeeds."""
        return int(self.run(command, number, start=start, db=db).get("code", 0))


@pytest.fixture
def wire(server: SecantusDBServer, db: Db) -> Iterator[Wire]:
    with connected(server) as connection:
        yield Wire(connection, db.name)


COMMIT, ABORT = {"commitTransaction": 1}, {"abortTransaction": 1}


def failure(call: Callable[[], Any]) -> OperationFailure:
    with pytest.raises(OperationFailure) as caught:
        call()
    return caught.value


def test_a_transaction_sees_its_own_writes_and_others_see_them_after_the_commit(db: Db, session: ClientSession) -> None:
    db.c.insert_one({"_id": 0})
    with session.start_transaction():
        db.c.insert_one({"_id": 1}, session=session)
        db.other.insert_one({"_id": 5}, session=session)
        db.c.update_many({}, {"$set": {"x": 1}}, session=session)
        db.c.delete_one({"_id": 0}, session=session)
        assert list(db.c.find({}, session=session)) == [{"_id": 1, "x": 1}]
        assert db.c.count_documents({}, session=session) == 1
        assert db.c.distinct("x", session=session) == [1]
        assert list(db.c.find()) == [{"_id": 0}]
        assert "other" not in db.list_collection_names()
    assert list(db.c.find()) == [{"_id": 1, "x": 1}]
    assert db.other.estimated_document_count() == 1
    assert db.c.estimated_document_count() == 1


def test_a_transaction_reads_the_state_at_its_beginning(db: Db, session: ClientSession) -> None:
    db.c.insert_many([{"_id": 0}, {"_id": 1}])
    with session.start_transaction():
        assert db.c.count_documents({}, session=session) == 2
        db.c.insert_one({"_id": 2})
        db.c.update_one({"_id": 0}, {"$set": {"x": 1}})
        assert list(db.c.find({}, session=session)) == [{"_id": 0}, {"_id": 1}]


def test_an_abort_undoes_documents_and_collections(db: Db, session: ClientSession) -> None:
    db.c.insert_one({"_id": 0})
    session.start_transaction()
    db.c.insert_one({"_id": 1}, session=session)
    db.new.insert_one({"_id": 1}, session=session)
    session.abort_transaction()
    assert (list(db.c.find()), db.list_collection_names()) == ([{"_id": 0}], ["c"])
    assert db.c.estimated_document_count() == 1


def test_every_write_command(db: Db, session: ClientSession) -> None:
    db.c.insert_many([{"_id": i} for i in range(3)])
    with session.start_transaction():
        found = db.c.find_one_and_update({"_id": 0}, {"$set": {"x": 1}}, session=session, return_document=True)
        assert found == {"_id": 0, "x": 1}
        assert db.c.replace_one({"_id": 9}, {"y": 1}, upsert=True, session=session).upserted_id == 9
        assert db.c.delete_many({"_id": {"$in": [1, 2]}}, session=session).deleted_count == 2
        assert db.fresh.update_one({"_id": 1}, {"$set": {"a": 1}}, upsert=True, session=session).upserted_id == 1
        joined = list(
            db.c.aggregate([{"$lookup": {"from": "fresh", "localField": "x", "foreignField": "_id", "as": "j"}}], session=session)
        )
        assert joined[0] == {"_id": 0, "x": 1, "j": [{"_id": 1, "a": 1}]}
    assert list(db.c.find()) == [{"_id": 0, "x": 1}, {"_id": 9, "y": 1}]


def test_bulk_write_of_the_client(db: Db, session: ClientSession) -> None:
    models = [InsertOne({"_id": 1}, namespace=f"{db.name}.c"), UpdateOne({"_id": 1}, {"$set": {"x": 1}}, namespace=f"{db.name}.c")]
    session.start_transaction()
    db.client.bulk_write(models, session=session)
    assert db.c.find_one(session=session) == {"_id": 1, "x": 1}
    assert db.c.find_one() is None
    session.abort_transaction()
    assert db.c.find_one() is None


def test_an_insert_of_many_documents_is_one_transaction(db: Db, session: ClientSession) -> None:
    with session.start_transaction():
        db.c.insert_many([{"_id": i, "pad": "x" * 1000} for i in range(5000)], session=session)
        db.c.update_many({}, {"$set": {"x": 1}}, session=session)
        assert db.c.count_documents({}) == 0
    assert db.c.count_documents({"x": 1}) == 5000


def test_a_cursor_stays_in_its_transaction(db: Db, session: ClientSession, other: ClientSession) -> None:
    db.c.insert_many([{"_id": i} for i in range(10)])
    session.start_transaction()
    reply = db.command("find", "c", batchSize=2, session=session)
    cursor = reply["cursor"]["id"]
    db.c.delete_many({"_id": {"$gt": 5}})
    assert failure(lambda: db.command("getMore", cursor, collection="c")).code == 50738
    batch = db.command("getMore", cursor, collection="c", batchSize=3, session=session)["cursor"]["nextBatch"]
    assert [document["_id"] for document in batch] == [2, 3, 4]
    rest = db.command("getMore", cursor, collection="c", session=session)["cursor"]["nextBatch"]
    assert [document["_id"] for document in rest] == [5, 6, 7, 8, 9]
    reply = db.command("find", "c", batchSize=2, session=session)
    session.commit_transaction()
    error = failure(lambda: db.command("getMore", reply["cursor"]["id"], collection="c", session=session))
    assert error.code == 43


def test_the_first_writer_wins(db: Db, session: ClientSession, other: ClientSession) -> None:
    db.c.insert_one({"_id": 0})
    session.start_transaction()
    other.start_transaction()
    db.c.update_one({"_id": 0}, {"$inc": {"a": 1}}, session=session)
    error = failure(lambda: db.c.update_one({"_id": 0}, {"$inc": {"b": 1}}, session=other))
    assert (error.code, error.details["errorLabels"]) == (112, [TRANSIENT])
    gone = failure(other.commit_transaction)
    assert (gone.code, gone.details["errorLabels"]) == (251, [TRANSIENT])
    session.commit_transaction()
    assert db.c.find_one() == {"_id": 0, "a": 1}


def test_a_write_that_committed_since_the_beginning_is_a_conflict(db: Db, session: ClientSession) -> None:
    db.c.insert_one({"_id": 0})
    session.start_transaction()
    db.c.find_one(session=session)
    db.c.update_one({"_id": 0}, {"$inc": {"a": 1}})
    assert failure(lambda: db.c.delete_one({"_id": 0}, session=session)).code == 112
    session.abort_transaction()


def test_a_failed_statement_aborts_the_transaction(db: Db, session: ClientSession) -> None:
    db.c.insert_one({"_id": 0})
    session.start_transaction()
    db.c.insert_one({"_id": 1}, session=session)
    with pytest.raises(DuplicateKeyError) as caught:
        db.c.insert_one({"_id": 0}, session=session)
    assert not caught.value.has_error_label(TRANSIENT)
    gone = failure(lambda: db.c.find_one(session=session))
    assert (gone.code, gone.details["errorLabels"]) == (251, [TRANSIENT])
    session.abort_transaction()
    assert list(db.c.find()) == [{"_id": 0}]


def test_commit_is_idempotent_and_later_statements_are_refused(db: Db, wire: Wire) -> None:
    find = {"find": "c"}
    assert wire.code({"insert": "c", "documents": [{"_id": 0}]}, 5, start=True) == 0
    assert [wire.code(COMMIT, 5, db="admin") for _ in range(2)] == [0, 0]
    assert wire.code(find, 5) == 256
    assert wire.code(ABORT, 5, db="admin") == 256
    assert wire.code(find, 5, start=True) == 117
    late = wire.run(find, 99)
    assert (late["code"], late["errorLabels"]) == (251, [TRANSIENT])
    assert [wire.code(find, 4, start=start) for start in (False, True)] == [225, 225]
    assert list(db.c.find()) == [{"_id": 0}]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"count": "c"}, 263),
        ({"drop": "c"}, 263),
        ({"explain": {"find": "c"}}, 263),
        ({"listCollections": 1}, 263),
        ({"ping": 1}, 263),
        ({"getMore": Int64(1), "collection": "c"}, 263),
        ({"aggregate": "c", "pipeline": [{"$out": "x"}], "cursor": {}}, 263),
        ({"aggregate": "c", "pipeline": [{"$unionWith": "d"}], "cursor": {}}, 263),
        ({"aggregate": "c", "pipeline": [{"$merge": "x"}], "cursor": {}}, 263),
        ({"aggregate": "c", "pipeline": [{"$collStats": {"count": {}}}], "cursor": {}}, 263),
        ({"insert": "capped", "documents": [{}]}, 263),
        ({"createIndexes": "c", "indexes": [{"key": {"x": 1}, "name": "x"}]}, 263),
        ({"createIndexes": "capped", "indexes": [{"key": {"x": 1}, "name": "x"}]}, 263),
        ({"create": "capped", "capped": True, "size": 4096}, 48),
        ({"find": "c", "readConcern": {"level": "linearizable"}}, 72),
        ({"insert": "c", "documents": [{}], "writeConcern": {"w": 1}}, 72),
        ({"find": "capped", "tailable": True}, 72),
    ],
    ids=lambda value: next(iter(value)) if type(value) is dict else str(value),
)
def test_what_a_transaction_refuses(db: Db, wire: Wire, command: dict[str, Any], code: int) -> None:
    db.create_collection("capped", capped=True, size=4096)
    db.c.insert_one({})
    assert wire.code(command, 1, start=True) == code


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"autocommit": False}, 72),
        ({"startTransaction": True}, 72),
        ({"txnNumber": Int64(1), "autocommit": True}, 72),
        ({"txnNumber": Int64(1), "autocommit": False, "startTransaction": False}, 72),
        ({"txnNumber": Int64(1), "startTransaction": True}, 72),
        ({"txnNumber": Int64(-1), "autocommit": False, "startTransaction": True}, 72),
        ({"txnNumber": 1, "autocommit": False, "startTransaction": True}, 14),
        ({"txnNumber": Int64(1), "autocommit": 0, "startTransaction": True}, 14),
        ({"txnNumber": Int64(1), "autocommit": False}, 251),
    ],
)
def test_wrong_options(wire: Wire, options: dict[str, Any], code: int) -> None:
    assert wire.code({"find": "c", **options}) == code


def test_only_the_first_statement_takes_a_read_concern(db: Db, session: ClientSession) -> None:
    session.start_transaction()
    db.c.find_one(session=session)
    assert failure(lambda: db.command({"find": "c", "readConcern": {"level": "snapshot"}}, session=session)).code == 72


def test_a_conflicting_write_outside_waits_for_the_end(db: Db, session: ClientSession) -> None:
    db.c.insert_one({"_id": 0})
    session.start_transaction()
    db.c.update_one({"_id": 0}, {"$set": {"a": 1}}, session=session)
    with pytest.raises(ExecutionTimeout):
        db.command({"update": "c", "updates": [{"q": {"_id": 0}, "u": {"$set": {"b": 1}}}], "maxTimeMS": 50})
    writer = threading.Thread(target=lambda: db.c.update_one({"_id": 0}, {"$set": {"b": 1}}))
    writer.start()
    session.commit_transaction()
    writer.join()
    assert db.c.find_one() == {"_id": 0, "a": 1, "b": 1}


def test_a_write_outside_that_conflicts_very_often_keeps_waiting(server: SecantusDBServer, db: Db, session: ClientSession) -> None:
    session.start_transaction()
    db.c.insert_one({}, session=session)
    server.services.work._wait(5000)
    session.abort_transaction()


@pytest.mark.parametrize(
    "change",
    [
        {"drop": "c"},
        {"createIndexes": "c", "indexes": [{"key": {"y": 1}, "name": "y"}]},
        {"dropIndexes": "c", "index": "x_1"},
        {"collMod": "c", "validationLevel": "off"},
        {"dropDatabase": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_of_a_collection_waits_for_the_transactions_that_use_it(db: Db, session: ClientSession, change: dict[str, Any]) -> None:
    db.c.create_index("x")
    db.c.insert_one({"_id": 0})
    session.start_transaction()
    db.c.insert_one({"_id": 1}, session=session)
    with pytest.raises(ExecutionTimeout):
        db.command({**change, "maxTimeMS": 50})
    changer = threading.Thread(target=lambda: db.command(change))
    changer.start()
    db.unrelated.insert_one({})
    session.commit_transaction()
    changer.join()
    assert db.c.count_documents({}) in (0, 2)


def test_a_collection_changed_since_the_beginning_is_unavailable(db: Db, session: ClientSession) -> None:
    db.c.insert_one({"_id": 0})
    db.d.insert_one({"_id": 0})
    session.start_transaction()
    db.d.find_one(session=session)
    db.c.drop()
    db.c.insert_one({"_id": 9})
    error = failure(lambda: db.c.insert_one({"_id": 1}, session=session))
    assert (error.code, error.details["errorLabels"]) == (246, [TRANSIENT])
    session.abort_transaction()
    assert list(db.c.find()) == [{"_id": 9}]


def test_two_transactions_that_create_one_collection_conflict(db: Db, session: ClientSession, other: ClientSession) -> None:
    session.start_transaction()
    other.start_transaction()
    db.a.insert_one({}, session=session)
    assert failure(lambda: db.a.insert_one({}, session=other)).code == 112
    session.commit_transaction()
    other.abort_transaction()
    assert db.a.count_documents({}) == 1


def test_an_index_of_a_new_collection(db: Db, session: ClientSession) -> None:
    with session.start_transaction():
        db.create_collection("made", session=session)
        db.made.create_index("x", unique=True, session=session)
        db.made.insert_one({"x": [1, 2]}, session=session)
        assert db.made.find_one({"x": 2}, session=session) is not None
    assert list(db.made.index_information()) == ["_id_", "x_1"]
    assert db.made.find_one({"x": 2}) is not None


def test_an_index_becomes_multikey_in_a_transaction(db: Db, session: ClientSession) -> None:
    db.c.create_index("x")
    with session.start_transaction():
        db.c.insert_one({"x": [1, 9]}, session=session)
        assert len(list(db.c.find({"x": {"$gt": 3, "$lt": 7}}, session=session))) == 1
    assert len(list(db.c.find({"x": {"$gt": 3, "$lt": 7}}))) == 1


def test_a_killed_session_aborts_its_transaction(db: Db, session: ClientSession) -> None:
    session.start_transaction()
    db.c.insert_one({"_id": 0}, session=session)
    db.command("killSessions", [session.session_id])
    assert failure(session.commit_transaction).code == 251
    db.c.insert_one({"_id": 0})


def test_an_expired_transaction_is_aborted(db: Db, server: SecantusDBServer, session: ClientSession) -> None:
    session.start_transaction()
    db.c.insert_one({"_id": 0}, session=session)
    server.services.sessions.transactions.abort_expired(server.services.clock.monotonic() + 61)
    assert failure(session.commit_transaction).code == 251
    db.c.insert_one({"_id": 0})


def test_a_restore_aborts_the_open_transaction(db: Db, server: SecantusDBServer, session: ClientSession) -> None:
    db.c.insert_one({"_id": 0})
    snapshot = server.snapshot()
    session.start_transaction()
    db.c.insert_one({"_id": 1}, session=session)
    server.restore(snapshot)
    gone = failure(lambda: db.c.find_one(session=session))
    assert (gone.code, gone.details["errorLabels"]) == (251, [TRANSIENT])
    db.c.drop()
    server.release(snapshot)


def test_the_next_transaction_of_a_session_aborts_the_open_one(db: Db, wire: Wire) -> None:
    insert = {"insert": "c", "documents": [{"_id": 0}]}
    assert [wire.code(insert, number, start=True) for number in (1, 2)] == [0, 0]
    assert wire.code(COMMIT, 1, db="admin") == 225
    assert wire.code(COMMIT, 2, db="admin") == 0
    assert list(db.c.find()) == [{"_id": 0}]


def test_a_transaction_commits_over_another_connection(db: Db, server: SecantusDBServer, wire: Wire) -> None:
    assert wire.code({"insert": "c", "documents": [{"_id": 0}]}, 1, start=True) == 0
    with connected(server) as connection:
        wire._connection = connection
        assert [wire.code(COMMIT, 1, db="admin") for _ in range(2)] == [0, 0]
    assert list(db.c.find()) == [{"_id": 0}]


@pytest.mark.parametrize("end", [COMMIT, ABORT], ids=["commit", "abort"])
def test_an_ended_transaction_leaves_nothing_to_the_garbage_collector(
    server: SecantusDBServer, wire: Wire, end: dict[str, Any], db: Db
) -> None:
    db.c.insert_one({"_id": 0})
    gc.disable()
    try:
        assert wire.code({"insert": "c", "documents": [{"_id": 1}]}, 1, start=True) == 0
        (opened,) = [one for one in server.services.sessions.transactions.all_open() if one.number == 1]
        work = weakref.ref(opened.work)
        assert wire.code(end, 1, db="admin") == 0
        assert work() is None
    finally:
        gc.enable()
