"""Time a row against several servers, interleaved, and take medians."""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

from pymongo import MongoClient

from tests.benchmarks.rows import Documents, Row

BATCH_SECONDS = 0.02
LEAST_ROUNDS = 5


class WrongAnswer(Exception):
    """A server answered a row with something else than the row's answer."""


def connect(port: int) -> MongoClient[dict[str, Any]]:
    """A client with the same settings for every server; monitoring by polling keeps the background quiet."""
    return MongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true&serverMonitoringMode=poll")


@dataclass
class Subject:
    """One server in one row: its connection, the calls made so far and the seconds each took."""

    name: str
    client: MongoClient[dict[str, Any]]
    row: Row
    batch: int = 1
    calls: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def database(self) -> Documents:
        """The database every row works in."""
        return self.client["bench"]

    def call(self) -> float:
        """Prepare and make one call; returns the seconds it took and raises WrongAnswer."""
        row, database = self.row, self.database
        prepared = row.prepare(database, self.calls)
        started = time.perf_counter()
        answer = row.run(database, prepared)
        elapsed = time.perf_counter() - started
        self.calls += 1
        if row.answer is not None and answer != row.answer:
            raise WrongAnswer(f"{self.name}, {row.name}: {answer} instead of {row.answer}")
        return elapsed

    def warm_up(self) -> None:
        """Make the first calls, which do not count, and find out how many fit into a batch."""
        elapsed = self.call()
        if elapsed < BATCH_SECONDS:
            elapsed = min(self.call() for _ in range(20))
        self.batch = max(1, min(200, int(BATCH_SECONDS / elapsed)))

    def sample(self) -> None:
        """Make one batch of calls that count, after another that does not where calls are short.

        A core that idled while another server worked, and caches that it filled with other things, take some ten milliseconds to recover.
        """
        if self.batch > 1:
            for _ in range(self.batch):
                self.call()
        self.seconds.extend(self.call() for _ in range(self.batch))

    def median(self) -> float:
        """The median of a call, in microseconds per document (or per call where a row has no documents)."""
        return statistics.median(self.seconds) * 1e6 / self.row.per


def measure(subjects: list[Subject], seconds: float) -> dict[str, float]:
    """Sample all subjects in turn for about `seconds` each, the first one changing; returns medians by name."""
    for subject in subjects:
        subject.warm_up()
    deadline = time.monotonic() + seconds * len(subjects)
    rounds = 0
    gc.collect()
    gc.disable()
    try:
        while rounds < LEAST_ROUNDS or time.monotonic() < deadline:
            turn = rounds % len(subjects)
            for subject in subjects[turn:] + subjects[:turn]:
                subject.sample()
            rounds += 1
    finally:
        gc.enable()
    return {subject.name: subject.median() for subject in subjects}
