"""The counts and times of one connection's commands by collection, for the commands top and serverStatus (`opcounters`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from secantus_server.dispatch._operation import Counts

# The maximum number of rows of a connection, because clients can invent any number of names. Beyond it, the oldest rows are added to the
# rows of their commands without a collection: this many at once, because each removal copies the keys of all rows.
MAX_ROWS = 10_000
_REMOVED = 1000

_READS = frozenset(["find", "getMore", "aggregate", "count", "distinct"])
_WRITES = frozenset(["insert", "update", "delete", "findAndModify"])

_TOTALS = ("inserted", "updated", "deleted", "returned", "keys", "documents", "whole_scans", "tailing_scans", "sorts")

# The key of a row: the database, the collection and the command's name. A command without a collection has no database either.
Key = tuple[str, str, str]


def row_key(db: str, target: object, command: str) -> Key:
    """Return the key of a command's row.

    A drop belongs to the dropped collection, of which no row is kept.

    Arguments:
        target: the value of the command's first field, a string if the command has a collection.
    """
    if type(target) is str and target and command != "drop":
        return (db, target, command)
    return ("", "", command)


class Usage(Counts):
    """The counts and times of the commands of one connection.

    Attributes:
        inserted, updated, deleted, returned: the numbers of documents inserted, matched for updates, deleted and returned.
        keys, documents: the numbers of index keys and documents examined.
        whole_scans, tailing_scans, sorts: the numbers of collection scans, of collection scans with a tailable cursor, and of sorts in
        memory.

    Threads: only the connection's thread adds records. All other threads copy and remove rows, each with a single dict operation.
    """

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.rows: dict[Key, list[float]] = {}
        self.counts: defaultdict[str, int] = defaultdict(int)

    def record(self, key: Key, counter: str, seconds: float, statements: int = 1) -> None:
        """Count a command that has run, and add its time.

        Arguments:
            counter: the command's counter in serverStatus's `opcounters`.
            statements: the number to add to this counter.
        """
        self.counts[counter] += statements
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = [0, 0.0]
            if len(self.rows) > MAX_ROWS:
                self._remove_oldest()
        row[0] += 1
        row[1] += seconds

    def fail(self, command: str) -> None:
        """Count a failed execution of a command."""
        self.counts["errors"] += 1
        self.counts[f"failed {command}"] += 1

    def commands(self) -> dict[str, tuple[int, int]]:
        """Return the number of executions and the number of failures of each command."""
        totals: defaultdict[str, int] = defaultdict(int)
        for (_, _, command), row in self.rows.copy().items():
            totals[command] += int(row[0])
        return {name: (total, self.counts.get(f"failed {name}", 0)) for name, total in totals.items()}

    def add(self, other: Usage) -> None:
        """Add the counts and times of another connection to this object."""
        for name in _TOTALS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for counter, count in other.counts.copy().items():
            self.counts[counter] += count
        for key, row in other.rows.copy().items():
            self._merge(key, row)

    def latencies(self, db: str, collection: str) -> dict[str, tuple[int, int]]:
        """Return the number and the total microseconds of the reads, of the writes and of all other commands on a collection."""
        return _by_kind((key[2], row) for key, row in self.rows.items() if key[:2] == (db, collection))

    def all_latencies(self) -> dict[str, tuple[int, int]]:
        """Return the number and the total microseconds of all reads, of all writes and of all other commands."""
        return _by_kind((key[2], row) for key, row in self.rows.items())

    def forget(self, db: str, collection: str | None) -> None:
        """Remove the rows of a dropped collection, or of all collections of a dropped database. The totals do not change."""
        for key in list(self.rows):
            if key[0] == db and key[1] and collection in (None, key[1]):
                self._merge(("", "", key[2]), self.rows.pop(key, (0, 0.0)))

    def _remove_oldest(self) -> None:
        """Add the oldest rows of collections to the rows of their commands without a collection."""
        for key in list(self.rows)[:_REMOVED]:
            if key[1]:
                # Another connection may have dropped the collection in the meantime.
                self._merge(("", "", key[2]), self.rows.pop(key, (0, 0.0)))

    def _merge(self, key: Key, row: Sequence[float]) -> None:
        """Add a count and a time to the row with the given key."""
        merged = self.rows.setdefault(key, [0, 0.0])
        merged[0] += row[0]
        merged[1] += row[1]


def _by_kind(rows: Iterable[tuple[str, list[float]]]) -> dict[str, tuple[int, int]]:
    found = {"reads": (0, 0), "writes": (0, 0), "commands": (0, 0)}
    for command, (count, seconds) in rows:
        kind = "reads" if command in _READS else "writes" if command in _WRITES else "commands"
        ops, micros = found[kind]
        found[kind] = (ops + int(count), micros + int(seconds * 1e6))
    return found
