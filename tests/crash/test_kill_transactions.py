"""The daemon is killed under transactions and retryable writes. Each is complete or absent, and acknowledged ones are complete.

A client whose reply was lost sends its last command again after the restart, and gets a true answer: a commit is acknowledged if and only
if its writes exist, and a retried write has acted once.
"""

from __future__ import annotations

import os
import random
import threading
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, Int64

from tests.crash.test_kill import start
from tests.integration.daemon import Daemon
from tests.net.raw_client import RawClient

ROUNDS = int(os.environ.get("SECANTUS_TEST_KILLS", "4"))
CLIENTS = 6
COLLECTIONS = ("one", "two", "three")
NO_SUCH_TRANSACTION = 251

Command = dict[str, Any]


class Committer:
    """A client that alternates between transactions, each with several documents in several collections, and retryable writes.

    Attributes:
        whole: the number of documents of each acknowledged transaction or write, by its number.
        asked: the last command, if its reply is missing, with the number and the document count of its transaction or write.

    Threads: only the client's thread uses the attributes until `join` has returned.
    """

    def __init__(self, number: int, seed: int) -> None:
        self.whole: dict[int, int] = {}
        self.asked: tuple[Command, int, int] | None = None
        self._next = number * 1_000_000
        self._chance = random.Random(seed)
        self._session = {"id": Binary(uuid.UUID(int=self._chance.getrandbits(128), version=4).bytes, 4)}
        self._transaction_number = 0
        self._thread: threading.Thread | None = None

    def start(self, daemon: Daemon) -> None:
        """Write until the connection to the server breaks."""
        self.asked = None
        self._thread = threading.Thread(target=self._run, args=(RawClient(daemon),))  # type: ignore[arg-type]
        self._thread.start()

    def join(self) -> None:
        """Wait until the client has noticed that the server was killed."""
        assert self._thread is not None
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self, connection: RawClient) -> None:
        try:
            while True:
                self._next += 1
                self._transaction_number += 1
                (self._transaction if self._next % 2 else self._write)(connection)
        except (EOFError, ConnectionError):
            return
        finally:
            connection.socket.close()

    def _numbered(self, command: Command) -> Command:
        return {**command, "lsid": self._session, "txnNumber": Int64(self._transaction_number)}

    def _documents(self, count: int) -> list[Command]:
        return [{"number": self._next, "part": part, "text": "x" * self._chance.randrange(400)} for part in range(count)]

    def _transaction(self, connection: RawClient) -> None:
        count, written = self._chance.randrange(2, 30), 0
        statement = {"autocommit": False, "startTransaction": True}
        while written < count:
            documents = self._documents(min(self._chance.randrange(1, 10), count - written))
            command = {"insert": self._chance.choice(COLLECTIONS), "documents": documents, "$db": "crash"}
            assert connection.run({**self._numbered(command), **statement})["ok"]
            statement = {"autocommit": False}
            written += len(documents)
        if self._chance.random() < 0.2:
            assert connection.run({**self._numbered({"abortTransaction": 1, "$db": "admin"}), "autocommit": False})["ok"]
            return
        self._finish(connection, {**self._numbered({"commitTransaction": 1, "$db": "admin"}), "autocommit": False}, count)

    def _write(self, connection: RawClient) -> None:
        documents = self._documents(self._chance.randrange(1, 6))
        command = {"insert": self._chance.choice(COLLECTIONS), "documents": documents, "$db": "crash"}
        self._finish(connection, self._numbered(command), len(documents))

    def _finish(self, connection: RawClient, command: Command, count: int) -> None:
        self.asked = (command, self._next, count)
        assert connection.run(command)["ok"]
        self.asked = None
        self.whole[self._next] = count

    def ask_again(self, daemon: Daemon) -> None:
        """If the reply to the last command is missing, send the command again and record its outcome."""
        if self.asked is None:
            return
        command, number, count = self.asked
        connection = RawClient(daemon)  # type: ignore[arg-type]
        reply = connection.run(command)
        connection.socket.close()
        assert reply["ok"] or reply["code"] == NO_SUCH_TRANSACTION, reply
        if reply["ok"]:
            self.whole[number] = count


def test_transactions_are_whole_or_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    clients = [Committer(number, chance.getrandbits(32)) for number in range(1, CLIENTS + 1)]
    daemon = start(tmp_path / "data")
    with daemon.client() as client:
        for name in COLLECTIONS:
            client.crash[name].create_index([("number", 1), ("part", 1)])
    wrong: list[str] = []
    for _ in range(ROUNDS):
        for one in clients:
            one.start(daemon)
        threading.Event().wait(chance.uniform(0.1, 0.8))
        daemon.kill()
        for one in clients:
            one.join()
        daemon = start(tmp_path / "data")
        for one in clients:
            one.ask_again(daemon)
        expected = {number: count for one in clients for number, count in one.whole.items()}
        wrong += differences(daemon, expected)
    daemon.kill()
    whole = sum(len(one.whole) for one in clients)
    with capsys.disabled():
        print(f"\n  kill -9: {ROUNDS} kills, {whole} transactions and retryable writes, {len(wrong)} mistakes (seed {seed})")
    assert not wrong, wrong[:5]


def differences(daemon: Daemon, expected: dict[int, int]) -> list[str]:
    """Return the transactions that are missing, incomplete or unexpected.

    Assert that the indexes and the counts agree with the documents.
    """
    found: Counter[int] = Counter()
    with daemon.client() as client:
        for name in COLLECTIONS:
            documents = list(client.crash[name].find({}, {"number": 1}).hint([("$natural", 1)]))
            by_index = list(client.crash[name].find({}, {"number": 1}).hint([("number", 1), ("part", 1)]))
            assert len(by_index) == len(documents) == client.crash.command("count", name)["n"]
            report = client.crash.command("validate", name, full=True)
            assert report["valid"], report
            found.update(document["number"] for document in documents)
    numbers = sorted(found.keys() | expected.keys())
    return [f"{one}: {found[one]} of {expected.get(one, 0)}" for one in numbers if found[one] != expected.get(one, 0)]
