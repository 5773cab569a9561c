"""One simulation. Its seed determines the store, the clients, the disturbances and every step. The invariants are checked at the end."""

from __future__ import annotations

import gc
import hashlib
import itertools
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.isolation.history import History
from tests.simulation.client import Client
from tests.simulation.expiry import Expiry
from tests.simulation.lists import DB as LISTS_DB
from tests.simulation.lists import Judgement, Keys, Lists
from tests.simulation.models import Bank, Count, Set
from tests.simulation.nemesis import Nemesis
from tests.simulation.node import Node
from tests.simulation.scheduler import Scheduler, activate
from tests.simulation.stream import END, Follower, Writer

ROUNDS = 12


class Outcome(NamedTuple):
    """The result of a simulation: the hash of its history, some counts, and the transactions on lists as JSON lines."""

    digest: str
    counts: dict[str, Any]
    lines: list[str]


class Simulation:
    """A simulation that can be run once.

    Arguments:
        seed: the seed of every choice.
        directory: the directory for stores.
        rounds: the number of rounds of each client.
    """

    def __init__(self, seed: int, directory: Path, rounds: int) -> None:
        self._seed = seed
        self._rounds = rounds
        chance = self._chance = random.Random(f"plan {seed}")
        self._in_memory = chance.random() < 0.5
        self.scheduler = Scheduler(seed, chance.choice((0.0, 0.02, 0.1, 0.3)))
        self.node = Node(self.scheduler, seed, None if self._in_memory else directory)
        self._hash = hashlib.sha256()
        self._loss = chance.choice((0.0, 0.02, 0.1))
        self._jumps = chance.random() < 0.5
        self.history = History(lambda: self.scheduler.now_us * 1000)
        self._left = 0

    def _note(self, data: bytes) -> None:
        self._hash.update(b"%d %d " % (self.scheduler.now_us, self.scheduler.current.ident if self.scheduler.current else 0))
        self._hash.update(data)

    def _client(self, name: str, loss: float = 0.0) -> Client:
        return Client(self.node, f"{self._seed} {name}", self._note, loss)

    def run(self) -> Outcome:
        """Run the simulation and return its outcome.

        Raises:
            AssertionError: an invariant is violated.
            Stuck: no client can continue.
        """
        finished: list[bool] = []

        def main() -> None:
            self._main()
            finished.append(True)

        self.scheduler.spawn("main", main)
        self.scheduler.run(lambda: bool(finished))
        self.scheduler.run(lambda: not self.scheduler.tasks)
        return Outcome(self._hash.hexdigest(), self.counts, self.history.lines)

    def _main(self) -> None:
        self.node.start()
        client = self._client("main")
        bank, count, elements, expiry = Bank(), Count(), Set(), Expiry(self.node.wall)
        for model in (bank, count, elements, expiry):
            model.prepare(client)
        client.command(LISTS_DB, {"createIndexes": "lists", "indexes": [{"key": {"k": 1}, "name": "k_1"}]})
        follower = Follower()
        cursor = self._spawn_follower(follower)
        models: list[Any] = [bank, count, elements, expiry, Writer()]
        nemesis = self._run_clients(models)
        client.until_answered("markers", {"insert": "markers", "documents": [{"_id": END}]})
        while not cursor():
            self.scheduler.sleep(0.05)
        for model in (bank, count, elements, follower, expiry):
            model.check(client)
        expiry.check_events(follower.events)
        self._judge(client)
        self._validate(client)
        self.counts = {
            "steps": self.scheduler.steps, "events": len(follower.events), "resumed": follower.resumed,
            **self.history.outcomes, **nemesis.done,
        }  # fmt: skip
        self.node.stop()

    def _spawn_follower(self, follower: Follower) -> Callable[[], bool]:
        """Start a task that follows the change stream, and wait until the stream is open. Return a function that tells whether the task
        has ended.
        """
        client = self._client("follower", self._loss)
        ended: list[bool] = []

        def follow() -> None:
            follower.follow(client)
            ended.append(True)

        self.scheduler.spawn("follower", follow)
        while not follower.tokens:
            self.scheduler.sleep(0.01)
        return lambda: bool(ended)

    def _run_clients(self, models: list[Any]) -> Nemesis:
        """Run the clients and the disturbances until all clients have ended. Return the object that caused the disturbances."""
        keys, processes = Keys(), itertools.count()
        victims = []
        for number in range(self._chance.randrange(4, 9)):
            client = self._client(f"client {number}", self._loss)
            lists = Lists(client, keys, self.history, processes)
            victims.append(client)
            self._left += 1
            self.scheduler.spawn(f"client {number}", lambda client=client, lists=lists: self._work(client, lists, models))  # type: ignore[misc]
        kills = 0 if self._in_memory else self._chance.randrange(3)
        nemesis = Nemesis(self._client("nemesis"), victims, kills, jumps=self._jumps)
        nemesis.run(lambda: self._left == 0)
        return nemesis

    def _work(self, client: Client, lists: Lists, models: list[Any]) -> None:
        for _ in range(self._rounds):
            if client.chance.random() < 0.4:
                lists.one()
            else:
                client.chance.choice(models).one(client)
            if client.chance.random() < 0.2:
                self.scheduler.sleep(client.chance.choice((0.001, 0.05, 0.5)))
        self._left -= 1

    def _judge(self, client: Client) -> None:
        final = {one["_id"]: one["v"] for one in client.all(LISTS_DB, {"find": "lists"})}
        problems = Judgement(self.history.lines, final).problems
        assert not problems, "\n".join(problems[:5])

    def _validate(self, client: Client) -> None:
        """Validate every collection with the validate command."""
        for db in (LISTS_DB, "models", "history", "expiry"):
            for one in client.all(db, {"listCollections": 1, "nameOnly": True}):
                report = client.command(db, {"validate": one["name"], "full": True})
                assert report["valid"], report


def run(seed: int, rounds: int = ROUNDS) -> Outcome:
    """Run the simulation with the given seed and return its outcome. Raise the same errors as `Simulation.run`."""
    directory = Path(tempfile.mkdtemp(prefix="simulation-"))
    gc.collect()
    gc.disable()
    try:
        simulation = Simulation(seed, directory, rounds)
        activate(simulation.scheduler)
        return simulation.run()
    finally:
        activate(None)
        gc.enable()
        shutil.rmtree(directory, ignore_errors=True)
