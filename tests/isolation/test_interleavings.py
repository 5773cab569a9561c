"""Tests of fixed interleavings of two or three transactions: one for each anomaly in the Hermitage catalogue.

The only anomaly that snapshot isolation allows is write skew.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure

from tests.isolation.transactions import Documents

WRITE_CONFLICT = 112

Sessions = tuple[ClientSession, ClientSession, ClientSession]


@pytest.fixture
def sessions(collection: Documents) -> Iterator[Sessions]:
    """Insert two documents, and provide three sessions, each with an open transaction."""
    collection.insert_many([{"_id": 1, "n": 10}, {"_id": 2, "n": 20}])
    client = collection.database.client
    with client.start_session() as one, client.start_session() as two, client.start_session() as three:
        for session in (one, two, three):
            session.start_transaction()
        yield one, two, three


def put(collection: Documents, key: int, value: int, session: ClientSession) -> None:
    assert collection.update_one({"_id": key}, {"$set": {"n": value}}, session=session).matched_count == 1


def everything(collection: Documents, session: ClientSession | None = None, **query: Any) -> dict[int, int]:
    return {document["_id"]: document["n"] for document in collection.find(query, session=session)}


def refused(collection: Documents, key: int, value: int, session: ClientSession) -> None:
    """Check that a write conflicts with an earlier write of a different transaction, and that the conflict aborts the writing
    transaction.
    """
    with pytest.raises(OperationFailure) as caught:
        put(collection, key, value, session)
    assert caught.value.code == WRITE_CONFLICT
    assert caught.value.has_error_label("TransientTransactionError")
    with pytest.raises(OperationFailure) as caught:
        session.commit_transaction()
    assert caught.value.code == 251


def test_g0_a_dirty_write(collection: Documents, sessions: Sessions) -> None:
    one, two, _ = sessions
    put(collection, 1, 11, one)
    refused(collection, 1, 12, two)
    put(collection, 2, 21, one)
    one.commit_transaction()
    assert everything(collection) == {1: 11, 2: 21}


def test_g1a_an_aborted_read(collection: Documents, sessions: Sessions) -> None:
    one, two, _ = sessions
    put(collection, 1, 101, one)
    assert everything(collection, two) == {1: 10, 2: 20}
    assert everything(collection) == {1: 10, 2: 20}
    one.abort_transaction()
    assert everything(collection, two) == {1: 10, 2: 20}
    two.commit_transaction()
    assert everything(collection) == {1: 10, 2: 20}


def test_g1b_an_intermediate_read(collection: Documents, sessions: Sessions) -> None:
    one, two, three = sessions
    put(collection, 1, 101, one)
    assert everything(collection, two) == {1: 10, 2: 20}
    put(collection, 1, 11, one)
    one.commit_transaction()
    assert everything(collection, two) == {1: 10, 2: 20}
    assert everything(collection, three) == {1: 11, 2: 20}


def test_g1c_circular_information_flow(collection: Documents, sessions: Sessions) -> None:
    one, two, _ = sessions
    put(collection, 1, 11, one)
    put(collection, 2, 22, two)
    assert everything(collection, one) == {1: 11, 2: 20}
    assert everything(collection, two) == {1: 10, 2: 22}
    one.commit_transaction()
    two.commit_transaction()
    assert everything(collection) == {1: 11, 2: 22}


def test_otv_an_observed_transaction_vanishes(collection: Documents, sessions: Sessions) -> None:
    one, two, three = sessions
    put(collection, 1, 11, one)
    put(collection, 2, 19, one)
    refused(collection, 1, 12, two)
    one.commit_transaction()
    assert everything(collection, three) == {1: 11, 2: 19}
    with collection.database.client.start_session() as again, again.start_transaction():
        put(collection, 1, 12, again)
        put(collection, 2, 18, again)
        assert everything(collection, three) == {1: 11, 2: 19}
    assert everything(collection, three) == {1: 11, 2: 19}


def test_pmp_a_predicate_reads_the_same_twice(collection: Documents, sessions: Sessions) -> None:
    one, two, _ = sessions
    assert everything(collection, one, n=30) == {}
    collection.insert_one({"_id": 3, "n": 30}, session=two)
    two.commit_transaction()
    assert everything(collection, one, n={"$mod": [3, 0]}) == {}
    assert collection.count_documents({}, session=one) == 2
    assert everything(collection, n={"$mod": [3, 0]}) == {3: 30}


def test_pmp_a_write_by_a_predicate(collection: Documents, sessions: Sessions) -> None:
    one, two, _ = sessions
    collection.update_many({}, {"$inc": {"n": 10}}, session=one)
    with pytest.raises(OperationFailure) as caught:
        collection.delete_many({"n": 20}, session=two)
    assert caught.value.code == WRITE_CONFLICT
    one.commit_transaction()
    assert everything(collection) == {1: 20, 2: 30}


def test_p4_a_lost_update(collection: Documents, sessions: Sessions) -> None:
    one, two, _ = sessions
    assert everything(collection, one)[1] == everything(collection, two)[1] == 10
    put(collection, 1, 11, one)
    one.commit_transaction()
    refused(collection, 1, 11, two)


def test_g_single_read_skew(collection: Documents, sessions: Sessions) -> None:
    one, two, _ = sessions
    assert collection.find_one({"_id": 1}, session=one) == {"_id": 1, "n": 10}
    put(collection, 1, 12, two)
    put(collection, 2, 18, two)
    two.commit_transaction()
    assert collection.find_one({"_id": 2}, session=one) == {"_id": 2, "n": 20}


def test_g_single_read_skew_by_a_predicate(collection: Documents, sessions: Sessions) -> None:
    one, two, _ = sessions
    assert everything(collection, one, n={"$mod": [5, 0]}) == {1: 10, 2: 20}
    collection.update_many({"n": 10}, {"$set": {"n": 12}}, session=two)
    two.commit_transaction()
    assert everything(collection, one, n={"$mod": [3, 0]}) == {}


def test_g_single_a_write_after_the_skew(collection: Documents, sessions: Sessions) -> None:
    one, two, _ = sessions
    assert collection.find_one({"_id": 1}, session=one) == {"_id": 1, "n": 10}
    put(collection, 1, 12, two)
    put(collection, 2, 18, two)
    two.commit_transaction()
    with pytest.raises(OperationFailure) as caught:
        collection.delete_many({"n": 20}, session=one)
    assert caught.value.code == WRITE_CONFLICT


def test_g2_item_write_skew_is_allowed(collection: Documents, sessions: Sessions) -> None:
    one, two, _ = sessions
    assert everything(collection, one) == everything(collection, two)
    put(collection, 1, 11, one)
    put(collection, 2, 21, two)
    one.commit_transaction()
    two.commit_transaction()
    assert everything(collection) == {1: 11, 2: 21}


def test_g2_write_skew_by_a_predicate_is_allowed(collection: Documents, sessions: Sessions) -> None:
    one, two, _ = sessions
    assert everything(collection, one, n={"$mod": [3, 0]}) == everything(collection, two, n={"$mod": [3, 0]}) == {}
    collection.insert_one({"_id": 3, "n": 30}, session=one)
    collection.insert_one({"_id": 4, "n": 42}, session=two)
    one.commit_transaction()
    two.commit_transaction()
    assert everything(collection, n={"$mod": [3, 0]}) == {3: 30, 4: 42}


def test_the_same_new_id_conflicts(collection: Documents, sessions: Sessions) -> None:
    one, two, _ = sessions
    collection.insert_one({"_id": 3, "n": 30}, session=one)
    with pytest.raises(OperationFailure) as caught:
        collection.insert_one({"_id": 3, "n": 31}, session=two)
    assert caught.value.code == WRITE_CONFLICT
    one.commit_transaction()
    assert everything(collection) == {1: 10, 2: 20, 3: 30}


def test_the_same_unique_key_conflicts(collection: Documents, sessions: Sessions) -> None:
    one, two, three = sessions
    three.abort_transaction()
    collection.create_index("u", unique=True, sparse=True)
    collection.insert_one({"_id": 3, "n": 30, "u": 1}, session=one)
    with pytest.raises(OperationFailure) as caught:
        collection.insert_one({"_id": 4, "n": 31, "u": 1}, session=two)
    assert caught.value.code == WRITE_CONFLICT
    one.commit_transaction()


def test_a_delete_conflicts_with_an_update(collection: Documents, sessions: Sessions) -> None:
    one, two, _ = sessions
    assert everything(collection, two) == {1: 10, 2: 20}
    assert collection.delete_one({"_id": 1}, session=one).deleted_count == 1
    one.commit_transaction()
    refused(collection, 1, 11, two)
    assert everything(collection) == {2: 20}
