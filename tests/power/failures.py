"""Tests in which the n-th call of a kind fails: `python -m tests.power.failures --kind read` tries every n until no call fails.

Each run has a store that is new, was closed, or was killed. A forked daemon starts on it, serves a client, and is stopped. Only one call
fails, and later calls succeed. If the daemon cannot start or stop, it must report a clear message and release everything. Then the store
is opened again without a failure. It must contain everything that was acknowledged.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from secantus_server.server import SecantusDBServer
from tests.net.raw_client import RawClient, connected
from tests.power.failing_calls import KINDS, FailingCalls, restart_with_library
from tests.power.failing_daemon import Ending, ForkedDaemon
from tests.power.failing_statements import Statements, seed

STORES: Final = ("new", "closed", "killed")
#: The number of allocations that running threads may still use when they are counted.
_IN_USE: Final = 20
#: A message after which the server leaves the storage engine open.
NO_CHECKPOINT: Final = "No checkpoint was written"
#: Texts that a message for a user must not contain.
_BUGS: Final = ("Traceback", "Fatal Python error", "internal error", "Internal error", "damaged", "WT_")


@dataclass
class Run:
    """One run with a failing call, and the problems that it revealed."""

    store: str
    kind: str
    at: int
    failed: bool = False
    crashed: bool = False
    acknowledged: int = 0
    refused: int = 0
    code: int | None = None
    said: str = ""
    problems: list[str] = field(default_factory=list)


class Failures:
    """The runs with failing calls, and the stores with which they start.

    Arguments:
        directory: the directory for all files.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._calls = FailingCalls()
        _warm_up(directory / "warm")
        for name in STORES[1:]:
            self._make(name)
        self._usual: dict[str, Ending] = {}
        self.counts: dict[str, dict[str, int]] = {}
        for store in STORES:
            run = Run(store, KINDS[0], 0)
            self._usual[store] = self._try(run)
            assert not run.problems, run
            self.counts[store] = self._counted

    def _make(self, name: str) -> None:
        store = self._directory / name
        self._calls.begin(store, KINDS[0], 0)
        daemon = ForkedDaemon(self._calls, store)
        connection = RawClient(daemon)
        seed(connection)
        connection.close()
        if name == "killed":
            daemon.kill()
        else:
            ending = daemon.stop()
            assert ending.code == 0, ending

    def run(self, store: str, kind: str, at: int) -> Run:
        """Run a daemon with a failing call. Return the run with its problems."""
        run = Run(store, kind, at)
        ending, usual = self._try(run), self._usual[store]
        if NO_CHECKPOINT in ending.stderr or run.crashed:
            # In these cases, the operating system releases the resources when the process ends.
            return run
        if ending.left is None or len(ending.left) > len(usual.left or []):
            run.problems.append(f"leaves {ending.left}")
        elif ending.code == 0 and ending.kept > usual.kept + _IN_USE:
            # After an error that makes it stop, WiredTiger does not free everything.
            run.problems.append(f"{ending.kept} allocations were not freed, {usual.kept} without a failure")
        return run

    def _try(self, run: Run) -> Ending:
        """Execute a run, and return how the daemon ended."""
        store = self._directory / "store"
        shutil.rmtree(store, ignore_errors=True)
        if run.store != "new":
            shutil.copytree(self._directory / run.store, store)
        statements = Statements(seeded=run.store != "new", has_failed=lambda: self._calls.failed)
        self._calls.begin(store, run.kind, run.at)
        daemon = ForkedDaemon(self._calls, store)
        if daemon.has_started:
            connection = RawClient(daemon)
            statements.run(connection)
            connection.close()
        ending = daemon.stop()
        run.failed = self._calls.failed
        self._counted = {kind: self._calls.calls(kind) for kind in KINDS}
        # WiredTiger's own code crashes after some failed allocations. A crash loses no data; crashes are counted.
        run.crashed = run.kind == "memory" and ending.code == -signal.SIGSEGV
        run.problems += statements.problems
        if not run.crashed:
            run.problems += _wrong_with(ending, has_started=daemon.has_started, has_failed=run.failed)
        if run.kind == "sync" and statements.late:
            run.problems.append(f"{statements.late} statements were acknowledged after a failed sync")
        run.acknowledged, run.refused, run.code, run.said = statements.acknowledged, statements.refused, ending.code, ending.stderr
        self._verify(store, statements, run)
        return ending

    def _verify(self, store: Path, statements: Statements, run: Run) -> None:
        """Open the store without a failure, and check its contents."""
        self._calls.begin(store, KINDS[0], 0)
        daemon = ForkedDaemon(self._calls, store)
        if not daemon.has_started:
            run.problems.append(f"does not open afterwards: {daemon.stop().stderr}")
            return
        connection = RawClient(daemon)
        before = len(statements.problems)
        statements.verify(connection)
        connection.close()
        run.problems += statements.problems[before:]
        ending = daemon.stop()
        if ending.code != 0:
            run.problems.append(f"does not close afterwards: {ending}")


def _wrong_with(ending: Ending, *, has_started: bool, has_failed: bool) -> list[str]:
    """Return the problems with the way in which a daemon ended."""
    problems = [f"says {bug}" for bug in _BUGS if bug in ending.stderr]
    if ending.code not in (0, 1):
        problems.append(f"ends with {ending.code}")
    if ending.code == 0 and not has_started:
        problems.append("ends without a reason")
    if ending.code == 1 and ("secantusdb: " not in ending.stderr or not has_failed):
        problems.append("ends without a sentence")
    return problems


def _warm_up(store: Path) -> None:
    """Import the modules that a server and the statements need, so that the forked processes do not have to import them."""
    with SecantusDBServer(port=0, storage_path=str(store), log_level="error") as server, connected(server) as connection:
        seed(connection)
        statements = Statements(seeded=True, has_failed=lambda: False)
        statements.run(connection)
        statements.verify(connection)
    assert threading.active_count() == 1, "a fork would lose the other threads"


def numbers(arguments: argparse.Namespace, counts: dict[str, dict[str, int]]) -> Iterator[tuple[str, str, int]]:
    """Yield the requested runs: all runs, or a random sample of each kind."""
    chance = random.Random(arguments.seed)
    for kind in arguments.kind or KINDS:
        every = [(store, kind, at) for store in STORES for at in range(1, counts[store][kind] + 1)]
        yield from chance.sample(every, min(arguments.sample, len(every))) if arguments.sample else every


def main() -> int:
    """Execute the runs that the command line requests. Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--sample", type=int, default=0, help="how many of each kind; 0 for all")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--one", nargs=3, metavar=("STORE", "KIND", "N"), help="a run to repeat")
    arguments = parser.parse_args()
    restart_with_library("tests.power.failures")
    with tempfile.TemporaryDirectory() as directory:
        failures, bad, done, crashes = Failures(Path(directory)), 0, 0, 0
        wanted = [(arguments.one[0], arguments.one[1], int(arguments.one[2]))] if arguments.one else numbers(arguments, failures.counts)
        for store, kind, at in wanted:
            run = failures.run(store, kind, at)
            done += 1
            bad += bool(run.problems)
            crashes += run.crashed
            if run.problems or arguments.one:
                print(json.dumps(asdict(run)), flush=True)
    print(f"seed {arguments.seed}: {done} calls failed, {bad} with a problem, {crashes} with a crash for want of memory;", end=" ")
    print(f"calls without a failure: {failures.counts}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
