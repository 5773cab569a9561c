"""The measurement of the rows of the table, and the comparison of the results with their required ratios (bars)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from pymongo.errors import PyMongoError

from tests.benchmarks import daemons
from tests.benchmarks.measure import Subject, WrongAnswer, connect, measure
from tests.benchmarks.recording import tap
from tests.benchmarks.replay import Recordings
from tests.benchmarks.rows import Row

OURS, PEER, FLOOR = "ours", "peer", "floor"


@dataclass(frozen=True)
class Figures:
    """The results of one row: microseconds per document or call for each server, and the required ratios (bars)."""

    name: str
    microseconds: dict[str, float]
    floor_bar: float | None
    peer_bar: float | None
    note: str = ""

    def over_floor(self) -> float | None:
        """Return the ratio of our time to the replay server's time (the floor), or None if one of them is missing."""
        return ratio(self.microseconds.get(OURS), self.microseconds.get(FLOOR))

    def under_peer(self) -> float | None:
        """Return the ratio of the peer's time to our time, or None if one of them is missing."""
        return ratio(self.microseconds.get(PEER), self.microseconds.get(OURS))

    def holds(self) -> bool | None:
        """Return whether both bars are met, or None if no ratio is available."""
        over, under = self.over_floor(), self.under_peer()
        verdicts = []
        if over is not None and self.floor_bar is not None:
            verdicts.append(over <= self.floor_bar)
        if under is not None and self.peer_bar is not None:
            verdicts.append(under >= self.peer_bar)
        return all(verdicts) if verdicts and not self.note else None

    def as_json(self) -> dict[str, Any]:
        """Return the results in the form for ``--json``."""
        return {**asdict(self), "over_floor": self.over_floor(), "under_peer": self.under_peer(), "holds": self.holds()}


def ratio(dividend: float | None, divisor: float | None) -> float | None:
    """Return `dividend / divisor`, or None if one of them is unknown."""
    return dividend / divisor if dividend is not None and divisor else None


def record(row: Row, port: int) -> Recordings:
    """Run a row twice through a recording proxy in front of the server at `port`. Return the replies by command shape."""
    with connect(port) as client:
        row.load(client["bench"])
    with tap(port) as recorder:
        with connect(recorder.port) as client:
            client.admin.command("hello")
            subject = Subject("recording", client, row)
            subject.call()
            subject.call()
        return dict(recorder.recordings)


def record_all(rows: Iterable[Row], port: int) -> dict[str, Recordings]:
    """Return the recorded replies for every row that the server at `port` can run."""
    recordings = {}
    for row in rows:
        try:
            recordings[row.name] = record(row, port)
        except (PyMongoError, WrongAnswer) as error:
            print(f"not recorded: {row.name}: {type(error).__name__}: {str(error)[:200]}")
    return recordings


def measure_row(row: Row, ports: Mapping[str, int], seconds: float) -> Figures:
    """Measure one row against the servers at `ports`. If a server cannot run the row, omit it and add a note."""
    notes = []
    with ExitStack() as stack:
        subjects = []
        for name, port in ports.items():
            client = stack.enter_context(connect(port))
            subject = Subject(name, client, row)
            try:
                if name != FLOOR:
                    row.load(subject.database)
                subject.call()
            except WrongAnswer as error:
                notes.append(str(error))
            except PyMongoError as error:
                notes.append(f"{name}: {type(error).__name__}: {str(error)[:120]}")
            else:
                subjects.append(subject)
        medians = measure(subjects, seconds) if subjects else {}
        for subject in subjects:
            if subject.name != FLOOR:
                subject.client.drop_database("bench")
    return Figures(row.name, medians, row.floor_bar, row.peer_bar, "; ".join(notes))


def run_table(rows: list[Row], ours: str | None, peer: str | None, seconds: float, *, eager_floor: bool) -> Iterator[Figures]:
    """Start the servers, record replies for the replay server, then measure and yield row by row.

    The replies are recorded from our server, or from the peer if our server is not measured.
    """
    with ExitStack() as stack:
        ports = {}
        for name, command in ((OURS, ours), (PEER, peer)):
            if command:
                ports[name], _ = stack.enter_context(daemons.daemon(command))
        recordings = record_all(rows, next(iter(ports.values())))
        floors = stack.enter_context(daemons.floor(recordings, eager=eager_floor))
        for row in rows:
            floor = {FLOOR: floors[row.name]} if row.name in floors else {}
            yield measure_row(row, {**floor, **ports}, seconds)
