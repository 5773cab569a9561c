"""A run of the clients in `clients.py` against daemons. Meanwhile, sessions are killed, and the daemon is killed and restarted."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure

from tests.integration.daemon import Daemon
from tests.isolation.adya import SERIALIZABLE, SNAPSHOT_ISOLATION, check
from tests.isolation.clients import Client, Workload
from tests.isolation.history import History

Start = Callable[[], Daemon]

CLIENTS = 12


class Killer:
    """A thread that kills the session of a random client every few milliseconds within a `with` block."""

    def __init__(self, uri: str, clients: list[Client], seed: int) -> None:
        self._uri = uri
        self._clients = clients
        self._chance = random.Random(seed)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        with MongoClient(self._uri, serverSelectionTimeoutMS=2000) as client, contextlib.suppress(ConnectionFailure):
            while not self._ended.wait(self._chance.uniform(0.005, 0.05)):
                session = self._chance.choice(self._clients).session
                if session is not None:
                    client.admin.command("killSessions", [session])


def run_clients(uri: str, workload: Workload, chance: random.Random, kill: Callable[[], None] | None) -> None:
    """Run clients until all have ended. If a client had an unexpected error, raise it.

    Arguments:
        kill: kills the server; called when most transactions are done.
    """
    clients = [Client(uri, workload, chance.getrandbits(32)) for _ in range(CLIENTS)]
    with Killer(uri, clients, chance.getrandbits(32)):
        for client in clients:
            client.start()
        while kill is not None and not workload.nearly_done.wait(0.1) and any(client.is_alive() for client in clients):
            pass
        if kill is not None:
            kill()
        for client in clients:
            client.join()
    for client in clients:
        if client.error is not None:
            raise client.error


def run(start: Start, transactions: int, seed: int, *, restarts: int = 1) -> History:
    """Run a workload and return its history.

    Arguments:
        start: starts a daemon on the same store.
        restarts: the number of times the daemon is killed and restarted during the workload.
    """
    chance = random.Random(seed)
    workload = Workload()
    daemon = start()
    try:
        with daemon.client() as client:
            client.isolation.lists.create_index("k")
        for remaining in reversed(range(restarts + 1)):
            workload.allow(transactions // (restarts + 1))
            run_clients(daemon.uri, workload, chance, daemon.kill if remaining else None)
            if remaining:
                daemon = start()
    finally:
        daemon.kill()
    return workload.history


def judge(history: History, path: Path, seed: int) -> None:
    """Assert that a history satisfies snapshot isolation but is not serializable, because write skew occurs in it."""
    history.write(path)
    what = f"seed {seed}, {history.outcomes}, history {path}"
    verdict = check(path, SNAPSHOT_ISOLATION)
    assert verdict.valid, f"{what}: {sorted(verdict.anomalies)}\n{verdict.text}"
    assert check(path, SERIALIZABLE).anomalies == {"G2-item"}, what
