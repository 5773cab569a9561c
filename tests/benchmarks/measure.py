"""The measurement of one row of the table, alternately against several servers, with medians."""

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
    """The error if a server returns a wrong result for a row."""


def connect(port: int) -> MongoClient[dict[str, Any]]:
    """Return a client with the same settings for every server. Its monitoring uses polling, to minimize background activity."""
    return MongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true&serverMonitoringMode=poll")


@dataclass
class Subject:
    """A server under measurement in one row: its connection, the number of calls so far, and the seconds of each call."""

    name: str
    client: MongoClient[dict[str, Any]]
    row: Row
    batch: int = 1
    calls: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def database(self) -> Documents:
        """The database that every row uses."""
        return self.client["bench"]

    def call(self) -> float:
        """Prepare and make one call, and return its duration in seconds. Raise WrongAnswer if the result is wrong."""
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
        """Make some uncounted calls, and determine how many calls fit into a batch."""
        elapsed = self.call()
        if elapsed < BATCH_SECONDS:
            elapsed = min(self.call() for _ in range(20))
        self.batch = max(1, min(200, int(BATCH_SECONDS / elapsed)))

    def sample(self) -> None:
        """Make one batch of counted calls. If calls are short, make an uncounted batch first.

        While another server works, this server's core is idle and its cached data is evicted. Recovering from this takes about ten
        milliseconds.
        """
        if self.batch > 1:
            for _ in range(self.batch):
                self.call()
        self.seconds.extend(self.call() for _ in range(self.batch))

    def median(self) -> float:
        """Return the median time of a call in microseconds, per document if the row has documents."""
        return statistics.median(self.seconds) * 1e6 / self.row.per


def measure(subjects: list[Subject], seconds: float) -> dict[str, float]:
    """Sample all subjects alternately for about `seconds` each, starting with a different subject each time. Return the medians by name."""
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
