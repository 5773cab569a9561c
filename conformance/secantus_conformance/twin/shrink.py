"""The search for the smallest session that still produces the same difference (delta debugging)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from secantus_conformance.twin.values import Document

T = TypeVar("T")

#: The lists in commands whose elements may be removed.
_PARTS: Final = {"insert": "documents", "update": "updates", "delete": "deletes", "aggregate": "pipeline"}


def shrink(commands: list[Document], asks: Callable[[list[Document]], bool]) -> list[Document]:
    """Return a shortened session from which no further command, document or stage can be removed without losing the difference.

    Arguments:
        asks: returns whether a session still produces the difference. It is true for the whole session.
    """
    commands = smallest(commands, asks)
    for place in range(len(commands)):
        commands = _without_fields(_without_parts(commands, place, asks), place, asks)
    return commands


def _without_parts(commands: list[Document], place: int, asks: Callable[[list[Document]], bool]) -> list[Document]:
    """Return the commands after removing as many documents, statements or stages as possible from one command."""
    part = _PARTS.get(next(iter(commands[place])))
    if part is None or len(commands[place][part]) < 2:
        return commands

    def with_part(kept: list[Document]) -> list[Document]:
        return [*commands[:place], {**commands[place], part: kept}, *commands[place + 1 :]]

    return with_part(smallest(commands[place][part], lambda kept: bool(kept) and asks(with_part(kept))))


def _without_fields(commands: list[Document], place: int, asks: Callable[[list[Document]], bool]) -> list[Document]:
    """Return the commands after removing as many fields as possible from the documents of an insert."""
    command = commands[place]
    if "insert" not in command:
        return commands
    for number in range(len(command["documents"])):
        for name in [one for one in command["documents"][number] if one != "_id"]:
            documents = list(commands[place]["documents"])
            documents[number] = {key: value for key, value in documents[number].items() if key != name}
            tried = [*commands[:place], {**command, "documents": documents}, *commands[place + 1 :]]
            if asks(tried):
                commands = tried
    return commands


def smallest(parts: Sequence[T], holds: Callable[[list[T]], bool]) -> list[T]:
    """Return a small subset of the parts, in order, for which a condition is true. Removing any adjacent parts from it makes the
    condition false.

    Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002.

    Arguments:
        holds: the condition. It is true for all parts together.
    """
    left, pieces = list(parts), 2
    while len(left) >= 2:
        size = max(len(left) // pieces, 1)
        for start in range(0, len(left), size):
            tried = left[:start] + left[start + size :]
            if holds(tried):
                left, pieces = tried, max(pieces - 1, 2)
                break
        else:
            if size == 1:
                return left
            pieces = min(pieces * 2, len(left))
    return left
