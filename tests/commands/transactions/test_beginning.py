"""Commands of one session that begin transactions and retryable writes at the same time: the newest number wins.

https://github.com/mongodb/specifications/blob/master/source/transactions/transactions.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from secantus_server.sessions._registries import SessionTransaction
from secantus_server.sessions.transactions import Transactions
from tests.commands.transactions.test_transactions import COMMIT, Wire
from tests.net.raw_client import connected

TOO_OLD = 225
MAX_TIME_MS_EXPIRED = 50
INSERT: dict[str, Any] = {"insert": "c", "documents": [{"_id": 0}]}


@pytest.fixture
def wires(server: SecantusDBServer, db: Database[dict[str, Any]]) -> Iterator[tuple[Wire, Wire]]:
    """Open two connections that use one session."""
    with connected(server) as one, connected(server) as other:
        first, second = Wire(one, db.name), Wire(other, db.name)
        second._lsid = first._lsid
        yield first, second


def before_begin(server: SecantusDBServer, monkeypatch: pytest.MonkeyPatch, run: Callable[[bytes], Any]) -> None:
    """Call `run` once, with the session, between a transaction's check of its number and its registration."""
    transactions = server.services.sessions.transactions
    begin = transactions.begin

    def interposed(transaction: SessionTransaction) -> SessionTransaction | None:
        monkeypatch.setattr(transactions, "begin", begin)
        run(transaction.session)
        return begin(transaction)

    monkeypatch.setattr(transactions, "begin", interposed)


def test_a_retryable_write_with_a_newer_number_ends_a_beginning_transaction(
    server: SecantusDBServer, wires: tuple[Wire, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    wire, other = wires
    before_begin(server, monkeypatch, lambda _: other.run({**INSERT, "txnNumber": Int64(2)}))
    assert wire.code(INSERT, 1, start=True) == TOO_OLD
    assert server.services.sessions.transactions.open == 0


def test_a_transaction_with_a_newer_number_ends_a_beginning_one(
    server: SecantusDBServer, wires: tuple[Wire, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    wire, other = wires
    before_begin(server, monkeypatch, lambda _: other.run(INSERT, 2, start=True))
    assert wire.code(INSERT, 1, start=True) == TOO_OLD
    assert server.services.sessions.transactions.open == 1
    assert other.code(COMMIT, 2, db="admin") == 0


def test_a_transaction_is_recorded_only_if_its_session_has_no_open_one() -> None:
    transactions = Transactions()
    older, newer = SessionTransaction(b"session", 1, 60), SessionTransaction(b"session", 2, 60)
    assert transactions.begin(older) is None
    assert transactions.begin(newer) is older
    assert (transactions.newest(b"session"), transactions.open) == (older, 1)
    transactions.abort(older, None)
    assert transactions.begin(newer) is None
    assert (transactions.newest(b"session"), transactions.open) == (newer, 1)


def test_an_older_transaction_stays_recorded_if_the_wait_for_its_statement_times_out(
    server: SecantusDBServer, wires: tuple[Wire, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    wire, _ = wires
    transactions, running = server.services.sessions.transactions, []

    def run_older(session: bytes) -> None:
        running.append(SessionTransaction(session, 1, 60))
        running[0].lock.acquire()
        assert transactions.begin(running[0]) is None

    before_begin(server, monkeypatch, run_older)
    assert wire.code({**INSERT, "maxTimeMS": 20}, 2, start=True) == MAX_TIME_MS_EXPIRED
    assert transactions.all_open() == running
    assert transactions.open == 1
    running[0].lock.release()
    assert wire.code(INSERT, 3, start=True) == 0
    assert wire.code(COMMIT, 3, db="admin") == 0
    assert transactions.open == 0
