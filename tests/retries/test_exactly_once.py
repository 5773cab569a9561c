"""Exactly once: a statement whose reply was lost acts once if it is sent again, and returns the reply that the first attempt would have
returned.

Each statement is also sent once to a twin of the database, whose replies are not lost. The replies and the documents of both databases
must be equal.
"""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from secantus_server.server import SecantusDBServer
from tests.crash.test_kill import start
from tests.net.raw_client import RawClient
from tests.retries.statements import KINDS, ONCE, TWIN, Command, Retried, Server, fill, on, result, run, send_and_lose
from tests.wire.messages import command as message

STATEMENTS = 1000
#: The number of kills, and the number of statements in progress at each kill.
KILLS = int(os.environ.get("SECANTUS_TEST_KILLS", "4"))
UNDER_WAY = 40

CLOSE_AFTER_COMMIT = {"configureFailPoint": "onPrimaryTransactionalWrite", "mode": {"times": 1}, "$db": "admin"}
OFF = {"configureFailPoint": "onPrimaryTransactionalWrite", "mode": "off", "$db": "admin"}


@pytest.fixture
def chance(capsys: pytest.CaptureFixture[str]) -> random.Random:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    return random.Random(seed)


def documents(client: MongoClient[dict[str, Any]], db: str) -> list[dict[str, Any]]:
    return sorted(client[db].c.find(), key=lambda document: str(document["_id"]))


def retry(server: Server, command: Command, twin: Command) -> list[str]:
    """Send a statement two more times, and once to the twin. Return the differences between the replies."""
    again, third, expected = (result(run(server, one), db) for one, db in ((command, ONCE), (command, ONCE), (twin, TWIN)))
    wrong = [] if again == expected else [f"{command}\n  answers {again}\n  not {expected}"]
    return wrong + ([] if third == again else [f"{command}\n  answers {third}\n  after {again}"])


def test_the_connection_closes_after_the_commit(chance: random.Random) -> None:
    wrong: list[str] = []
    lost = 0
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, MongoClient(server.uri) as client:
        for db in (ONCE, TWIN):
            client[db].c.insert_many(fill())
        admin, session = RawClient(server), Retried(chance)
        for number in range(STATEMENTS):
            statement = chance.choice(KINDS)(chance, number)
            command = session.next(statement)
            assert admin.run(CLOSE_AFTER_COMMIT)["ok"]
            lost += send_and_lose(server, command)
            assert admin.run(OFF)["ok"]
            wrong += retry(server, command, on(TWIN, statement))
        admin.socket.close()
        assert documents(client, ONCE) == documents(client, TWIN)
    assert not wrong, "\n".join(wrong[:5])
    # The other statements match no document and commit nothing.
    assert lost > STATEMENTS * 0.6


def statements_of_their_own(chance: random.Random, first: int) -> list[tuple[Command, Command]]:
    """Return pairs of a statement and its copy for the twin. Each statement has its own session and changes its own documents."""
    pairs = []
    for number in range(first, first + UNDER_WAY):
        way = number % 4
        statement: Command
        if way == 0:
            statement = {"insert": "c", "documents": [{"_id": f"{number}"}, {"_id": f"{number}+"}]}
        elif way == 1:
            statement = {"update": "c", "updates": [{"q": {"_id": f"{number}"}, "u": {"$inc": {"n": 1}}, "upsert": True}]}
        elif way == 2:
            statement = {"findAndModify": "c", "query": {"_id": f"k{number % UNDER_WAY}"}, "update": {"$inc": {"n": 1}}, "new": True}
        else:
            updates = [{"q": {"_id": f"k{number % UNDER_WAY}"}, "u": {"$inc": {"n": part}}} for part in (1, 2)]
            statement = {"update": "c", "updates": updates}
        pairs.append((Retried(chance).next(statement), on(TWIN, statement)))
    return pairs


def test_kill_9_between_commit_and_reply(tmp_path: Path, chance: random.Random) -> None:
    daemon = start(tmp_path / "data")
    wrong: list[str] = []
    with daemon.client() as client:
        for db in (ONCE, TWIN):
            client[db].c.insert_many([{"_id": f"k{number}", "n": 0} for number in range(UNDER_WAY)])
    for kill in range(KILLS):
        pairs = statements_of_their_own(chance, kill * UNDER_WAY)
        senders = [RawClient(daemon) for _ in pairs]  # type: ignore[arg-type]
        for sender, (command, _) in zip(senders, pairs, strict=True):
            sender.send(message(command))
        if kill % 2:
            # Wait until all statements are committed. The replies count as lost.
            for sender in senders:
                assert sender.receive()[2]["ok"]
        else:
            threading.Event().wait(chance.uniform(0, 0.01))
        daemon.kill()
        for sender in senders:
            sender.socket.close()
        daemon = start(tmp_path / "data")
        for command, twin in pairs:
            wrong += retry(daemon, command, twin)
        with daemon.client() as client:
            assert documents(client, ONCE) == documents(client, TWIN)
    daemon.kill()
    assert not wrong, "\n".join(wrong[:5])
