"""The history of a client's writes, from which the state of its collections after each statement is known."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

Document = dict[str, Any]
SHARED = "documents"


class Content(NamedTuple):
    """The documents of a collection by `_id`, and the names of its indexes except the one on `_id`."""

    documents: dict[int, Document]
    indexes: frozenset[str] = frozenset()


#: The client's part of the shared collection, and the client's own collections, by name.
State = dict[str, Content]


@dataclass
class Statement:
    """A statement of a client.

    Arguments:
        what: the statement's name in reports.
        after: the state after the statement.
        durable: whether the acknowledgement promises that the statement is on disk.
        splits: whether the statement may be applied partially, document by document.
        retry: the command, if it is a retryable write.
        begun, ended: ticks of a clock that all clients share. `ended` is None before the acknowledgement.
    """

    what: str
    after: State
    durable: bool
    splits: bool = False
    retry: Document | None = None
    begun: int = 0
    ended: int | None = None


class History:
    """The sequence of one client's statements since the store was opened.

    Arguments:
        before: the state when the store was opened.
    """

    ticks = count(1)

    def __init__(self, before: State) -> None:
        self.before = before
        self.statements: list[Statement] = []
        # Held by the client during a statement, and by other code to make the client pause.
        self.lock = threading.Lock()

    @property
    def newest(self) -> State:
        """The state after the last statement."""
        return self.state(len(self.statements))

    def state(self, number: int) -> State:
        """Return the state after the given number of statements."""
        return self.statements[number - 1].after if number else self.before


def least(histories: list[History], acknowledged: list[int]) -> list[int]:
    """Return, for each client, the number of its statements that must be in the store.

    These are all acknowledged durable statements, and all statements that were acknowledged before a durable one began.
    """
    done = [history.statements[:number] for history, number in zip(histories, acknowledged, strict=False)]
    synced = max((statement.begun for part in done for statement in part if statement.durable), default=0)
    needed = []
    for part in done:
        numbers = [number for number, one in enumerate(part, 1) if one.durable or (one.ended is not None and one.ended < synced)]
        needed.append(max(numbers, default=0))
    return needed


def found_at(history: History, found: State, low: int, high: int) -> int | None:
    """Return the number of statements, between `low` and `high`, after which a client had the state `found`. Return None if there is no
    such number.

    A state in which the next statement is partially applied also matches, if that statement may be applied partially.
    """
    for number in range(high, low - 1, -1):
        if found == history.state(number):
            return number
    for number in range(low, high):
        if history.statements[number].splits and is_between(found, history.state(number), history.state(number + 1)):
            return number
    return None


def is_between(found: State, before: State, after: State) -> bool:
    """Return whether each document is in its state before or after a statement that changes only documents."""
    if found.keys() != after.keys() or any(found[name].indexes != after[name].indexes for name in found):
        return False
    for name, content in found.items():
        old, new = (state[name].documents if name in state else {} for state in (before, after))
        for identity in {*content.documents, *old, *new}:
            if content.documents.get(identity) not in (old.get(identity), new.get(identity)):
                return False
    return True


def differences(found: State, expected: State) -> str:
    """Return a description of the first difference between two states, for a report."""
    if found.keys() != expected.keys():
        return f"collections {sorted(found)}, expected {sorted(expected)}"
    for name, content in found.items():
        if content.indexes != expected[name].indexes:
            return f"{name}: indexes {sorted(content.indexes)}, expected {sorted(expected[name].indexes)}"
        there, wanted = content.documents, expected[name].documents
        for identity in sorted({*there, *wanted}):
            if there.get(identity) != wanted.get(identity):
                return f"{name}: document {identity} is {there.get(identity)}, expected {wanted.get(identity)}"
    return "none"
