"""Snapshots during writes: ``python -m tests.simulation.snapshots --rounds 10000`` compares dbHash before and after each restore.

Writers run all the time, inside and outside transactions. The snapshots are nested like the snapshots of a session, a module, a class and
a test.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from typing import Any

DEPTH = 4
WRITERS = 4
DATABASES = ("history", "models")


def run(seed: int, rounds: int) -> int:
    """Run rounds of snapshots and restores in one simulation. Return the number of restores.

    Raises:
        AssertionError: the contents after a restore differ from the contents at the snapshot.
    """
    from tests.simulation.client import Client
    from tests.simulation.node import Node
    from tests.simulation.scheduler import Scheduler, activate

    scheduler = Scheduler(seed, 0.1)
    node = Node(scheduler, seed, None)
    done: list[int] = []

    def main() -> None:
        node.start()
        clients = [Client(node, f"{seed} {number}", lambda _data: None) for number in range(WRITERS + 1)]
        over: list[bool] = []
        for client in clients[1:]:
            scheduler.spawn("writer", lambda client=client: _write(client, over))  # type: ignore[misc]
        done.append(_snapshots(clients[0], rounds))
        over.append(True)
        while any(task.name == "writer" for task in scheduler.tasks):
            scheduler.sleep(0.01)
        node.stop()

    activate(scheduler)
    try:
        scheduler.spawn("main", main)
        scheduler.run(lambda: not scheduler.tasks)
    finally:
        activate(None)
    return done[0]


def _write(client: Any, over: list[bool]) -> None:
    """Write until all other tasks have ended. Tolerate transactions that a restore aborts."""
    from tests.simulation.stream import Writer

    writer = Writer()
    while not over:
        writer.one(client)
        client.node.scheduler.sleep(0.001)


def _hashes(client: Any) -> list[Any]:
    """Return the hashes of the contents of all collections."""
    return [client.command(db, {"dbHash": 1})["collections"] for db in DATABASES]


def _snapshots(client: Any, rounds: int) -> int:
    """Take, restore and release nested snapshots. Return the number of restores."""
    server, engine, chance = client.node.server, client.node.services.engine, random.Random(client.chance.random())
    open_now: list[tuple[Any, list[Any]]] = []
    restores = 0
    while restores < rounds:
        client.node.scheduler.sleep(chance.choice((0.0, 0.002, 0.01)))
        way = chance.random()
        if not open_now or (way < 0.2 and len(open_now) < DEPTH):
            # Exclusive access, so that nothing is written between the snapshot and the hash.
            with engine.exclusive():
                snapshot = server.snapshot()
                open_now.append((snapshot, _hashes(client)))
        elif way < 0.85:
            place = chance.randrange(len(open_now))
            del open_now[place + 1 :]
            snapshot, before = open_now[place]
            with engine.exclusive():
                server.restore(snapshot)
                after = _hashes(client)
            assert after == before, f"restore {restores} gives {after}, before it was {before}"
            restores += 1
        else:
            server.release(open_now.pop()[0])
    return restores


def main() -> int:
    """Run the simulation with the options on the command line. Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.snapshots")
    parser.add_argument("--rounds", type=int, default=10_000, help="how many restores")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; each gives 100 restores")
    options = parser.parse_args()
    restores, seed = 0, options.seed
    while restores < options.rounds:
        restores += run(seed, min(100, options.rounds - restores))
        seed += 1
    print(f"{restores} restores gave what was there before, seeds {options.seed} to {seed - 1}")
    return 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(
            sys.executable, [sys.executable, "-m", "tests.simulation.snapshots", *sys.argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"}
        )
    from tests.simulation.threads import install

    install()
    sys.exit(main())
