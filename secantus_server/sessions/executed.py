"""The records of the executed statements of retryable writes."""

from __future__ import annotations

from typing import Any

from secantus_server.records import NamedTuple


class Executed(NamedTuple):
    """A group of executed statements of a retryable write.

    Arguments:
        kind: "insert", "update", "delete", "findAndModify", or "transaction" for a committed transaction.
        first: the id of the first statement.
        last: the id of the last statement. Only inserts and updates have groups of several statements.
        result: the part of the reply of each statement, as BSON values. For a group of updates with different results, the list of them.
    """

    kind: str
    first: int
    last: int
    result: Any = None


#: The fields of an `Executed`. The log keeps plain tuples, because they are cheaper to create and most writes are never retried.
ExecutedFields = tuple[str, int, int, Any]
