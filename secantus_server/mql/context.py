"""What a parser of the language is given: the time, the variables in scope, collation, randomness.

The language itself reads no clock and has no state; whatever changes from run to run comes in here.
"""

from __future__ import annotations

import random as random_module
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson.values import MISSING, Date
from secantus_server.mql.limits import DEFAULT_LIMITS, MemoryLimits


class Collation(Protocol):
    """Replaces the comparison of strings."""

    def sort_key(self, text: str) -> bytes:
        """Bytes whose order is the collation's order of texts."""
        ...


class Cell:
    """A variable's place: a parsed tree reads it, the operator that binds the variable sets it before evaluating."""

    __slots__ = ("value",)

    def __init__(self, value: Any = MISSING) -> None:
        self.value = value


@dataclass(slots=True, eq=False)
class ParseContext:
    """The surroundings of one command's filter, expression, update or pipeline; nobody changes them.

    Arguments:
        now: `$$NOW`, the same for the whole command.
        cluster_time: `$$CLUSTER_TIME`, or None on a standalone server.
        keeps_empty_timestamps: a replacement document's empty timestamps stay as they are.
        knows_time: whether `$$NOW` and `$$CLUSTER_TIME` are there at all: not in `count`, `distinct`, the lists and partial filters.
        variables: user variables in scope (`let`, `$let`, `$map`, ...), without the `$$`.
        collation: None is the simple collation: strings compare by their UTF-8 bytes.
        random: the command's source of randomness (`$rand`, `$sample`).
        generate_object_id: makes the `_id` of an upserted document.
        limits: how much memory stages and accumulators may use.
    """

    now: Date = field(default_factory=lambda: Date(0))
    cluster_time: Timestamp | None = None
    variables: dict[str, Cell] = field(default_factory=dict)
    collation: Collation | None = None
    random: random_module.Random = field(default_factory=random_module.Random)
    generate_object_id: Callable[[], ObjectId] = ObjectId
    knows_time: bool = True
    keeps_empty_timestamps: bool = False
    limits: MemoryLimits = DEFAULT_LIMITS

    def child(self, /, **cells: Cell) -> ParseContext:
        """The same surroundings with more variables in scope."""
        variables = {**self.variables, **cells}
        return ParseContext(
            self.now,
            self.cluster_time,
            variables,
            self.collation,
            self.random,
            self.generate_object_id,
            self.knows_time,
            limits=self.limits,
        )
