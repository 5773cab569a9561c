"""Simulated transactions on lists, and a checker of their history that needs no external program.

The checker finds fewer anomalies than `adya` (tests/isolation/adya.py). The nightly run checks its histories with both, and the results
must not contradict each other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

from tests.isolation.history import APPEND, READ, History, Operation, append, read
from tests.simulation.client import TRANSIENT, Client, Failed, Lost

LISTS, LONGEST = 5, 24
DB = "isolation"
#: The errors that may end a transaction in a correct server: a conflict, killSessions, killOp, a lost cursor, a time limit.
EXPECTED = frozenset({112, 251, 11601, 237, 43, 290, 24, 50, 246, 11600, 91, 189})
#: The errors of an interrupted write outside transactions.
STATEMENT_ERRORS = frozenset({11601, 237, 43, 50, 11600, 91, 189})


class Keys:
    """The keys of the lists in use, and the next value for each list."""

    def __init__(self) -> None:
        self._appended = dict.fromkeys(range(LISTS), 0)
        self._next = LISTS

    def choose(self, client: Client) -> int:
        """Return the key of a list in use."""
        return client.chance.choice(list(self._appended))

    def next_value(self, client: Client) -> tuple[int, int]:
        """Return the key of a list in use, and a new value that the list does not contain yet."""
        key = self.choose(client)
        self._appended[key] += 1
        value = self._appended[key]
        if value == LONGEST:
            del self._appended[key]
            self._appended[self._next] = 0
            self._next += 1
        return key, value


class Lists:
    """A simulated client that appends to lists and reads them, inside and outside transactions.

    Arguments:
        processes: yields the number of a new process.
    """

    def __init__(self, client: Client, keys: Keys, history: History, processes: Any) -> None:
        self._client = client
        self._keys = keys
        self._history = history
        self._processes = processes
        self._process = next(processes)

    def one(self) -> None:
        """Run one transaction, or one operation outside a transaction."""
        chance = self._client.chance
        outside = chance.random() < 0.15
        wanted = [self._operation() for _ in range(1 if outside else chance.randrange(1, 5))]
        self._history.invoke(self._process, wanted)
        outcome, done = self._outside(wanted) if outside else self._inside(wanted)
        self._history.complete(outcome, self._process, done)  # type: ignore[arg-type]
        if outcome == "info":
            self._process = next(self._processes)

    def _operation(self) -> Operation:
        if self._client.chance.random() < 0.5:
            return append(*self._keys.next_value(self._client))
        return read(self._keys.choose(self._client))

    def _outside(self, wanted: list[Operation]) -> tuple[str, list[Operation]]:
        (operation,) = wanted
        try:
            if operation[0] == APPEND:
                self._client.retried(DB, self._append_command(operation))
                return "ok", wanted
            return "ok", [[READ, operation[1], self._read(operation[1])]]
        except Lost:
            return "fail", wanted
        except Failed as failed:
            if failed.code not in STATEMENT_ERRORS:
                raise
            return ("info" if operation[0] == APPEND else "fail"), wanted

    def _inside(self, wanted: list[Operation]) -> tuple[str, list[Operation]]:
        client = self._client
        client.begin()
        done: list[Operation] = []
        try:
            for operation in wanted:
                if operation[0] == APPEND:
                    client.inside(DB, self._append_command(operation))
                    done.append(operation)
                else:
                    done.append([READ, operation[1], self._read(operation[1])])
        except (Lost, Failed) as error:
            client.abort()
            if isinstance(error, Failed) and error.code not in EXPECTED:
                raise
            return "fail", wanted
        if client.chance.random() < 0.08:
            client.abort()
            return "fail", wanted
        return self._commit(wanted, done)

    def _commit(self, wanted: list[Operation], done: list[Operation]) -> tuple[str, list[Operation]]:
        try:
            committed = self._client.commit()
        except Failed as failed:
            if failed.code not in EXPECTED or TRANSIENT in failed.labels:
                raise
            return "info", wanted
        return ("info", wanted) if committed is None else ("ok", done) if committed else ("fail", wanted)

    def _append_command(self, operation: Operation) -> dict[str, Any]:
        _, key, value = operation
        change = {"$push": {"v": value}, "$setOnInsert": {"k": key}}
        if self._client.chance.random() < 0.3:
            return {"findAndModify": "lists", "query": {"_id": key}, "update": change, "upsert": True, "new": True}
        return {"update": "lists", "updates": [{"q": {"_id": key}, "u": change, "upsert": True}]}

    def _read(self, key: object) -> list[int]:
        way = self._client.chance.randrange(3)
        if way == 0:
            command: dict[str, Any] = {"find": "lists", "filter": {"_id": key}}
        elif way == 1:
            command = {"find": "lists", "filter": {"k": key}}
        else:
            command = {"aggregate": "lists", "pipeline": [{"$match": {"k": key}}, {"$project": {"v": 1}}], "cursor": {}}
        found = self._client.all(DB, command)
        values: list[int] = found[0]["v"] if found else []
        return values


class Judgement:
    """A check whether a history of transactions on lists satisfies strong snapshot isolation.

    Arguments:
        lines: the lines of the history.
        final: the lists at the end.
    """

    def __init__(self, lines: list[str], final: dict[int, list[int]]) -> None:
        self.problems: list[str] = []
        self._committed: list[tuple[int, int, list[Operation]]] = []
        self._failed: set[tuple[object, object]] = set()
        began: dict[int, int] = {}
        for line in map(json.loads, lines):
            if line["type"] == "invoke":
                began[line["process"]] = line["index"]
            elif line["type"] == "ok":
                self._committed.append((began[line["process"]], line["index"], line["value"]))
            elif line["type"] == "fail":
                self._failed |= {(key, value) for kind, key, value in line["value"] if kind == APPEND}
        self._final = final
        self._check_values()
        if not self.problems:
            self._check_cycles()

    def _check_values(self) -> None:
        """Check that reads are prefixes of the final lists, and that acknowledged appends occur exactly once.

        A read may additionally contain the appends of its own transaction.
        """
        for key, values in self._final.items():
            if len(set(values)) != len(values):
                self.problems.append(f"list {key} has a value twice: {values}")
            if aborted := [value for value in values if (key, value) in self._failed]:
                self.problems.append(f"list {key} has values of aborted transactions: {aborted}")
        for _, _, operations in self._committed:
            own: dict[object, list[object]] = defaultdict(list)
            for kind, key, value in operations:
                order = self._final.get(key, [])  # type: ignore[call-overload]
                if kind == APPEND:
                    own[key].append(value)
                    if value not in order:
                        self.problems.append(f"an acknowledged append is lost: {value} of list {key}")
                elif value != order[: len(value)] or (own[key] and value[-len(own[key]) :] != own[key]):  # type: ignore[arg-type, index]
                    self.problems.append(f"a read of list {key} is {value}, after own {own[key]}; the list is {order}")

    def _check_cycles(self) -> None:
        """Check that every cycle in the dependency graph of the transactions contains at least two anti-dependencies."""
        writers = {(key, value): number for number, (_, _, ops) in enumerate(self._committed) for kind, key, value in ops if kind == APPEND}
        after: dict[int, set[int]] = defaultdict(set)
        anti: set[tuple[int, int]] = set()
        for key, order in self._final.items():
            known = [writers[key, value] for value in order if (key, value) in writers]
            for one, next_one in pairwise(known):
                after[one].add(next_one)
        for number, (began, _, operations) in enumerate(self._committed):
            for other, (_, ended, _) in enumerate(self._committed):
                if ended < began:
                    after[other].add(number)
            for kind, key, value in operations:
                if kind == READ:
                    self._depend(number, key, value, writers, after, anti)
        self._find_cycles(after, anti)

    def _depend(self, number: int, key: Any, value: Any, writers: Any, after: dict[int, set[int]], anti: set[tuple[int, int]]) -> None:
        """Add the dependencies of a read to the graph.

        The read depends on the transaction that wrote the last value in the result. The transaction that wrote the next value depends on
        the reader.
        """
        order = self._final.get(key, [])
        if value and (key, value[-1]) in writers:
            after[writers[key, value[-1]]].add(number)
        for later in order[len(value) :]:
            if (key, later) in writers:
                anti.add((number, writers[key, later]))
                return

    def _find_cycles(self, after: dict[int, set[int]], anti: set[tuple[int, int]]) -> None:
        reached: dict[int, set[int]] = {}
        for start in range(len(self._committed)):
            found: set[int] = set()
            left = [one for one in after[start] if one != start]
            while left:
                here = left.pop()
                if here not in found:
                    found.add(here)
                    left += [one for one in after[here] if one != here]
            reached[start] = found
        for number, found in reached.items():
            if number in found:
                self.problems.append(f"transactions depend on each other: {self._committed[number]}")
        for reader, writer in anti:
            if reader != writer and reader in reached[writer]:
                self.problems.append(f"{self._committed[reader]} has not seen {self._committed[writer]}, but what came after it")
