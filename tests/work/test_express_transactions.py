"""Transactions in the express lane against the general path, and what the lane leaves to that path."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import bson
import pytest
from bson import Binary, Int64

from secantus_server.dispatch.parameters import MAX_TRANSACTIONS
from secantus_server.dispatch.session_statements import RESOURCE_EXHAUSTED
from secantus_server.errors import CloseConnection, CommandError
from secantus_server.version import RELEASES
from tests.work.test_express import LSID, Document, Side, batch, insert, message, plain, sides

__all__ = ["sides"]

OTHER = {"id": Binary(bytes(range(1, 17)), 4)}
_numbers: Iterator[int] = itertools.count(1000)


class Numbered:
    """The messages of one transaction."""

    def __init__(self, lsid: Document = LSID) -> None:
        self.fields: Document = {"lsid": lsid, "txnNumber": Int64(next(_numbers)), "autocommit": False}
        self.starts = True

    def _made(self, body: Document, sequences: Any = None) -> bytes:
        start = {"startTransaction": True} if self.starts else {}
        self.starts = False
        return message({**body, **start, **self.fields}, sequences)

    def insert(self, *documents: Document, **fields: Any) -> bytes:
        return self._made({"insert": "c", "ordered": True, **fields}, {"documents": list(documents)})

    def find(self, query: Document, **fields: Any) -> bytes:
        return self._made({"find": "c", "filter": query, "limit": 1, "singleBatch": True, **fields})

    def update(self, query: Document, change: Any) -> bytes:
        return self._made({"update": "c", "ordered": True}, {"updates": [{"q": query, "u": change}]})

    def delete(self, query: Document) -> bytes:
        return self._made({"delete": "c", "ordered": True}, {"deletes": [{"q": query, "limit": 1}]})

    def modify(self, query: Document, change: Any) -> bytes:
        return self._made({"findAndModify": "c", "query": query, "update": change, "new": True})

    def end(self, name: str = "commitTransaction", **fields: Any) -> bytes:
        return message({name: 1, **self.fields, "$db": "admin", **fields})


def run_both(sides: tuple[Side, Side], raw: bytes, *, is_express: bool) -> Document:
    """Run a message on both servers, check that their replies are equal, and return the reply."""
    replies = [plain(side.run(raw)) for side in sides]
    assert sides[0].answered is is_express, replies
    assert list(replies[0].items()) == list(replies[1].items())
    reply: Document = replies[0]
    return reply


def check_equal(sides: tuple[Side, Side]) -> None:
    first, second = (repr(side.state()) for side in sides)
    assert first == second


def entries(side: Side) -> list[Document]:
    """The newest two entries of the oplog."""
    found = side.run(message({"find": "oplog.rs", "filter": {"op": {"$ne": "n"}}, "sort": {"$natural": -1}, "limit": 2, "$db": "local"}))
    return [plain(one) for one in batch(found)]


def test_transactions_answer_and_leave_the_same(sides: tuple[Side, Side]) -> None:
    one = Numbered()
    for raw in (
        one.insert({"_id": "a", "sku": "a", "n": 1}),
        one.insert({"_id": "b", "sku": "b", "n": 2}),
        one.find({"_id": "a"}),
        one.update({"_id": "a"}, {"$inc": {"n": 10}}),
        one.find({"sku": "a"}),
        one.modify({"_id": 3}, {"$set": {"n": "three"}}),
        one.delete({"_id": "b"}),
        one.find({"_id": "b"}),
        one.update({"_id": "none"}, {"$set": {"n": 1}}),
        one.end(),
    ):
        assert run_both(sides, raw, is_express=True)["ok"] == 1
    first, second = (entries(side) for side in sides)
    assert first == second
    assert len(first[0]["o"]["applyOps"]) == 5
    check_equal(sides)
    # The commit sent again, and with a write concern.
    assert run_both(sides, one.end(), is_express=False)["ok"] == 1
    assert run_both(sides, one.end(writeConcern={"w": "majority"}), is_express=False)["ok"] == 1


def test_an_empty_transaction_leaves_nothing(sides: tuple[Side, Side]) -> None:
    one = Numbered()
    before = sides[0].services.oplog.newest
    run_both(sides, one.find({"_id": 1}), is_express=True)
    run_both(sides, one.end(), is_express=True)
    assert sides[0].services.oplog.newest == before
    check_equal(sides)


GENERAL: list[Callable[[Numbered], bytes]] = [
    lambda one: one.insert({"_id": "two", "sku": "x"}, {"_id": "documents", "sku": "y"}),
    lambda one: one.insert({"_id": 1}),
    lambda one: one.insert({"_id": "again", "sku": "s1"}),
    lambda one: one.insert({"_id": "r"}, readConcern={"level": "snapshot"}),
    lambda one: one.insert({"_id": "c"}, writeConcern={"w": 1}),
    lambda one: one.insert({"_id": "m"}, maxTimeMS=5000),
    lambda one: one.insert({"_id": "new collection"}, insert="other"),
    lambda one: one.insert({"_id": "own"}, **{"$db": "admin"}),
    lambda one: one.find({"n": 1}),
    lambda one: one.find({"_id": {"$in": [2, 3]}}),
    lambda one: one.update({"_id": 2}, {"$set": {"sku": "s1"}}),
    lambda one: one.update({"_id": 2}, {"n": 5}),
    lambda one: one.modify({"_id": "none"}, {"$set": {"n": 5}}),
    lambda one: one.end(),
    lambda one: one.end("abortTransaction"),
]


@pytest.mark.parametrize("made", GENERAL)
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "later"])
def test_unusual_statements_take_the_general_path(sides: tuple[Side, Side], made: Callable[[Numbered], bytes], is_first: bool) -> None:
    one = Numbered()
    if not is_first:
        run_both(sides, one.insert({"_id": "before", "sku": "before"}), is_express=True)
    raw = made(one)
    run_both(sides, raw, is_express=b"commitTransaction" in raw and not is_first)
    for more in (one.find({"_id": "before"}), one.end()):
        replies = [plain(side.run(more)) for side in sides]
        assert replies[0] == replies[1]
    check_equal(sides)


@pytest.mark.parametrize(
    "fields",
    [
        {"autocommit": True},
        {"autocommit": None},
        {"autocommit": 0},
        {"startTransaction": False},
        {"startTransaction": 1},
        {"txnNumber": Int64(-1)},
        {"txnNumber": 1},
        {"lsid": {"id": Binary(b"short", 4)}},
    ],
    ids=str,
)
def test_wrong_options_take_the_general_path(sides: tuple[Side, Side], fields: Document) -> None:
    one = Numbered()
    one.fields.update(fields)
    assert run_both(sides, one.insert({"_id": "x"}), is_express=False)["ok"] == 0
    check_equal(sides)


@pytest.mark.parametrize("missing", ["lsid", "txnNumber", "autocommit"])
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "later"])
def test_missing_options_take_the_general_path(sides: tuple[Side, Side], missing: str, is_first: bool) -> None:
    one = Numbered()
    if not is_first:
        run_both(sides, one.find({"_id": 1}), is_express=True)
    del one.fields[missing]
    for raw in (one.insert({"_id": "x"}), one.end()):
        assert run_both(sides, raw, is_express=False)["ok"] == 0
    check_equal(sides)


def test_numbers_out_of_order_take_the_general_path(sides: tuple[Side, Side]) -> None:
    old, one = Numbered(), Numbered()
    run_both(sides, one.find({"_id": 1}), is_express=True)
    repeated = Numbered()
    repeated.fields = one.fields
    assert run_both(sides, repeated.find({"_id": 1}), is_express=False)["code"] == 117
    assert run_both(sides, old.find({"_id": 1}), is_express=False)["code"] == 225
    unknown = Numbered()
    unknown.starts = False
    assert run_both(sides, unknown.find({"_id": 1}), is_express=False)["code"] == 251
    assert run_both(sides, unknown.end(), is_express=False)["code"] == 251
    newer = Numbered()
    # The open transaction of the session must be aborted first.
    assert run_both(sides, newer.find({"_id": 1}), is_express=False)["ok"] == 1
    assert run_both(sides, newer.end("abortTransaction"), is_express=False)["ok"] == 1
    assert run_both(sides, newer.find({"_id": 1}), is_express=False)["code"] == 251
    check_equal(sides)


def test_a_retryable_write_after_a_transaction_has_no_part_in_it(sides: tuple[Side, Side]) -> None:
    one = Numbered()
    run_both(sides, one.insert({"_id": "x", "sku": "x"}), is_express=True)
    plain_write = Numbered()
    plain_write.fields = {"lsid": LSID, "txnNumber": plain_write.fields["txnNumber"]}
    plain_write.starts = False
    assert run_both(sides, plain_write.insert({"_id": "y", "sku": "y"}), is_express=False)["n"] == 1
    assert run_both(sides, one.end(), is_express=False)["code"] == 225
    check_equal(sides)


def test_a_write_conflict_aborts_the_transaction(sides: tuple[Side, Side]) -> None:
    one, other = Numbered(), Numbered(OTHER)
    run_both(sides, one.update({"_id": 1}, {"$set": {"n": "one"}}), is_express=True)
    run_both(sides, other.find({"_id": 2}), is_express=True)
    reply = run_both(sides, other.update({"_id": 1}, {"$set": {"n": "other"}}), is_express=False)
    assert (reply["code"], reply["errorLabels"]) == (112, ["TransientTransactionError"])
    assert run_both(sides, other.find({"_id": 2}), is_express=False)["code"] == 251
    assert run_both(sides, one.end(), is_express=True)["ok"] == 1
    assert [side.services.counters.value("writeConflicts") for side in sides] == [1, 1]
    check_equal(sides)


def test_a_write_conflict_of_the_first_statement_aborts_the_transaction(sides: tuple[Side, Side]) -> None:
    one, other = Numbered(), Numbered(OTHER)
    run_both(sides, one.insert({"_id": "x", "sku": "x"}), is_express=True)
    reply = run_both(sides, other.insert({"_id": "x", "sku": "y"}), is_express=False)
    assert (reply["code"], reply["errorLabels"]) == (112, ["TransientTransactionError"])
    assert run_both(sides, other.end(), is_express=False)["code"] == 251
    assert run_both(sides, one.end(), is_express=True)["ok"] == 1
    check_equal(sides)


def test_reads_see_the_state_at_the_first_statement(sides: tuple[Side, Side]) -> None:
    one = Numbered()
    run_both(sides, one.find({"_id": 1}), is_express=True)
    for side in sides:
        side.run(message({"update": "c"}, {"updates": [{"q": {"_id": 1}, "u": {"$set": {"n": "later"}}}]}))
    assert batch(run_both(sides, one.find({"_id": 1}), is_express=True))[0]["n"] == 1
    reply = run_both(sides, one.update({"_id": 1}, {"$set": {"n": "mine"}}), is_express=False)
    assert (reply["code"], reply["errorLabels"]) == (112, ["TransientTransactionError"])


def test_a_statement_that_makes_an_index_multikey_is_found_by_its_keys(sides: tuple[Side, Side]) -> None:
    for side in sides:
        side.run(message({"createIndexes": "c", "indexes": [{"key": {"many": 1}, "name": "many"}]}))
        side.run(message({"insert": "c"}, {"documents": [{"_id": "finds the newest RecordId", "sku": "newest"}]}))
    one = Numbered()
    run_both(sides, one.insert({"_id": "multi", "sku": "multi", "many": [1, 2]}), is_express=True)
    run_both(sides, one.find({"many": 2}), is_express=True)
    run_both(sides, one.end(), is_express=True)
    found = run_both(sides, message({"find": "c", "filter": {"many": 2}}), is_express=True)
    assert [document["_id"] for document in batch(found)] == ["multi"]


def test_a_transaction_that_was_killed_is_aborted(sides: tuple[Side, Side]) -> None:
    one = Numbered()
    run_both(sides, one.insert({"_id": "x", "sku": "x"}), is_express=True)
    for side in sides:
        side.run(message({"killSessions": [LSID], "$db": "admin"}))
    assert run_both(sides, one.insert({"_id": "y", "sku": "y"}), is_express=False)["code"] == 251
    check_equal(sides)


def test_a_killed_statement_aborts_the_transaction(sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch) -> None:
    side, one = sides[0], Numbered()
    side.run(one.insert({"_id": "x", "sku": "x"}))
    transactions = side.services.sessions.transactions

    newest = transactions.newest

    def kill(session: bytes) -> Any:
        for operation in side.services.operations.all():
            operation.interrupt(CommandError(11601, "operation was interrupted"))
        return newest(session)

    with monkeypatch.context() as patch:
        patch.setattr(transactions, "newest", kill)
        reply = side.run(one.insert({"_id": "y", "sku": "y"}))
    assert (reply["code"], side.answered, transactions.open) == (11601, False, 0)
    assert side.run(one.end())["code"] == 251


def test_the_general_path_continues_a_transaction_that_the_lane_has_begun(sides: tuple[Side, Side]) -> None:
    one = Numbered()
    # The lane notices the duplicate key only after it has begun the transaction.
    reply = run_both(sides, one.insert({"_id": 1}), is_express=False)
    assert reply["writeErrors"][0]["code"] == 11000
    assert [side.services.sessions.transactions.open for side in sides] == [0, 0]
    assert [side.services.sessions.transactions.started for side in sides] == [1, 1]
    assert run_both(sides, one.end(), is_express=False)["code"] == 251


def test_a_collection_that_is_being_changed_takes_the_general_path(sides: tuple[Side, Side]) -> None:
    side, one = sides[0], Numbered()
    side.run(one.insert({"_id": "x", "sku": "x"}))
    namespaces = side.services.sessions.transactions.namespaces
    other = Numbered(OTHER)
    with namespaces._changed:
        namespaces.claim(("shop", "c"))
    reply = side.run(other.find({"_id": 1}))
    assert (side.answered, reply["code"], reply["errorLabels"]) == (False, 24, ["TransientTransactionError"])
    with namespaces._changed:
        namespaces.unclaim(("shop", "c"))
    assert side.run(one.end())["ok"] == 1


def test_a_transaction_goes_on_with_other_collections_and_statements(sides: tuple[Side, Side]) -> None:
    one, other = Numbered(), Numbered(OTHER)
    for side in sides:
        assert side.run(message({"insert": "d"}, {"documents": [{"_id": 0}]}))["ok"] == 1
        assert side.run(message({"insert": "d"}, {"documents": [{"_id": 1}]}))["ok"] == 1
    run_both(sides, one.insert({"_id": "a", "sku": "a"}), is_express=True)
    run_both(sides, one.update({"_id": 1}, {"$inc": {"n": 1}}), is_express=True)
    assert run_both(sides, one._made({"insert": "d", "ordered": True}, {"documents": [{"_id": "b"}]}), is_express=True)["n"] == 1
    run_both(sides, one.delete({"_id": 2}), is_express=True)
    assert len(batch(run_both(sides, one._made({"find": "c", "filter": {"n": {"$gte": 0}}}), is_express=False))) == 9
    run_both(sides, one.insert({"_id": "c", "sku": "c"}), is_express=True)
    assert run_both(sides, one.end(), is_express=True)["ok"] == 1
    assert entries(sides[0]) == entries(sides[1])
    # The first array in an indexed field.
    run_both(sides, other.insert({"_id": "d", "sku": "d"}), is_express=True)
    run_both(sides, other.insert({"_id": "e", "sku": ["e", "f"]}), is_express=True)
    run_both(sides, other.find({"_id": "e"}), is_express=True)
    assert run_both(sides, other.end(), is_express=True)["ok"] == 1
    assert entries(sides[0]) == entries(sides[1])
    check_equal(sides)


def test_large_and_catalog_changing_transactions_are_committed_by_the_general_path(sides: tuple[Side, Side]) -> None:
    for first in ({"insert": "made", "ordered": True}, {"insert": "c", "ordered": True}):
        one = Numbered()
        documents = [{"_id": f"{first['insert']} {number}", "sku": f"bulk {number}"} for number in range(101)]
        assert run_both(sides, one._made(first, {"documents": documents}), is_express=False)["n"] == 101
        assert run_both(sides, one.end(), is_express=False)["ok"] == 1
    check_equal(sides)


def test_an_unfinished_command_is_finished_by_the_general_path_alone(sides: tuple[Side, Side]) -> None:
    side, one = sides[0], Numbered()
    assert side.lane is not None
    raw = one.insert({"_id": 1})
    assert side.lane.answer(raw, side.ids) is None
    unfinished = side.lane.unfinished
    assert unfinished is not None
    assert (unfinished.error, unfinished.transaction.number) == (None, one.fields["txnNumber"])
    # The lane does not begin another command until the general path has taken over.
    assert side.lane.answer(insert({"_id": "other", "sku": "other"}), side.ids) is None
    assert side.lane.unfinished is unfinished
    assert bson.decode(bson.encode(side.run(raw)))["writeErrors"][0]["code"] == 11000


@pytest.mark.parametrize("data", [{"errorCode": 91}, {"closeConnection": True}])
def test_a_transaction_is_aborted_if_a_fail_point_set_after_the_lane_had_begun_it_fails_its_statement(
    sides: tuple[Side, Side], data: Document
) -> None:
    side, one = sides[0], Numbered()
    assert side.lane is not None
    raw = one.insert({"_id": 1})
    assert side.lane.answer(raw, side.ids) is None
    fail = {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": {"failCommands": ["insert"], **data}, "$db": "admin"}
    waiting, side.lane.unfinished = side.lane.unfinished, None
    assert side.run(message(fail))["ok"] == 1
    side.lane.unfinished = waiting
    if "errorCode" in data:
        assert side.run(raw)["code"] == 91
    else:
        with pytest.raises(CloseConnection):
            side.run(raw)
    assert side.services.sessions.transactions.open == 0
    assert side.run(one.end())["code"] == 251


def test_a_transaction_rolled_back_while_it_waits_for_a_collection_unlocks_it(sides: tuple[Side, Side]) -> None:
    side, one = sides[1], Numbered()
    services = side.services
    locks = services.sessions.transactions.namespaces
    side.run(message({"setParameter": 1, "maxTransactionLockRequestTimeoutMillis": -1, "$db": "admin"}))
    side.run(one.find({"_id": 1}, find="other"))
    replies: list[Document] = []
    waiting = threading.Thread(target=lambda: replies.append(side.run(one.find({"_id": 1}))))
    with locks.change([("shop", "c")], lambda: None):
        waiting.start()
        while not locks.waiting:
            time.sleep(0.001)
        with services.engine.exclusive(aborts_idle=True):
            pass
    waiting.join()
    assert replies[0]["code"] == 112
    assert locks.try_change([("shop", "c")])


def test_each_transaction_has_the_current_lifetime(sides: tuple[Side, Side]) -> None:
    for seconds in (60, 5, 7):
        one = Numbered()
        for side in sides:
            side.run(message({"setParameter": 1, "transactionLifetimeLimitSeconds": seconds, "$db": "admin"}))
        run_both(sides, one.find({"_id": 1}), is_express=True)
        for side in sides:
            transaction = side.services.sessions.transactions.newest(bytes(LSID["id"]))
            assert transaction is not None
            assert 0 < transaction.deadline - side.services.clock.elapsed() <= seconds
            assert transaction.deadline - side.services.clock.elapsed() > seconds - 4
        run_both(sides, one.end(), is_express=True)


def test_the_number_of_transactions_is_limited_in_the_lane(sides: tuple[Side, Side]) -> None:
    for side in sides:
        side.services.release = RELEASES["9.0"]
        side.services.parameters = {**side.services.parameters, MAX_TRANSACTIONS: 1}
    run_both(sides, Numbered(OTHER).find({"_id": 1}), is_express=True)
    one = Numbered()
    assert run_both(sides, one.find({"_id": 1}), is_express=False)["code"] == RESOURCE_EXHAUSTED
    for side in sides:
        side.services.parameters = {**side.services.parameters, MAX_TRANSACTIONS: 2}
    one = Numbered()
    run_both(sides, one.find({"_id": 1}), is_express=True)
    run_both(sides, one.end(), is_express=True)
